import Metal
import Synchronization

/// What comes with an allocation of memory that Ingot has not made.
final class Origin: @unchecked Sendable {
  // Unchecked: Metal's fences may be used from any thread.

  /// Whether nobody may write it.
  let isReadOnly: Bool
  /// What orders the encoders that use memory which Metal does not track.
  let fence: (any MTLFence)?
  /// The file that it is a part of.
  let file: FilePart?
  private let owners = Mutex<[@Sendable () -> Void]>([])

  init(isReadOnly: Bool, fence: (any MTLFence)? = nil, file: FilePart? = nil) {
    self.isReadOnly = isReadOnly
    self.fence = fence
    self.file = file
  }

  /// Has `release` called when the memory is not used any more; at once if it `isSpare` and there is an owner already.
  /// The caller holds the allocation.
  func keep(until release: (@Sendable () -> Void)?, isSpare: Bool) {
    guard let release else { return }
    let isKept = owners.withLock { owners in
      if isSpare, !owners.isEmpty { return true }
      owners.append(release)
      return false
    }
    if isKept { release() }
  }

  /// Tells all owners, once.
  func release() {
    let owners = owners.withLock { owners in
      defer { owners = [] }
      return owners
    }
    for release in owners { release() }
  }
}
