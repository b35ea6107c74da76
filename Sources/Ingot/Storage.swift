import Metal
import Synchronization

/// What was handed out: what buffers are windows on, with an identity, stamps and a lifetime of its own.
///
/// Its memory is a block, which it gets at once or, if it is lazy, at its first use, and which a reset of the pool takes
/// back: then the storage has expired, and every use of it is an error.
final class Storage: @unchecked Sendable {
  // Unchecked: the place is written once, under the lock, before the lease says that it is there.

  let id: UInt64
  let device: Device
  let length: Int
  /// Whether neither host nor GPU may write it.
  let isReadOnly: Bool
  /// Which encoder has it in its list, and where: see `EncoderUses`.
  let mark = Atomic<UInt64>(0)

  /// Of its block.
  let lease: Lease
  // The place. Valid while the lease is `.ready`; what is used longer holds the block.
  @exclusivity(unchecked) private(set) unowned(unsafe) var metal: (any MTLBuffer)!
  /// Where it begins in Metal's buffer.
  @exclusivity(unchecked) private(set) var base = 0
  /// nil where the host cannot reach it.
  @exclusivity(unchecked) private(set) var contents: UnsafeMutableRawPointer?
  /// What tells its bytes from all others.
  @exclusivity(unchecked) private(set) var address: UInt = 0

  /// Whose block it has, had, or is going to have; nil for an allocation of its own.
  let pool: PoolCore?

  struct State {
    /// What a lazy storage is made of.
    var pending: Pending?
    var label: String?
    /// Which submissions use which bytes. Never many: finished ones are dropped when a new one comes.
    var stamps: [Stamp] = []
    /// How often that has changed for the worse; nil until somebody wants to know.
    var uses: UseCount?
  }

  /// How a lazy storage gets its memory.
  struct Pending {
    let source: any BlockSource
    /// One element, which all are going to be.
    let element: [UInt8]
  }

  let state: Mutex<State>
  private let counters: MemoryCounters
  private static let identifiers = Identifiers()

  /// The first `length` bytes of a block, or what `isReadOnly` says of a file or of foreign memory.
  init(_ block: Block, length: Int, device: Device, label: String?, isReadOnly: Bool = false) {
    id = Self.identifiers.next()
    self.device = device
    counters = device.memory.ledger.counters
    self.length = length
    self.isReadOnly = isReadOnly
    pool = block.pool
    lease = Lease(length: length, block: block)
    state = Mutex(State(label: label))
    LiveObjects.Counters.storages.increment()
    place(in: block, label)
    counters.addStorage(length)
    // From here on a reset may take it.
    block.enrol(lease)
  }

  /// Bytes that take their memory at their first use.
  init(lazily pending: Pending, length: Int, device: Device, label: String?) {
    id = Self.identifiers.next()
    self.device = device
    counters = device.memory.ledger.counters
    self.length = length
    isReadOnly = false
    pool = pending.source as? PoolCore
    lease = Lease(length: length)
    state = Mutex(State(pending: pending, label: label))
    LiveObjects.Counters.storages.increment()
  }

  deinit {
    pool?.withdraw(lease)
    if isReady { counters.removeStorage(length) }
    lease.deallocate()
    LiveObjects.Counters.storages.decrement()
  }

  private func place(in block: Block, _ label: String?) {
    base = block.offset
    block.withAllocation { allocation in
      metal = allocation.metal
      contents = block.contents
      address = contents.map { UInt(bitPattern: $0) } ?? UInt(allocation.metal.gpuAddress) + UInt(base)
      // Metal has no names for parts of a buffer.
      if block.isWhole {
        allocation.setLabel(label)
        allocation.settle(self)
      }
    }
  }

  /// Whether it has its memory: neither not yet, nor no more.
  var isReady: Bool {
    @inline(__always) get { lease.phase == .ready }
  }

  /// Whether the host can reach it. What has no memory yet, or no more, is not private.
  var isHostVisible: Bool { !isReady || contents != nil }

  /// Whether it has had its memory.
  var isAllocated: Bool { lease.phase != .unallocated }

  /// The right to its memory, which the caller keeps as long as it uses it. A lazy storage is allocated.
  ///
  /// Throws `.closed` after the pool's reset, `.outOfMemory` if there is no memory.
  func hold() throws(IngotError) -> Block {
    if let block = lease.block { return block }
    return try state.withLock { (state) throws(IngotError) in
      // Another thread may have been quicker.
      if let block = lease.block { return block }
      guard let pending = state.pending else { throw expired }
      let block = try pending.source.block(of: length)
      place(in: block, state.label)
      if !pending.element.isEmpty { pending.element.withUnsafeBytes { fill(with: $0) } }
      state.pending = nil
      counters.addStorage(length)
      lease.begin(block)
      block.enrol(lease)
      return block
    }
  }

  /// Sees to it that it has its memory. Throws as `hold()`.
  @inline(__always)
  func prepare() throws(IngotError) {
    if !isReady { _ = try hold() }
  }

  /// Throws `.closed` after the pool's reset.
  func checkIsOpen() throws(IngotError) {
    if isExpired { throw expired }
  }

  /// Expires if it has had no memory yet; returns whether it has.
  func expireUnallocated() -> Bool {
    state.withLock { state in
      guard state.pending != nil else { return false }
      state.pending = nil
      _ = lease.expire()
      return true
    }
  }

  var isExpired: Bool { lease.phase == .expired }

  var expired: IngotError {
    IngotError(
      .closed,
      "the buffer went back to its pool, by reset() or release(); nobody can use it any more: make another"
    )
  }

  var label: String? {
    get { state.withLock { $0.label } }
    set {
      state.withLock { state in
        state.label = newValue
        if let block = lease.block, block.isWhole { block.allocation.setLabel(newValue) }
      }
    }
  }

  /// Copies `bytes` over the whole memory, or repeats them if they are one element.
  func fill(with bytes: UnsafeRawBufferPointer) {
    let target = UnsafeMutableRawBufferPointer(start: contents, count: length)
    if bytes.count == length { target.copyMemory(from: bytes) } else { target.fill(repeating: bytes) }
  }
}
