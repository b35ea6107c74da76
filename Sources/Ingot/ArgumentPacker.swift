/// Puts arguments into the form that the untyped dispatch takes: buffers by position, and packed values.
///
/// It holds the buffers until its end, for an argument may be the only one to have its buffer.
@usableFromInline
struct ArgumentPacker: ~Copyable {
  private let kernel: Kernel
  private let found: UnsafeMutablePointer<Unmanaged<Buffer>?>
  private var count = 0
  private var packed: ValuePacker

  @usableFromInline
  init(for kernel: Kernel) {
    self.kernel = kernel
    // One piece of memory for both; no closure, into which the arguments would be copied.
    let capacity = max(1, kernel.arguments.count)
    found = .allocate(capacity: capacity + ValuePacker.shortBytes / MemoryLayout<Unmanaged<Buffer>?>.stride)
    packed = ValuePacker(in: found + capacity)
  }

  @usableFromInline
  deinit {
    for position in 0..<min(count, kernel.arguments.count) { found[position]?.release() }
    found.deallocate()
  }

  /// Calls `body` with what was added.
  @inline(__always)
  func use<Result>(
    _ body: (Kernel, DispatchBuffers, UnsafeRawBufferPointer) throws(IngotError) -> Result
  ) throws(IngotError) -> Result {
    guard count <= kernel.arguments.count else { throw kernel.tooMany(count) }
    let buffers = DispatchBuffers(start: found, count: count)
    return try packed.withBytes { (values) throws(IngotError) in
      try body(kernel, buffers, values)
    }
  }

  /// Adds the argument at the next position; nil leaves it out.
  @usableFromInline
  mutating func add(_ argument: Argument?) throws(IngotError) {
    let position = count
    count += 1
    guard position < kernel.arguments.count else { return }
    (found + position).initialize(to: nil)
    switch argument?.content {
    case nil: break
    case .buffer(let buffer): found[position] = .passRetained(buffer)
    case .scalar(let dtype, let bits): packed.append(position: position, dtype: dtype, bits: bits)
    case .bytes(let bytes, let dtype):
      guard bytes.count <= Kernel.valueLimit else {
        throw kernel.badLength(bytes.count, of: kernel.arguments[position])
      }
      bytes.withUnsafeBytes { packed.append(position: position, dtype: dtype, $0) }
    case .threadgroup(let nbytes): try add(threadgroupBytes: nbytes, at: position)
    case .unrepresentable(let text):
      throw .argument("argument '\(kernel.arguments[position].name)' of kernel '\(kernel.name)': \(text)")
    }
  }

  private mutating func add(threadgroupBytes: Int, at position: Int) throws(IngotError) {
    let argument = kernel.arguments[position]
    guard argument.kind == .threadgroup else {
      throw .argument(
        "argument '\(argument.name)' of kernel '\(kernel.name)' is no threadgroup memory; give a buffer or a value"
      )
    }
    guard UInt32(exactly: threadgroupBytes) != nil else {
      throw .argument("\(threadgroupBytes) bytes of threadgroup memory given for '\(argument.name)'")
    }
    packed.append(position: position, threadgroupBytes: threadgroupBytes)
  }
}
