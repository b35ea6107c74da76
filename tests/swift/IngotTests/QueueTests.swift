import Dispatch
import Metal
import Testing

@testable import Ingot

@Suite struct QueueTests {
  let device: Device
  let queue: Queue
  let increment: Kernel
  let x: Buffer

  init() throws {
    device = try Device.isolated()
    queue = try device.queue(label: "second")
    increment = try device.kernel("increment", of: Sources.steps)
    x = try device.zeros([8], .int32)
  }

  private func begin(_ queue: Queue) throws -> CommandEncoder {
    let encoder = queue.encoder()
    try encoder.dispatch(increment, x, grid: 8)
    return encoder
  }

  @Test func isAQueueOfItsOwn() throws {
    #expect(queue.device === device && queue.label == "second")
    #expect(queue.metalQueue.label == "second")
    #expect(queue.metalQueue !== device.metalQueue)
    let encoder = queue.encoder(label: "work", ordering: .serial)
    #expect(encoder.queue === queue && encoder.ordering == .serial)
    try encoder.dispatch(increment, x, grid: 8)
    #expect(encoder.computeEncoder?.device === device.metalDevice)
    try encoder.commitAndWait()
    #expect(try x.values(of: Int32.self) == Array(repeating: 1, count: 8))
    #expect(queue.description == "Queue('second', 0 unfinished)")
  }

  @Test func theDeviceHasOneAlready() throws {
    let own = device.defaultQueue
    #expect(own.metalQueue === device.metalQueue && own.label == nil)
    #expect(device.encoder().queue === own && device.defaultQueue === own)
    try begin(own).commitAndWait()
    #expect(own.description == "Queue(the device's own, 0 unfinished)")
  }

  @Test func waitingWorkOfOneQueueHoldsUpNoOther() throws {
    let gate = try Gate(device)
    let held = try device.encoder().commit()
    try begin(queue).commitAndWait()
    #expect(!held.isDone)
    gate.open()
    try held.wait()
  }

  @Test func eachQueueHasItsOwnSlots() throws {
    let begun = try (0..<CommandSlots.capacity).map { _ in try begin(queue) }
    #expect(try failure { _ = try begin(queue) }.kind == .state)
    let others = try (0..<CommandSlots.capacity).map { _ in try begin(device.defaultQueue) }
    #expect(try failure { _ = try begin(device.defaultQueue) }.kind == .state)
    for encoder in begun + others { try encoder.discard() }
    try begin(queue).commitAndWait()
  }

  @Test func slotTimeoutsAreOfAQueue() throws {
    queue.slotTimeout = .milliseconds(20)
    #expect(device.slotTimeout == .seconds(60) && device.defaultQueue.slotTimeout == .seconds(60))
    let event = try device.event()
    let first = queue.encoder()
    try first.wait(for: event, value: 1)
    try first.commit()
    for _ in 1..<CommandSlots.capacity { try begin(queue).commit() }
    #expect(try failure { _ = try begin(queue) }.kind == .timeout)
    event.signal(1)
    try queue.synchronize()
    try begin(queue).commitAndWait()
  }

  @Test func countsAndWaitsCoverAllQueues() throws {
    let event = try device.event()
    let encoder = queue.encoder(label: "held")
    try encoder.wait(for: event, value: 1)
    let submission = try encoder.commit()
    try begin(device.defaultQueue).commitAndWait()
    #expect(device.statistics.submissions == 2 && device.statistics.unfinished == 1)
    #expect(try failure { try device.synchronize(timeout: .milliseconds(5)) }.message.contains("'held'"))
    #expect(try failure { try queue.synchronize(timeout: .zero) }.kind == .timeout)
    try device.defaultQueue.synchronize()
    event.signal(1)
    try device.synchronize()
    #expect(submission.isDone && device.statistics.unfinished == 0)
  }

  @Test func aQueueThatGoesTakesNothingDown() throws {
    let event = try device.event()
    weak var gone: Queue?
    let submission = try {
      let passing = try device.queue()
      gone = passing
      let encoder = passing.encoder()
      try encoder.wait(for: event, value: 1)
      try encoder.dispatch(increment, x, grid: 8)
      return try encoder.commit()
    }()
    #expect(gone == nil)
    #expect(device.statistics.unfinished == 1)
    #expect(try failure { try device.synchronize(timeout: .milliseconds(5)) }.kind == .timeout)
    event.signal(1)
    try device.synchronize()
    #expect(submission.isDone && device.statistics.submissions == 1)
    #expect(device.queues.all.count == 2)
    #expect(try x.values(of: Int32.self) == Array(repeating: 1, count: 8))
  }

  @Test(.softwareDevice) func aFailureOutlivesItsQueueUntilSomebodyKnows() throws {
    let stray = try device.kernel("stray", of: Sources.faults)
    try {
      let encoder = try device.queue().encoder(label: "broken")
      try encoder.dispatch(stray, x, grid: 8)
      let submission = try encoder.commit()
      while !submission.isDone {}
    }()
    #expect(device.queues.all.count == 3)
    #expect(try failure { try device.synchronize() }.message.contains("'broken'"))
    try device.synchronize()
    #expect(device.queues.all.count == 2 && device.statistics.submissions == 1)
  }

  @Test(.softwareDevice) func aQueueTellsOfItsOwnFailuresOnly() throws {
    let stray = try device.kernel("stray", of: Sources.faults)
    let encoder = device.encoder()
    try encoder.dispatch(stray, x, grid: 8)
    let submission = try encoder.commit()
    try queue.synchronize()
    while !submission.isDone {}
    try queue.synchronize()
    #expect(try failure { try device.defaultQueue.synchronize() }.kind == .commandBuffer)
    try device.synchronize()
  }

  @Test func theHostIsKeptFromWhatAnyQueueUses() throws {
    let event = try device.event()
    let encoder = queue.encoder(label: "writer")
    try encoder.wait(for: event, value: 1)
    try encoder.dispatch(increment, x, grid: 8)
    try encoder.commit()
    #expect(try failure { _ = try x.contents(for: .read) }.message.contains("'writer'"))
    event.signal(1)
    try x.synchronize()
    #expect(try x.values(of: Int32.self)[0] == 1)
  }

  @Test func manyThreadsOnManyQueues() throws {
    let (device, increment) = (device, increment)
    let failures = LockedCount()
    let group = DispatchGroup()
    for _ in 0..<6 {
      DispatchQueue.global().async(group: group) {
        do {
          for _ in 0..<20 {
            let queue = try device.queue()
            let set = try device.residencySet()
            let x = try device.zeros([16], .int32)
            try set.add(x)
            set.commit()
            for _ in 0..<3 {
              let encoder = queue.encoder()
              try encoder.dispatch(increment, x, grid: 16)
              try encoder.commit()
            }
            try queue.synchronize()
            if try x.values(of: Int32.self) != Array(repeating: 3, count: 16) { failures.add() }
          }
        } catch { failures.add() }
      }
    }
    group.wait()
    #expect(failures.value == 0)
    #expect(device.statistics.submissions == 360 && device.statistics.unfinished == 0)
    #expect(device.queues.all.count == 2)
  }
}
