// Copies and fills on the GPU: dispatches of kernels that Ingot has itself, in the same encoder as all others.

extension CommandEncoder {
  /// Encodes a copy of the elements of one buffer to another of the same dtype and shape.
  ///
  ///     try encoder.copy(rows[3], to: x)
  ///
  /// It is a dispatch as any other: it follows the encoder's ordering, and counts as one. Windows may begin at any byte;
  /// it is fastest where both begin at the same one modulo 16. Throws `.argument` if dtype or shape differ, the
  /// destination is read-only, one is another device's, or the two overlap; `.closed`, `.outOfMemory`, and `.state` after
  /// a commit.
  public func copy(_ source: Buffer, to destination: Buffer) throws(IngotError) {
    try copy(source, to: destination, threadLimit: BuiltinKernels.threadLimit)
  }

  /// Encodes that every element becomes `value`.
  ///
  ///     try encoder.fill(x, with: Float(1))
  ///
  /// It is a dispatch as any other, as a copy is. Throws `.argument` if `T` is not the dtype, the buffer is read-only or
  /// another device's; `.closed`, `.outOfMemory`, and `.state` after a commit.
  public func fill<T: BufferElement>(_ buffer: Buffer, with value: T) throws(IngotError) {
    guard T.dtype == buffer.dtype else {
      throw .argument("\(buffer) is filled with a value of \(T.dtype.name); give one of \(buffer.dtype.name)")
    }
    try withUnsafeBytes(of: value) { (element) throws(IngotError) in
      try fill(buffer, withElement: element)
    }
  }

  /// Encodes that every element becomes what these bytes of one are. Throws as `fill(_:with:)`.
  public func fill(_ buffer: Buffer, withElement element: UnsafeRawBufferPointer) throws(IngotError) {
    try fill(buffer, withElement: element, threadLimit: BuiltinKernels.threadLimit)
  }

  /// As the public one, in dispatches of at most so many threads.
  func copy(_ source: Buffer, to destination: Buffer, threadLimit: Int) throws(IngotError) {
    try entered { () throws(IngotError) in try putCopy(source, destination, threadLimit: threadLimit) }
  }

  /// The same for who has entered.
  func putCopy(_ source: Buffer, _ destination: Buffer, threadLimit: Int) throws(IngotError) {
    guard source.dtype == destination.dtype, source.shape == destination.shape else {
      throw .argument(
        "\(source) does not fit \(destination): dtype and shape must be the same, nothing is converted or repeated;"
          + " reshape, view or index one of them")
    }
    try checkCopied(source)
    try checkWritten(destination)
    try checkOverlap(source, destination)
    let width = Self.width(source.place, destination.place, source.nbytes)
    let kernel = try device.builtins.copy(width: width, on: device)
    let limit = threadLimit * width
    for offset in stride(from: 0, to: source.nbytes, by: limit) {
      let (from, to) = try (source.part(at: offset, limit), destination.part(at: offset, limit))
      guard width == BuiltinKernels.vectorBytes else {
        try dispatch(kernel, from, to, nil, threads: to.nbytes / width)
        continue
      }
      let edges = BuiltinKernels.Edges(start: to.place, nbytes: to.nbytes)
      try withUnsafeBytes(of: CopyValues(edges: edges)) { (values) throws(IngotError) in
        try dispatch(kernel, from, to, values, threads: edges.threads)
      }
    }
    recording?.note(.copy(source, destination))
  }

  /// As the public one, in dispatches of at most so many threads.
  func fill(
    _ buffer: Buffer, withElement element: UnsafeRawBufferPointer, threadLimit: Int
  ) throws(IngotError) {
    try entered { () throws(IngotError) in try putFill(buffer, element, threadLimit: threadLimit) }
  }

  /// The same for who has entered.
  func putFill(
    _ buffer: Buffer, _ element: UnsafeRawBufferPointer, threadLimit: Int
  ) throws(IngotError) {
    guard element.count == buffer.dtype.size else {
      throw .argument(
        "\(element.count) bytes are given for an element of \(buffer), which has \(buffer.dtype.size)")
    }
    try checkWritten(buffer)
    let kernel = try device.builtins.fill(on: device)
    let limit = threadLimit * BuiltinKernels.vectorBytes
    for offset in stride(from: 0, to: buffer.nbytes, by: limit) {
      let part = try buffer.part(at: offset, limit)
      let edges = BuiltinKernels.Edges(start: part.place, nbytes: part.nbytes)
      let values = FillValues(edges: edges, element: element)
      try withUnsafeBytes(of: values) { (values) throws(IngotError) in
        try dispatch(kernel, part, nil, values, threads: edges.threads)
      }
    }
    recording?.note(.fill(buffer, element: Array(element), dtype: buffer.dtype))
  }

