import Synchronization

/// What memory a device object has, and what of it is in use.
///
/// Allocations are rare and counted under a lock; blocks and storages come and go with every buffer.
final class MemoryLedger: Sendable {
  typealias Entry = MemoryUse

  private struct Allocations {
    var uses = [MemoryUse](repeating: MemoryUse(), count: Allocation.Kind.allCases.count)
    var bytes = 0
    var peak = 0
  }

  private let allocations = Mutex(Allocations())
  let counters = MemoryCounters()

  deinit { counters.deallocate() }

  /// An allocation was made. It is in use as long as it lives, unless it is a pool's.
  func add(_ kind: Allocation.Kind, _ bytes: Int) {
    allocations.withLock { all in
      all.uses[kind.rawValue].count += 1
      all.uses[kind.rawValue].bytes += bytes
      all.bytes += bytes
      all.peak = max(all.peak, all.bytes)
    }
    if kind != .pooled { counters.take(bytes) }
  }

  /// An allocation goes.
  func remove(_ kind: Allocation.Kind, _ bytes: Int) {
    if kind != .pooled { counters.giveBack(bytes) }
    allocations.withLock { all in
      all.uses[kind.rawValue].count -= 1
      all.uses[kind.rawValue].bytes -= bytes
      all.bytes -= bytes
    }
  }

  func entry(_ kind: Allocation.Kind) -> MemoryUse { allocations.withLock { $0.uses[kind.rawValue] } }

  func resetPeak() {
    allocations.withLock { $0.peak = $0.bytes }
    counters.resetPeak()
  }

  func statistics(resident: MemoryUse) -> MemoryStatistics {
    let (used, usedPeak, storages) = counters.values
    return allocations.withLock { all in
      func use(_ kind: Allocation.Kind) -> MemoryUse { all.uses[kind.rawValue] }
      return MemoryStatistics(
        pooled: use(.pooled), exact: use(.exact), wrapped: use(.wrapped), mapped: use(.mapped),
        adopted: use(.adopted), storages: storages, resident: resident, totalBytes: all.bytes,
        usedBytes: used,
        peakTotalBytes: all.peak, peakUsedBytes: usedPeak)
    }
  }
}

/// What changes with every buffer.
///
/// In memory of its own, so that who is about to go need not take a reference to count itself. It lives as long as the
/// ledger, which the device and its pools have.
struct MemoryCounters: @unchecked Sendable {
  // Unchecked: all of it is atomic.

  private struct Body: ~Copyable {
    let usedBytes = Atomic<Int>(0)
    let usedPeak = Atomic<Int>(0)
    let storages = Atomic<Int>(0)
    let storageBytes = Atomic<Int>(0)
  }

  private let body: UnsafeMutablePointer<Body>

  fileprivate init() {
    body = .allocate(capacity: 1)
    body.initialize(to: Body())
  }

  fileprivate func deallocate() {
    body.deinitialize(count: 1)
    body.deallocate()
  }

  /// A pool's block is in use.
  func take(_ bytes: Int) {
    let used = body.pointee.usedBytes.wrappingAdd(bytes, ordering: .relaxed).newValue
    if used > body.pointee.usedPeak.load(ordering: .relaxed) {
      body.pointee.usedPeak.max(used, ordering: .relaxed)
    }
  }

  /// Nobody uses a block any more.
  func giveBack(_ bytes: Int) { body.pointee.usedBytes.wrappingSubtract(bytes, ordering: .relaxed) }

  /// A storage has got its memory.
  func addStorage(_ bytes: Int) {
    body.pointee.storages.increment()
    body.pointee.storageBytes.wrappingAdd(bytes, ordering: .relaxed)
  }

  /// A storage has lost its memory, or goes.
  func removeStorage(_ bytes: Int) {
    body.pointee.storages.decrement()
    body.pointee.storageBytes.wrappingSubtract(bytes, ordering: .relaxed)
  }

  fileprivate func resetPeak() {
    body.pointee.usedPeak.store(body.pointee.usedBytes.load(ordering: .relaxed), ordering: .relaxed)
  }

  fileprivate var values: (used: Int, usedPeak: Int, storages: MemoryUse) {
    (
      body.pointee.usedBytes.load(ordering: .relaxed), body.pointee.usedPeak.load(ordering: .relaxed),
      MemoryUse(
        count: body.pointee.storages.load(ordering: .relaxed),
        bytes: body.pointee.storageBytes.load(ordering: .relaxed))
    )
  }
}
