import Metal

/// A kernel with its arguments, bound and checked ahead of its dispatches.
///
///     let bound = try saxpy.bind(x, y, .float(2))
///     for _ in 0..<1000 { try encoder.dispatch(bound, grid: x.count) }
///
/// It keeps its buffers alive, and never changes: other arguments are another bound kernel. What a dispatch still checks is
/// what can change meanwhile, and that costs a fraction of a dispatch with arguments. Bound kernels may be used from any
/// thread.
public final class BoundKernel: @unchecked Sendable {
  // Unchecked: nothing is written after init.

  public let kernel: Kernel
  /// The buffers among the arguments, in their order.
  public let buffers: [Buffer]
  /// What the kernel reaches through pointers.
  public let uses: [BufferUse]
  /// Of `buffers`.
  let positions: [Int]

  let id: UInt64
  /// All memory that a dispatch uses, in plain memory: the hot path reads it without reference counting.
  let memory: UnsafeMutableBufferPointer<BoundMemory>
  /// Of these, the first so many are arguments.
  let argumentCount: Int
  let values: [BoundValue]
  let lengths: [BoundLength]
  /// Whether a dispatch has to wait for the one before of the same bound kernel.
  let conflictsWithItself: Bool

  /// Values that Metal does not take inline.
  private let copies: [Buffer]
  private let bytes: [UInt8]
  private static let identifiers = Identifiers()

  /// The arguments have been checked: `given` and `copies` by their positions, `values` as a dispatch has them.
  init(
    _ kernel: Kernel, _ given: [(position: Int, buffer: Buffer)], values packed: UnsafeRawBufferPointer,
    copies: [(position: Int, copy: Buffer)], uses: [BufferUse]
  ) {
    id = Self.identifiers.next()
    self.kernel = kernel
    self.uses = uses
    self.copies = copies.map(\.copy)
    buffers = given.map(\.buffer)
    positions = given.map(\.position)
    let arguments = (given + copies.map { ($0.position, $0.copy) }).map { BoundMemory($1, kernel.rules[$0]) }
    argumentCount = arguments.count
    let all = arguments + uses.map(BoundMemory.init)
    memory = .allocate(capacity: all.count)
    _ = memory.initialize(from: all)
    conflictsWithItself = BoundMemory.conflict(all)
    (values, lengths) = kernel.boundValues(packed)
    bytes = Array(packed)
  }

  deinit { memory.deallocate() }

  /// Calls `body` with the bytes that values have their places in.
  @inline(__always)
  func withBytes<R>(_ body: (UnsafeRawBufferPointer) -> R) -> R { bytes.withUnsafeBytes(body) }
}

extension BoundKernel: CustomStringConvertible {
  public var description: String { "BoundKernel(\(kernel.label))" }
}

/// Memory that a bound kernel uses: the bound kernel holds it.
struct BoundMemory {
  let storage: Unmanaged<Storage>
  let start: UInt
  let end: UInt
  let reads: Bool
  let writes: Bool
  /// Into Metal's buffer.
  let offset: Int
  /// The slot in Metal's table; nothing for what is reached through pointers.
  let index: Int

  init(_ buffer: Buffer, _ rule: ArgumentRule) {
    self.init(buffer, reads: rule.reads, writes: rule.writes, index: rule.index)
  }

  init(_ use: BufferUse) { self.init(use.buffer, reads: use.reads, writes: use.writes, index: -1) }

  /// The buffer has its memory, whose place does not change any more.
  private init(_ buffer: Buffer, reads: Bool, writes: Bool, index: Int) {
    storage = .passUnretained(buffer.storage)
    (start, end) = buffer.addresses
    offset = buffer.storage.base + buffer.offset
    self.reads = reads
    self.writes = writes
    self.index = index
  }

  /// Whether one of them writes what one of them uses.
  static func conflict(_ all: [BoundMemory]) -> Bool {
    var hazards = HazardTracker()
    for each in all { hazards.record(each.start, each.end, reads: each.reads, writes: each.writes) }
    return all.contains { hazards.conflicts($0.start, $0.end, writes: $0.writes) }
  }
}

/// An inline value of a bound kernel.
struct BoundValue {
  let position: Int
  let index: Int
  /// Into the packed values.
  let place: Int
  let nbytes: Int
}

/// Threadgroup memory of a bound kernel.
struct BoundLength {
  let index: Int
  let nbytes: Int
}

extension Kernel {
  /// Takes checked values apart. Those that do not go inline are left out.
  fileprivate func boundValues(_ packed: UnsafeRawBufferPointer) -> ([BoundValue], [BoundLength]) {
    var (values, lengths): ([BoundValue], [BoundLength]) = ([], [])
    var rest = PackedValues(packed)
    while let head = rest.nextHead() {
      let rule = rules[head.position]
      if !rule.isBuffer {
        lengths.append(BoundLength(index: rule.index, nbytes: Threadgroup.roundedMemory(head.nbytes)))
      } else if let bytes = rest.nextBytes(head.nbytes), let start = packed.baseAddress,
        head.nbytes <= Self.inlineLimit
      {
        values.append(
          BoundValue(position: head.position, index: rule.index, place: bytes - start, nbytes: head.nbytes))
      }
    }
    return (values, lengths)
  }
}