  private func dispatch(
    _ kernel: Kernel, _ first: Buffer, _ second: Buffer?, _ values: UnsafeRawBufferPointer?, threads: Int
  ) throws(IngotError) {
    recording?.isOwn = true
    defer { recording?.isOwn = false }
    try withExtendedLifetime((first, second)) { () throws(IngotError) in
      try withUnsafeTemporaryAllocation(of: Unmanaged<Buffer>?.self, capacity: 2) {
        (list) throws(IngotError) in
        list.initializeElement(at: 0, to: .passUnretained(first))
        list.initializeElement(at: 1, to: second.map(Unmanaged.passUnretained))
        let buffers = UnsafeBufferPointer(rebasing: list.prefix(second == nil ? 1 : 2))
        try put(
          kernel, buffers, values ?? UnsafeRawBufferPointer(start: nil, count: 0), .threads(Extent(threads)),
          nil, isCall: false)
      }
    }
  }
}

// What is refused.
extension CommandEncoder {
  private func checkCopied(_ buffer: Buffer) throws(IngotError) {
    guard buffer.deviceID == device.id else {
      throw .argument(
        "\(buffer) belongs to another device object than \(name); the host copies between devices: copy(from:), in"
          + " Python copy_from()")
    }
    try buffer.storage.prepare()
  }

  private func checkWritten(_ buffer: Buffer) throws(IngotError) {
    try checkCopied(buffer)
    guard !buffer.isReadOnly else {
      throw .argument(
        "\(buffer) is read-only, so nothing can be copied to it nor fill it; take a copy() of it")
    }
  }

  /// The threads of a dispatch run in any order, so one would read what another has written.
  private func checkOverlap(_ source: Buffer, _ destination: Buffer) throws(IngotError) {
    let (from, to) = (source.addresses, destination.addresses)
    guard from.start < to.end, to.start < from.end else { return }
    throw .argument(
      "\(source) and \(destination) share bytes, which a kernel cannot copy in place: copy to another buffer, and from"
        + " there")
  }

  /// By how many bytes at a time: by vectors where both begin at the same place within one, by words where both are
  /// made of whole ones.
  private static func width(_ source: Int, _ destination: Int, _ nbytes: Int) -> Int {
    if (source ^ destination) & 15 == 0 { return BuiltinKernels.vectorBytes }
    return (source | destination | nbytes) & 3 == 0 ? 4 : 1
  }
}

extension Buffer {
  /// Where it begins in Metal's buffer, which begins where all vectors are aligned.
  fileprivate var place: Int { storage.base + offset }

  /// Its bytes from `offset` on, at most so many; itself if these are all.
  fileprivate func part(at offset: Int, _ limit: Int) throws(IngotError) -> Buffer {
    if nbytes <= limit { return self }
    return try window(offset: offset, shape: [min(limit, nbytes - offset)], dtype: .uint8)
  }
}

/// A head of packed values; memory has position, dtype and count in this order.
private func head(position: Int, nbytes: Int) -> UInt64 {
  UInt64(littleEndian: UInt64(position) | UInt64(nbytes) << 32)
}

/// The packed values of a copy.
private struct CopyValues: BitwiseCopyable {
  private let edgesHead = head(position: 2, nbytes: 16)
  let edges: BuiltinKernels.Edges
}

/// The packed values of a fill.
private struct FillValues: BitwiseCopyable {
  private let edgesHead = head(position: 1, nbytes: 16)
  private let edges: BuiltinKernels.Edges
  private let patternHead = head(position: 2, nbytes: 16)
  private var pattern: (UInt64, UInt64)

  /// The pattern is what the first vector gets, which begins within an element where the elements are misaligned.
  init(edges: BuiltinKernels.Edges, element: UnsafeRawBufferPointer) {
    self.edges = edges
    pattern = (0, 0)
    withUnsafeMutableBytes(of: &pattern) { bytes in
      for index in bytes.indices { bytes[index] = element[(index + Int(edges.head)) % element.count] }
    }
  }
}
