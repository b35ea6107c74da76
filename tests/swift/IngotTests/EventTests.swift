import Dispatch
import Testing

@testable import Ingot

@Suite struct EventTests {
  let device: Device
  let event: Event
  let increment: Kernel
  let x: Buffer

  init() throws {
    device = try Device.isolated()
    event = try device.event(label: "steps")
    increment = try device.kernel("increment", of: Sources.steps)
    x = try device.zeros([8], .int32)
  }

  @Test("D13: an event begins with 0, rises and never falls")
  func onlyGrows() throws {
    #expect(event.value == 0 && event.label == "steps" && event.metalEvent.label == "steps")
    event.signal(5)
    event.signal(3)
    event.signal(5)
    #expect(event.value == 5)
    event.signal(.max)
    event.signal(0)
    #expect(event.value == .max)
  }

  @Test("D13: a value that is reached is seen at once, and one that is not times out")
  func hostWaits() throws {
    event.signal(2)
    for value in 0...2 as ClosedRange<UInt64> { try event.wait(for: value, timeout: .zero) }
    try event.wait(for: 1)
    for timeout in [Duration.zero, .microseconds(1), .milliseconds(3), .seconds(-1)] {
      let error = try failure { try event.wait(for: 3, timeout: timeout) }
      #expect(error.kind == .timeout)
      #expect(error.message.contains("'steps'") && error.message.contains("reached 2, and not 3"))
    }
  }

  @Test("D13: many threads and tasks see a value")
  func manyWaiters() async throws {
    let (event, group, seen) = (event, DispatchGroup(), LockedCount())
    for value in 1...8 as ClosedRange<UInt64> {
      DispatchQueue.global().async(group: group) {
        if (try? event.wait(for: value, timeout: .seconds(60))) != nil { seen.add() }
      }
    }
    let tasks = (1...8 as ClosedRange<UInt64>).map { value in Task { try await event.reached(value) } }
    for value in [1, 2, 8] as [UInt64] { event.signal(value) }
    for task in tasks { try await task.value }
    await withCheckedContinuation { continuation in
      group.notify(queue: .global()) { continuation.resume() }
    }
    #expect(seen.value == 8)
    try await event.reached(8)
  }

  @Test func aTaskThatIsCancelledWaitsNoLonger() async throws {
    let event = event
    let task = Task { try await event.reached(1) }
    task.cancel()
    await #expect(throws: CancellationError.self) { try await task.value }
    event.signal(1)
    let late = Task { try await event.reached(1) }
    late.cancel()
    try await late.value
  }

