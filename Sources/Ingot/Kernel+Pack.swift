// From a list of arguments to what the untyped forms of dispatch and bind take.

extension Argument {
  static func list<each A: ArgumentConvertible>(_ arguments: repeat each A) -> [Argument?] {
    var list: [Argument?] = []
    list.reserveCapacity(8)
    for argument in repeat each arguments { list.append(argument.asArgument) }
    return list
  }
}

extension Kernel {
  /// Calls `body` with the buffers of a list by position, and its values in the packed form.
  func withPacked<Result>(
    _ arguments: [Argument?],
    _ body: (DispatchBuffers, UnsafeRawBufferPointer) throws(IngotError) -> Result
  ) throws(IngotError) -> Result {
    guard arguments.count <= self.arguments.count else { throw tooMany(arguments.count) }
    var buffers: [Unmanaged<Buffer>?] = []
    var values = ValuePacker()
    buffers.reserveCapacity(arguments.count)
    for (position, argument) in arguments.enumerated() {
      try buffers.append(pack(argument, position, &values))
    }
    // The list holds the buffers while they are bound; after that the encoder does.
    return try withExtendedLifetime(arguments) { () throws(IngotError) in
      try buffers.withUnsafeBufferPointer { (buffers) throws(IngotError) in
        try values.bytes.withUnsafeBufferPointer { (values) throws(IngotError) in
          try body(buffers, UnsafeRawBufferPointer(values))
        }
      }
    }
  }

  /// The buffer if it is one; anything else goes to the packed values.
  private func pack(
    _ argument: Argument?, _ position: Int, _ values: inout ValuePacker
  ) throws(IngotError) -> Unmanaged<Buffer>? {
    switch argument?.content {
    case nil: break
    case .buffer(let buffer): return Unmanaged.passUnretained(buffer)
    case .scalar(let dtype, let bits):
      withUnsafeBytes(of: bits) {
        values.append(position: position, dtype: dtype, .init(rebasing: $0.prefix(dtype.size)))
      }
    case .bytes(let bytes, let dtype):
      guard bytes.count <= Self.valueLimit else { throw badLength(bytes.count, of: self.arguments[position]) }
      bytes.withUnsafeBytes { values.append(position: position, dtype: dtype, $0) }
    case .threadgroup(let nbytes): try pack(nbytes, position, &values)
    case .unrepresentable(let text):
      throw .argument("argument '\(arguments[position].name)' of kernel '\(name)': \(text)")
    }
    return nil
  }

  private func pack(
    _ threadgroupBytes: Int, _ position: Int, _ values: inout ValuePacker
  ) throws(IngotError) {
    let argument = arguments[position]
    guard argument.kind == .threadgroup else {
      throw .argument(
        "argument '\(argument.name)' of kernel '\(name)' is no threadgroup memory; give a buffer or a value")
    }
    guard UInt32(exactly: threadgroupBytes) != nil else {
      throw .argument("\(threadgroupBytes) bytes of threadgroup memory given for '\(argument.name)'")
    }
    values.append(position: position, threadgroupBytes: threadgroupBytes)
  }
}
