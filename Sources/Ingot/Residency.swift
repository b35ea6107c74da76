import Metal
import Synchronization

/// The residency set of a device: everything allocated on it stays wired.
///
/// Changes are staged, and committed once right before the next submission. Metal's sets are not thread-safe, so every
/// call on ours is made under `state`'s lock. `retired` has a lock of its own and no call of Metal under it, because
/// memory can be let go of on the thread that runs Metal's completed handlers.
final class Residency: @unchecked Sendable {
  private struct State {
    var hasChanges = false
    var commits = 0
  }

  /// What may be handed to another thread, which does nothing with it but let go of it.
  private struct RetiredBuffer: @unchecked Sendable {
    let metal: any MTLBuffer
  }

  private struct Retired {
    var buffers: [RetiredBuffer] = []
    /// What the set holds on to since its last commit, staged or not.
    var bytes = 0
    var since: UInt64 = 0
  }

  private let set: any MTLResidencySet
  private let state = Mutex(State())
  private let retired = Mutex(Retired())

  /// Dropped memory that is held for want of a commit goes back beyond this.
  static let retiredBytesLimit = 64 << 20
  static let retiredNanosecondsLimit: UInt64 = 1_000_000_000

  /// nil where the system has no residency sets.
  init?(of device: any MTLDevice, queue: any MTLCommandQueue) {
    let descriptor = MTLResidencySetDescriptor()
    descriptor.label = "ingot"
    descriptor.initialCapacity = 256
    guard let set = try? device.makeResidencySet(descriptor: descriptor) else { return nil }
    self.set = set
    queue.addResidencySet(set)
  }

  func detach(from queue: any MTLCommandQueue) { queue.removeResidencySet(set) }

  /// Stages an allocation.
  func add(_ buffer: any MTLBuffer) {
    if isRetiredOverdue { flush() }
    state.withLock { state in
      set.addAllocation(buffer)
      state.hasChanges = true
    }
  }

  /// Takes over memory that no buffer, encoder or submission uses any more; its removal is staged at the next call.
  func retire(_ buffer: any MTLBuffer) {
    let length = buffer.length
    let buffer = RetiredBuffer(metal: buffer)
    retired.withLock { retired in
      if retired.bytes == 0 { retired.since = Clock.now }
      retired.buffers.append(buffer)
      retired.bytes += length
    }
  }

  /// Applies what is staged, if anything is; returns whether there was.
  @discardableResult
  func flush() -> Bool {
    let removed = takeRetired(forCommit: true)
    return withExtendedLifetime(removed) {
      state.withLock { state in
        stage(removals: removed, &state)
        guard state.hasChanges else { return false }
        withAutoreleasePool { set.commit() }
        state.hasChanges = false
        state.commits += 1
        return true
      }
    }
  }

  /// Allocations in the set, what is staged included, and commits so far.
  var counts: (allocations: Int, commits: Int) {
    let removed = takeRetired(forCommit: false)
    return state.withLock { state in
      stage(removals: removed, &state)
      return (set.allocationCount, state.commits)
    }
  }

  private func stage(removals: [RetiredBuffer], _ state: inout State) {
    for buffer in removals { set.removeAllocation(buffer.metal) }
    if !removals.isEmpty { state.hasChanges = true }
  }

  private func takeRetired(forCommit: Bool) -> [RetiredBuffer] {
    retired.withLock { retired in
      defer {
        retired.buffers = []
        if forCommit { retired.bytes = 0 }
      }
      return retired.buffers
    }
  }

  private var isRetiredOverdue: Bool {
    retired.withLock { retired in
      retired.bytes > 0
        && (retired.bytes > Self.retiredBytesLimit
          || Clock.now - retired.since > Self.retiredNanosecondsLimit)
    }
  }
}
