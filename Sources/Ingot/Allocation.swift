import Metal
import Synchronization

/// One `MTLBuffer`: a member of a residency set and of the device's figures, as long as it lives.
final class Allocation: @unchecked Sendable {
  // Unchecked: Metal's buffer is only read here.

  enum Kind: Int, CaseIterable, Sendable {
    /// Made by a pool, which uses it again.
    case pooled
    /// Made for one buffer.
    case exact
    /// Memory of somebody else's, which Metal was told to use.
    case wrapped
    /// A file.
    case mapped
    /// Somebody else's `MTLBuffer`.
    case adopted
  }

  let kind: Kind
  let metal: any MTLBuffer
  let length: Int
  /// nil where the host cannot reach it: a foreign buffer in private memory.
  let contents: UnsafeMutableRawPointer?
  /// nil for memory that Ingot has made.
  let origin: Origin?

  let memory: Memory
  /// Whether Metal has a name for it. Written by who holds all of it.
  @exclusivity(unchecked) private var isLabelled = false
  private let isResident = Atomic<Bool>(false)

  init(_ metal: any MTLBuffer, _ kind: Kind, of memory: Memory, origin: Origin? = nil) {
    self.kind = kind
    self.origin = origin
    self.metal = metal
    self.memory = memory
    length = metal.length
    contents = metal.storageMode == .private ? nil : metal.contents()
    memory.ledger.add(kind, length)
    memory.places.add(self)
    if kind != .mapped { join() }
  }

  deinit {
    memory.places.remove(self)
    // The others' owners are told by Metal, which may hold the memory longer.
    if kind == .adopted { origin?.release() }
    if isResident.load(ordering: .relaxed) { memory.residency?.retire(metal) }
    memory.ledger.remove(kind, length)
  }

  /// Says that `storage` is what all of it was handed out as.
  func settle(_ storage: Storage) {
    if kind != .pooled { memory.places.settle(storage, in: self) }
  }

  /// What debuggers call it. For a block that is a whole allocation.
  func setLabel(_ label: String?) {
    guard label != nil || isLabelled else { return }
    isLabelled = label != nil
    withAutoreleasePool { metal.label = label }
  }

  /// Makes it a member of a residency set. What is mapped is not until it is used: it would be read from disk.
  func join() {
    guard let residency = memory.residency, !isResident.exchange(true, ordering: .relaxed) else { return }
    residency.add(metal, pooled: kind == .pooled)
  }
}
