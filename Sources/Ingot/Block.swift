import Synchronization

/// The right to use some bytes of an allocation.
///
/// A storage holds it, and so does every encoder, unfinished submission and host view that uses them. When nobody does
/// any more, they go back to their pool, or away with the allocation.
final class Block: @unchecked Sendable {
  // Unchecked: what changes does so under the pool's lock.

  /// Where it begins in the allocation.
  let offset: Int
  let capacity: Int
  /// Whether it is all of the allocation.
  let isWhole: Bool
  /// nil for an allocation of its own.
  let pool: PoolCore?
  /// What the pool knows it by.
  let unit: Int
  /// Where the pool finds the storage that has it.
  let owner: Outstanding.Entry?

  /// The pool's shelves keep theirs, so that no reference is counted when a block is used again.
  private let unmanaged: Unmanaged<Allocation>

  /// Whether it is back on its shelf, and only this object is left.
  @exclusivity(unchecked) var isReturned = false
  /// Whether it was taken from its storage while others used it.
  @exclusivity(unchecked) var isQuarantined = false

  /// Bytes of a pool's allocation.
  init(_ place: BlockPlace, capacity: Int, of pool: PoolCore) {
    unmanaged = place.place.allocation
    offset = place.place.offset
    isWhole = place.place.isWhole
    unit = place.place.unit
    owner = place.entry
    self.capacity = capacity
    self.pool = pool
  }

  /// A whole allocation, which belongs to no pool.
  init(_ allocation: Allocation) {
    unmanaged = .passRetained(allocation)
    offset = 0
    capacity = allocation.length
    isWhole = true
    unit = 0
    owner = nil
    pool = nil
  }

  var allocation: Allocation { unmanaged.takeUnretainedValue() }

  /// Calls `body` with the allocation without keeping it, which is the quicker.
  func withAllocation<Result>(_ body: (Allocation) -> Result) -> Result {
    unmanaged._withUnsafeGuaranteedRef(body)
  }

  /// nil where the host cannot reach it.
  var contents: UnsafeMutableRawPointer? { withAllocation { $0.contents.map { $0 + offset } } }

  /// Tells the pool which storage has it, from now until that goes or the pool takes it back.
  func enrol(_ lease: Lease) { owner?.pointee.store(lease.address, ordering: .releasing) }

  deinit {
    guard pool != nil else { return unmanaged.release() }
    if !isReturned { pool?.recycle(self) }
  }
}

/// A block that a pool has found, and where the pool will find who has it.
struct BlockPlace: @unchecked Sendable {
  // Unchecked: as `Outstanding`.
  let place: PoolShelves.Place
  let entry: Outstanding.Entry
}
