/// A call that a recording was made of, with what it was given.
enum RecordedCall: Sendable {
  case dispatch(RecordedDispatch)
  case copy(Buffer, Buffer)
  case fill(Buffer, element: [UInt8], dtype: DType)
  case barrier([Buffer])

  /// What an argument was given.
  enum Given: Hashable {
    case buffer(BufferWindow)
    /// With what the kernel takes its bytes for.
    case value([UInt8], DType?, width: Int)
    case threadgroup(nbytes: Int)
  }
}

/// The same for buffers that are the same to a kernel.
struct BufferWindow: Hashable {
  private let storage: UInt64
  private let offset: Int
  private let nbytes: Int
  private let dtype: DType

  init(_ buffer: Buffer) {
    storage = buffer.storageID
    offset = buffer.offset
    nbytes = buffer.nbytes
    dtype = buffer.dtype
  }
}

extension RecordedCall {
  var isBarrier: Bool { if case .barrier = self { true } else { false } }

  var arguments: [KernelArgument] {
    switch self {
    case .dispatch(let dispatch): dispatch.kernel.arguments
    case .copy(let source, let destination):
      [.of(source, "source", .read), .of(destination, "destination", .write)]
    case .fill(let buffer, _, _):
      [.of(buffer, "buffer", .write), .of(buffer, "value", .read, takesInline: true)]
    case .barrier: []
    }
  }

  /// Gives an argument something else; a new dispatch of it says whether that fits.
  mutating func set(_ argument: Argument, at position: Int) throws(IngotError) {
    switch (self, argument.content) {
    case (.dispatch(var dispatch), _):
      try dispatch.set(argument, at: position)
      self = .dispatch(dispatch)
    case (.copy(_, let destination), .buffer(let source)) where position == 0:
      self = .copy(source, destination)
    case (.copy(let source, _), .buffer(let destination)): self = .copy(source, destination)
    case (.fill(_, let element, let dtype), .buffer(let buffer)) where position == 0:
      self = .fill(buffer, element: element, dtype: dtype)
    case (.fill(let buffer, _, _), .scalar(let dtype, _)) where position == 1:
      self = .fill(buffer, element: argument.bytes!, dtype: dtype)
    case (.fill(let buffer, _, let dtype), .bytes(let element, let given)) where position == 1:
      self = .fill(buffer, element: element, dtype: given ?? dtype)
    default:
      throw .argument(
        "'\(arguments[position].name)' is what a copy or fill was given, so it takes"
          + (arguments[position].takesInline ? " a value" : " a buffer"))
    }
  }

  /// Puts other buffers in the place of those that `other` has one for.
  mutating func setBuffers(_ other: (Buffer) -> Buffer?) {
    switch self {
    case .dispatch(var dispatch):
      dispatch.setBuffers(other)
      self = .dispatch(dispatch)
    case .copy(let source, let destination):
      self = .copy(other(source) ?? source, other(destination) ?? destination)
    case .fill(let buffer, let element, let dtype):
      self = .fill(other(buffer) ?? buffer, element: element, dtype: dtype)
    case .barrier(let buffers): self = .barrier(buffers.map { other($0) ?? $0 })
    }
  }
}

extension KernelArgument {
  /// What a copy or a fill takes.
  fileprivate static func of(
    _ buffer: Buffer, _ name: String, _ access: Access, takesInline: Bool = false
  ) -> KernelArgument {
    KernelArgument(
      name: name, kind: .buffer, index: 0, dtype: buffer.dtype, width: 1, nbytes: buffer.dtype.size,
      alignment: 1,
      access: access, isUsed: true, takesInline: takesInline)
  }
}

/// The arguments of a dispatch, kept.
struct RecordedDispatch: Sendable {
  let kernel: Kernel
  private(set) var buffers: [Buffer?]
  /// Packed, as the dispatch took them.
  private(set) var values: [UInt8]
  let grid: Grid
  let group: Extent?
  /// What it reaches through pointers, which nothing can be put in the place of.
  let uses: [BufferUse]

  init(_ bound: BoundKernel, _ grid: Grid, _ group: Extent?) {
    kernel = bound.kernel
    buffers = Array(repeating: nil, count: (bound.positions.last ?? -1) + 1)
    for (position, buffer) in zip(bound.positions, bound.buffers) { buffers[position] = buffer }
    values = bound.withBytes { Array($0) }
    uses = bound.uses
    self.grid = grid
    self.group = group
  }

