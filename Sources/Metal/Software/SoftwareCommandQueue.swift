import Synchronization

final class SoftwareCommandQueue: MTLCommandQueue, @unchecked Sendable {
  static let maxResidencySets = 32

  let id: Int
  let softwareDevice: SoftwareDevice
  private let slots: Slots
  private let state = Mutex(State())

  /// Metal's objects are not Sendable, whoever holds them.
  private struct State: @unchecked Sendable {
    var label: String?
    var residencySets: [any MTLResidencySet] = []
  }

  /// Wake those who wait until a command buffer of this queue is scheduled, and until one has ended.
  let scheduling = Signal()
  let completion = Signal()

  let lane: QueueLane

  init(device: SoftwareDevice, slots: Int) {
    id = Counter.objects.add(1)
    softwareDevice = device
    self.slots = Slots(count: slots)
    lane = QueueLane(switches: device.switches, queue: id)
    LiveObject.commandQueues.made()
  }

  deinit { LiveObject.commandQueues.released() }

  var device: any MTLDevice { softwareDevice }

  var label: String? {
    get { state.withLock { $0.label } }
    set { state.withLock { $0.label = newValue } }
  }

  func makeCommandBuffer() -> (any MTLCommandBuffer)? {
    makeCommandBuffer(retainedReferences: true, errorOptions: [])
  }

  func makeCommandBuffer(descriptor: MTLCommandBufferDescriptor) -> (any MTLCommandBuffer)? {
    makeCommandBuffer(
      retainedReferences: descriptor.retainedReferences, errorOptions: descriptor.errorOptions)
  }

  func makeCommandBufferWithUnretainedReferences() -> (any MTLCommandBuffer)? {
    makeCommandBuffer(retainedReferences: false, errorOptions: [])
  }

  private func makeCommandBuffer(
    retainedReferences: Bool, errorOptions: MTLCommandBufferErrorOption
  ) -> SoftwareCommandBuffer {
    slots.take()
    let buffer = SoftwareCommandBuffer(
      queue: self, retainedReferences: retainedReferences, errorOptions: errorOptions)
    softwareDevice.trace?.line("queue \(id) makeCommandBuffer -> commandBuffer \(buffer.id)")
    return buffer
  }

  func returnSlot() { slots.giveBack() }
}

// Residency sets, attached to what is committed from now on.
extension SoftwareCommandQueue {
  var residencySets: [any MTLResidencySet] { state.withLock { $0.residencySets } }

  func addResidencySet(_ residencySet: any MTLResidencySet) { addResidencySets([residencySet]) }

  func addResidencySets(_ residencySets: [any MTLResidencySet]) {
    softwareDevice.trace?.line("queue \(id) addResidencySets \(SoftwareCommandQueue.names(residencySets))")
    let count = state.withLock { state in
      for set in residencySets where !state.residencySets.contains(where: { $0 === set }) {
        state.residencySets.append(set)
      }
      return state.residencySets.count
    }
    guard count <= SoftwareCommandQueue.maxResidencySets else {
      misuse("-[_MTLCommandQueue addResidencySets:count:]", "a command queue takes at most 32 residency sets")
    }
  }

  func removeResidencySet(_ residencySet: any MTLResidencySet) { removeResidencySets([residencySet]) }

  func removeResidencySets(_ residencySets: [any MTLResidencySet]) {
    softwareDevice.trace?.line("queue \(id) removeResidencySets \(SoftwareCommandQueue.names(residencySets))")
    state.withLock { state in
      state.residencySets.removeAll { known in residencySets.contains { $0 === known } }
    }
  }

  static func names(_ sets: [any MTLResidencySet]) -> String {
    sets.map { "residencySet \(own($0, as: SoftwareResidencySet.self).id)" }.joined(separator: ", ")
  }
}

/// The command buffers a queue may have unfinished at a time.
private final class Slots: Sendable {
  private let free: Atomic<Int>
  private let returned = Signal()

  init(count: Int) { free = Atomic(count) }

  /// Blocks, without end, until there is one.
  func take() {
    if tryTake() { return }
    returned.wait(spin: 20_000) { tryTake() }
  }

  private func tryTake() -> Bool {
    var count = free.load(ordering: .relaxed)
    while count > 0 {
      let result = free.weakCompareExchange(
        expected: count, desired: count - 1, ordering: .acquiringAndReleasing)
      if result.exchanged { return true }
      count = result.original
    }
    return false
  }

  func giveBack() {
    free.wrappingAdd(1, ordering: .acquiringAndReleasing)
    returned.advance()
  }
}
