extension CommandEncoder {
  /// Encodes a dispatch over so many threads; Ingot chooses the threadgroup (`dispatchThreads`).
  ///
  ///     try encoder.dispatch(saxpy, x, y, .float(2), grid: x.count)
  ///
  /// Arguments stand in the order of `kernel.arguments`. Throws `.argument` if they do not fit the kernel or the kernel
  /// needs a threadgroup, `.state` after a commit.
  public func dispatch<each A: ArgumentConvertible>(
    _ kernel: Kernel, _ arguments: repeat each A, grid: some ExtentConvertible
  ) throws(IngotError) {
    try dispatch(kernel, list(repeat each arguments), grid: .threads(grid.asExtent()), group: nil)
  }

  /// Encodes a dispatch over so many threads in threadgroups of a given size; those at the edges are smaller.
  public func dispatch<each A: ArgumentConvertible>(
    _ kernel: Kernel, _ arguments: repeat each A, grid: some ExtentConvertible, group: some ExtentConvertible
  ) throws(IngotError) {
    try dispatch(
      kernel, list(repeat each arguments), grid: .threads(grid.asExtent()), group: group.asExtent())
  }

  /// Encodes a dispatch of so many threadgroups of a given size, all of them full (`dispatchThreadgroups`).
  public func dispatch<each A: ArgumentConvertible>(
    _ kernel: Kernel, _ arguments: repeat each A, groups: some ExtentConvertible,
    group: some ExtentConvertible
  ) throws(IngotError) {
    try dispatch(
      kernel, list(repeat each arguments), grid: .threadgroups(groups.asExtent()), group: group.asExtent())
  }

  /// Encodes a dispatch with a list of arguments that is made at run time; nil leaves out an unused one.
  public func dispatch(_ kernel: Kernel, _ arguments: [Argument?], grid: Grid, group: Extent?)
    throws(IngotError)
  {
    var buffers: [Unmanaged<Buffer>?] = []
    var values = ValuePacker()
    guard arguments.count <= kernel.arguments.count else {
      throw .argument("\(arguments.count) arguments given; \(kernel.signature)")
    }
    buffers.reserveCapacity(arguments.count)
    for (position, argument) in arguments.enumerated() {
      try buffers.append(pack(argument, position, kernel, &values))
    }
    // The array holds the buffers while they are bound; after that the encoder does.
    try withExtendedLifetime(arguments) { () throws(IngotError) in
      try buffers.withUnsafeBufferPointer { (buffers) throws(IngotError) in
        try values.bytes.withUnsafeBufferPointer { (values) throws(IngotError) in
          try dispatch(
            kernel, buffers: buffers, values: UnsafeRawBufferPointer(values), grid: grid, group: group)
        }
      }
    }
  }

  private func list<each A: ArgumentConvertible>(_ arguments: repeat each A) -> [Argument?] {
    var list: [Argument?] = []
    list.reserveCapacity(8)
    for argument in repeat each arguments { list.append(argument.asArgument) }
    return list
  }

  /// The buffer if it is one; anything else goes to the packed values.
  private func pack(
    _ argument: Argument?, _ position: Int, _ kernel: Kernel, _ values: inout ValuePacker
  ) throws(IngotError) -> Unmanaged<Buffer>? {
    switch argument?.content {
    case nil: break
    case .buffer(let buffer): return Unmanaged.passUnretained(buffer)
    case .scalar(let dtype, let bits):
      withUnsafeBytes(of: bits) {
        values.append(position: position, dtype: dtype, .init(rebasing: $0.prefix(dtype.size)))
      }
    case .bytes(let bytes): bytes.withUnsafeBytes { values.append(position: position, dtype: nil, $0) }
    case .threadgroup(let nbytes): try pack(nbytes, position, kernel, &values)
    case .unrepresentable(let text):
      throw .argument("argument '\(kernel.arguments[position].name)' of kernel '\(kernel.name)': \(text)")
    }
    return nil
  }

  private func pack(
    _ threadgroupBytes: Int, _ position: Int, _ kernel: Kernel, _ values: inout ValuePacker
  ) throws(IngotError) {
    let argument = kernel.arguments[position]
    guard argument.kind == .threadgroup else {
      throw .argument(
        "argument '\(argument.name)' of kernel '\(kernel.name)' is no threadgroup memory; give a buffer or a value"
      )
    }
    guard UInt32(exactly: threadgroupBytes) != nil else {
      throw .argument("\(threadgroupBytes) bytes of threadgroup memory given for '\(argument.name)'")
    }
    values.append(position: position, threadgroupBytes: threadgroupBytes)
  }
}