  init(
    _ kernel: Kernel, _ buffers: DispatchBuffers, _ values: UnsafeRawBufferPointer, _ grid: Grid,
    _ group: Extent?, _ uses: [BufferUse]
  ) {
    self.uses = uses
    self.kernel = kernel
    self.buffers = buffers.map { $0?.takeUnretainedValue() }
    self.values = Array(values)
    self.grid = grid
    self.group = group
  }

  /// What the argument at a position was given; nil if it was left out.
  func given(at position: Int) -> RecordedCall.Given? {
    if buffers.indices.contains(position), let buffer = buffers[position] {
      return .buffer(BufferWindow(buffer))
    }
    let argument = kernel.arguments[position]
    var given: RecordedCall.Given?
    forEachValue { head, bytes in
      guard head.position == position else { return }
      given =
        argument.kind == .threadgroup
        ? .threadgroup(nbytes: head.nbytes) : .value(Array(bytes), argument.dtype, width: argument.width)
    }
    return given
  }

  mutating func set(_ argument: Argument, at position: Int) throws(IngotError) {
    guard kernel.arguments[position].kind == .buffer else {
      throw .argument(
        "argument '\(kernel.arguments[position].name)' of kernel '\(kernel.name)' is threadgroup memory, which stays as"
          + " it was recorded, as the threadgroup does")
    }
    var (packed, buffer): ([UInt8], Buffer?) = ([], nil)
    forEachValue { if $0.position != position { packed.append($0, $1) } }
    switch argument.content {
    case .buffer(let given): buffer = given
    case .unrepresentable(let text):
      throw .argument("argument '\(kernel.arguments[position].name)' of kernel '\(kernel.name)': \(text)")
    default:
      let bytes = argument.bytes ?? []
      let head = PackedValues.Head(position: position, dtype: argument.dtype, nbytes: bytes.count)
      bytes.withUnsafeBytes { packed.append(head, $0) }
    }
    if buffers.count <= position { buffers += Array(repeating: nil, count: position + 1 - buffers.count) }
    buffers[position] = buffer
    values = packed
  }

  mutating func setBuffers(_ other: (Buffer) -> Buffer?) {
    for (position, buffer) in buffers.enumerated() {
      if let buffer, let replaced = other(buffer) { buffers[position] = replaced }
    }
  }

  private func forEachValue(_ body: (PackedValues.Head, UnsafeRawBufferPointer) -> Void) {
    values.withUnsafeBytes { bytes in
      var packed = PackedValues(bytes)
      while let head = packed.nextHead() {
        let count = kernel.rules[head.position].isBuffer ? head.nbytes : 0
        body(head, UnsafeRawBufferPointer(start: packed.nextBytes(count), count: count))
      }
    }
  }
}

extension [UInt8] {
  /// Appends a packed value.
  fileprivate mutating func append(_ head: PackedValues.Head, _ bytes: UnsafeRawBufferPointer) {
    let word = UInt64(
      littleEndian: UInt64(head.position) | UInt64(head.dtype) << 16 | UInt64(head.nbytes) << 32)
    Swift.withUnsafeBytes(of: word) { append(contentsOf: $0) }
    append(contentsOf: bytes)
  }
}

extension CommandEncoder {
  /// Makes a call again. For who has entered.
  func put(_ call: RecordedCall) throws(IngotError) {
    switch call {
    case .dispatch(let dispatch): try put(dispatch)
    case .copy(let source, let destination):
      try putCopy(source, destination, threadLimit: BuiltinKernels.threadLimit)
    case .fill(let buffer, let element, let dtype):
      guard buffer.dtype == dtype else {
        throw .argument(
          "\(buffer) is to be filled with a value of \(dtype.name): give a buffer of that dtype, or replace the value too"
        )
      }
      try element.withUnsafeBufferPointer { (element) throws(IngotError) in
        try putFill(buffer, UnsafeRawBufferPointer(element), threadLimit: BuiltinKernels.threadLimit)
      }
    case .barrier(let buffers): try putBarrier(buffers)
    }
  }

  private func put(_ dispatch: RecordedDispatch) throws(IngotError) {
    let buffers = dispatch.buffers
    try withUnsafeTemporaryAllocation(of: Unmanaged<Buffer>?.self, capacity: buffers.count) {
      (list) throws(IngotError) in
      for (position, buffer) in buffers.enumerated() {
        list.initializeElement(at: position, to: buffer.map(Unmanaged.passUnretained))
      }
      try dispatch.values.withUnsafeBufferPointer { (values) throws(IngotError) in
        try put(
          dispatch.kernel, DispatchBuffers(list), UnsafeRawBufferPointer(values), dispatch.grid,
          dispatch.group, uses: dispatch.uses, isCall: false)
      }
    }
    recording?.note(.dispatch(dispatch))
  }
}
