import Metal
import Synchronization

/// The residency sets that are attached to all queues of a device: Ingot's own and the user's, never more than Metal
/// takes.
///
/// No call of Metal is made under the lock of the state. That of the queues is held while sets are attached and taken off,
/// and taken before it.
final class QueueSets: @unchecked Sendable {
  // Unchecked: Metal's devices and queues may be used from any thread.

  /// Metal takes 32; one is left to tools that attach their own.
  let limit: Int
  private let device: any MTLDevice

  private struct State {
    /// Places that are taken, by sets that are there and by those that are about to be made.
    var automatic = 0
    var own = 0
    var attached: [AttachedSet] = []
    var commitsOfGone = 0
  }

  private struct MetalQueue: @unchecked Sendable {
    // Unchecked: Metal's queues may be used from any thread.
    let metal: any MTLCommandQueue
  }

  private let state = Mutex(State())
  /// The device's own first.
  private let queues: Mutex<[MetalQueue]>

  init(of device: any MTLDevice, queue: any MTLCommandQueue, limit: Int = 31) {
    self.device = device
    queues = Mutex([MetalQueue(metal: queue)])
    self.limit = limit
  }

  /// Takes the place of a set of Ingot's own, if there is one; `attach` fills it, `leave` gives it back.
  func takePlace() -> Bool {
    state.withLock { state in
      guard state.automatic + state.own < limit else { return false }
      state.automatic += 1
      return true
    }
  }

  func leave() { state.withLock { $0.automatic -= 1 } }

  /// Makes a set in a place that was taken; nil, and the place is given back, if the system has none.
  func attach(label: String) -> AttachedSet? {
    if let set = try? make(label: label, isAutomatic: true) { return set }
    leave()
    return nil
  }

  /// Makes a set for the user.
  func attachOwn(label: String) throws(IngotError) -> AttachedSet {
    try state.withLock { (state) throws(IngotError) in
      guard state.automatic + state.own < limit else { throw tooMany(state) }
      state.own += 1
    }
    do {
      return try make(label: label, isAutomatic: false)
    } catch {
      state.withLock { $0.own -= 1 }
      throw IngotError(.outOfMemory, "Metal makes no residency set: \(Platform.text(of: error))")
    }
  }

  private func tooMany(_ state: State) -> IngotError {
    .state(
      "a queue has at most \(limit) residency sets, and this device has \(state.own) made by residencySet() and"
        + " \(state.automatic) of its own; close one, put its buffers into another, or open the device without"
        + " residency")
  }

  private func make(label: String, isAutomatic: Bool) throws -> AttachedSet {
    try withAutoreleasePool {
      let descriptor = MTLResidencySetDescriptor()
      descriptor.label = label
      descriptor.initialCapacity = 256
      let metal = try device.makeResidencySet(descriptor: descriptor)
      let set = AttachedSet(metal, isAutomatic: isAutomatic)
      attach(set)
      return set
    }
  }

  private func attach(_ set: AttachedSet) {
    queues.withLock { queues in
      state.withLock { $0.attached.append(set) }
      set.withMetal { metal in for queue in queues { queue.metal.addResidencySet(metal) } }
    }
  }

  /// Takes a set off the queues; work that is under way keeps it.
  func detach(_ set: AttachedSet) {
    queues.withLock { queues in
      guard forget(set) else { return }
      withAutoreleasePool {
        set.withMetal { metal in for queue in queues { queue.metal.removeResidencySet(metal) } }
      }
    }
  }

  /// Whether it was there.
  private func forget(_ set: AttachedSet) -> Bool {
    state.withLock { state in
      guard let index = state.attached.firstIndex(where: { $0 === set }) else { return false }
      state.attached.remove(at: index)
      state.commitsOfGone += set.commits
      if set.isAutomatic { state.automatic -= 1 } else { state.own -= 1 }
      return true
    }
  }

  /// Attaches all sets, those that come later too, to another queue.
  func add(_ queue: any MTLCommandQueue) {
    let added = MetalQueue(metal: queue)
    queues.withLock { queues in
      queues.append(added)
      withAutoreleasePool { for set in attached { set.withMetal { added.metal.addResidencySet($0) } } }
    }
  }

  /// Takes all sets off a queue that goes; work that is under way keeps them.
  func remove(_ queue: any MTLCommandQueue) {
    let removed = MetalQueue(metal: queue)
    queues.withLock { queues in
      queues.removeAll { $0.metal === removed.metal }
      withAutoreleasePool { for set in attached { set.withMetal { removed.metal.removeResidencySet($0) } } }
    }
  }

  /// Asks for all that should be resident, once more; returns how many sets that were.
  func requestAll() -> Int { attached.count { $0.requestAgain() } }

  /// Gives the GPU as little work as there is. For a queue that never had any: macOS does not give back what was made
  /// resident before there has been some.
  func workOnce() {
    let own = queues.withLock { $0[0] }
    withAutoreleasePool {
      guard let buffer = device.makeBuffer(length: 16, options: .storageModeShared),
        let commandBuffer = own.metal.makeCommandBuffer()
      else { return }
      if let encoder = commandBuffer.makeBlitCommandEncoder() {
        encoder.fill(buffer: buffer, range: 0..<4, value: 0)
        encoder.endEncoding()
      }
      commandBuffer.commit()
    }
  }

  /// Sets that are attached, and commits of all there ever were.
  var counts: (sets: Int, commits: Int) {
    state.withLock { state in
      (state.attached.count, state.attached.reduce(state.commitsOfGone) { $0 + $1.commits })
    }
  }

  var attached: [AttachedSet] { state.withLock { $0.attached } }
}

/// One residency set. Metal's are not thread-safe, so every call on it is made under the lock.
final class AttachedSet: @unchecked Sendable {
  // Unchecked: the set is under the lock.

  let isAutomatic: Bool
  private let metal: any MTLResidencySet
  private let isRequested = Mutex(false)
  private let commitCount = Atomic<Int>(0)

  init(_ metal: any MTLResidencySet, isAutomatic: Bool) {
    self.metal = metal
    self.isAutomatic = isAutomatic
  }

  var commits: Int { commitCount.load(ordering: .relaxed) }

  func withMetal<Result: Sendable>(_ body: (any MTLResidencySet) -> Result) -> Result {
    isRequested.withLock { _ in body(metal) }
  }

  /// Changes the set, and commits.
  func commit(_ change: (any MTLResidencySet) -> Void = { _ in }) {
    withMetal { metal in
      change(metal)
      metal.commit()
    }
    commitCount.increment()
  }

  func request() {
    isRequested.withLock { isRequested in
      metal.requestResidency()
      isRequested = true
    }
  }

  func end() {
    isRequested.withLock { isRequested in
      metal.endResidency()
      isRequested = false
    }
  }

  /// Requests residency if it is wanted: always for memory that Ingot keeps, else from `request()` to `end()`.
  func requestAgain() -> Bool {
    isRequested.withLock { isRequested in
      guard isAutomatic ? metal.allocationCount > 0 : isRequested else { return false }
      metal.requestResidency()
      return true
    }
  }
}