  @Test func cancelledTasksLeaveNothing() async throws {
    let event = event
    let tasks = (0..<1000).map { number in Task { try await event.reached(UInt64(1 + number % 3)) } }
    for task in tasks.dropLast() { task.cancel() }
    for task in tasks.dropLast() { await #expect(throws: CancellationError.self) { try await task.value } }
    #expect(event.tasks.count <= 1)
    event.signal(3)
    try await tasks[999].value
    #expect(event.tasks.count == 0)
  }

  @Test("The GPU waits for the host, and the host for the GPU")
  func hostAndGPU() throws {
    let done = try device.event()
    for step in 1...5 as ClosedRange<UInt64> {
      let encoder = device.encoder()
      try encoder.wait(for: event, value: step)
      try encoder.dispatch(increment, x, grid: 8)
      try encoder.signal(done, value: step)
      try encoder.commit()
    }
    for step in 1...5 as ClosedRange<UInt64> {
      #expect(done.value == step - 1)
      event.signal(step)
      try done.wait(for: step)
    }
    try device.synchronize()
    #expect(try x.values(of: Int32.self) == Array(repeating: 5, count: 8))
  }

  @Test("What comes after an event in an encoder begins with nothing bound, and is in order")
  func aSplitEncoder() throws {
    for ordering in Ordering.allCases {
      let y = try device.zeros([8], .int32)
      let encoder = device.encoder(ordering: ordering)
      for step in 1...4 as ClosedRange<UInt64> {
        try encoder.dispatch(increment, y, grid: 8)
        try encoder.signal(event, value: step)
        try encoder.wait(for: event, value: step)
      }
      try encoder.dispatch(increment, y, grid: 8)
      let submission = try encoder.commitAndWait()
      #expect(try y.values(of: Int32.self) == Array(repeating: 5, count: 8))
      #expect(submission.dispatches == 5 && submission.barriers == 0 && submission.barriersSpared == 0)
    }
  }

  @Test("Barriers are counted in each of Metal's encoders")
  func countsInASplitEncoder() throws {
    let y = try device.zeros([8], .int32)
    let encoder = device.encoder()
    for buffer in [x, x, y] { try encoder.dispatch(increment, buffer, grid: 8) }
    try encoder.signal(event, value: 1)
    try encoder.barrier()
    for buffer in [x, y, y] { try encoder.dispatch(increment, buffer, grid: 8) }
    let counts = try encoder.statistics
    #expect(counts.dispatches == 6 && counts.barriers == 2 && counts.barriersSpared == 2)
    try encoder.commitAndWait()
    #expect(try x.values(of: Int32.self)[0] == 3 && y.values(of: Int32.self)[0] == 3)
  }

  @Test func eventsAreAllThatIsCommitted() throws {
    let encoder = device.encoder(label: "mark")
    try encoder.signal(event, value: 3)
    try encoder.signal(event, value: 2)
    let submission = try encoder.commitAndWait()
    #expect(event.value == 3 && submission.dispatches == 0 && submission.label == "mark")
  }

  @Test func whatCannotBeIsRefused() throws {
    let foreign = try Device.isolated().event(label: "foreign")
    let encoder = device.encoder(label: "mine")
    for use in [
      { try encoder.wait(for: foreign, value: 1) }, { try encoder.signal(foreign, value: 1) },
    ] as [() throws -> Void] {
      let error = try failure(use)
      #expect(error.kind == .argument)
      #expect(error.message.contains("'foreign'") && error.message.contains("'mine'"))
    }
    try encoder.signal(event, value: 1)
    try encoder.commitAndWait()
    #expect(try failure { try encoder.signal(event, value: 2) }.kind == .state)
    #expect(try failure { try encoder.wait(for: event, value: 2) }.kind == .state)
    #expect(event.value == 1 && foreign.value == 0)
  }

  @Test("C70: an encoder that waits or signals and is dropped does neither")
  func droppedEncoders() throws {
    for _ in 0..<100 {
      let encoder = device.encoder()
      try encoder.wait(for: event, value: 1)
      try encoder.dispatch(increment, x, grid: 8)
      try encoder.signal(event, value: 9)
    }
    let discarded = device.encoder()
    try discarded.signal(event, value: 9)
    try discarded.discard()
    let encoder = device.encoder()
    try encoder.dispatch(increment, x, grid: 8)
    try encoder.commitAndWait()
    #expect(event.value == 0)
    #expect(try x.values(of: Int32.self) == Array(repeating: 1, count: 8))
  }

  @Test("Encoders and submissions keep events, and let go of them")
  func lifetime() throws {
    weak var dropped: Event?
    let gate = try device.event()
    let submission = try {
      let event = try device.event()
      dropped = event
      let encoder = device.encoder()
      try encoder.wait(for: gate, value: 1)
      try encoder.signal(event, value: 1)
      return try encoder.commit()
    }()
    #expect(dropped != nil)
    gate.signal(1)
    try submission.wait()
    #expect(dropped == nil)
  }

  @Test("A device whose work waits goes when the event has come")
  func pendingWhenTheDeviceGoes() throws {
    weak var device: Device?
    var event: Event?
    let submission = try {
      let owned = try Device.isolated()
      device = owned
      event = try owned.event()
      let encoder = try owned.queue().encoder()
      try encoder.wait(for: event!, value: 1)
      try encoder.dispatch(owned.kernel("increment", of: Sources.steps), owned.zeros([8], .int32), grid: 8)
      return try encoder.commit()
    }()
    #expect(!submission.isDone && device != nil)
    event?.signal(1)
    try submission.wait()
    event = nil
    #expect(device == nil)
  }
}
