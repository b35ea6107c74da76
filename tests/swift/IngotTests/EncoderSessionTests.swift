import Testing

@testable import Ingot

@Suite struct EncoderSessionTests {
  let device: Device
  let session: EncoderSession
  let increment: Kernel
  let twice: Kernel
  let x: Buffer

  init() throws {
    device = try Device.isolated()
    session = device.session(label: "layer")
    let library = try device.compile(Sources.steps)
    (increment, twice) = try (library.kernel("increment"), library.kernel("twice"))
    x = try device.zeros([8], .int32)
  }

  private func stage(_ kernel: Kernel, _ label: String? = nil, _ session: EncoderSession? = nil) throws {
    try (session ?? self.session).beginStage(label).dispatch(kernel, x, grid: 8)
  }

  private var values: [Int32] { get throws { try x.values(of: Int32.self) } }

  @Test("C61, C62: a session is there for whoever asks, and no variable of the environment changes it")
  func thereIsNoGate() throws {
    #expect(session.device === device && session.label == "layer" && session.queue === device.defaultQueue)
    #expect(
      !session.isDrained && !session.isFencePending && session.event == nil && session.submission == nil)
    #expect((session.fenceValue, session.waitValue, session.waitCount) == (0, 0, 0))
  }

  @Test("C63: a committed stage is drained and labelled; a second commit is refused")
  func commitAndDrain() throws {
    try stage(increment, "attention")
    #expect(try session.encoder.label == "attention" && !session.isDrained)
    #expect(try session.encoder.computeEncoder?.label == "attention")
    let submission = try session.commitStage()
    try submission.wait()
    #expect(session.isDrained && submission.label == "attention" && session.submission === submission)
    #expect(try values == Array(repeating: 1, count: 8))
    for use in [
      { _ = try session.commitStage() }, { _ = try session.commitAndWait() },
      { _ = try session.fenceStage() },
      { _ = try session.encoder },
    ] as [() throws -> Void] {
      let error = try failure(use)
      #expect(error.kind == .state && error.message.contains("'attention'"))
    }
  }

  @Test("C64, C70: sessions that are dropped, open or fenced, leave the device usable")
  func dropped() throws {
    for round in 0..<200 {
      let session = device.session()
      try session.beginStage().dispatch(increment, device.zeros([8], .int32), grid: 8)
      guard round.isMultiple(of: 2) else { continue }
      try session.fenceStage()
      try session.beginStage().dispatch(increment, x, grid: 8)
    }
    try stage(increment)
    try session.commitAndWait()
    #expect(try values == Array(repeating: 1, count: 8))
    try device.synchronize()
    #expect(device.statistics.submissions == 101)
  }

  @Test("C65: commit and wait blocks until the result can be read")
  func commitAndWait() throws {
    try stage(increment)
    let submission = try session.commitAndWait()
    #expect(submission.isDone && submission.gpuTime >= 0 && device.statistics.unfinished == 0)
    #expect(try values == Array(repeating: 1, count: 8))
  }

  @Test("C67: a fence drains the stage and makes the event; a reset begins another, which waits")
  func fenceAndReset() throws {
    try stage(increment, "attention")
    let first = try session.encoder
    let fenced = try session.fenceStage()
    #expect(session.isDrained && session.isFencePending && session.fenceValue == 1)
    let event = try #require(session.event)
    #expect(event.label == "layer")
    try session.reset()
    #expect(!session.isDrained && !session.isFencePending && session.waitValue == 1)
    try stage(twice, "ffn")
    #expect(try session.encoder !== first && session.encoder.label == "ffn")
    let submission = try session.commitAndWait()
    #expect(fenced.label == "attention" && submission.label == "ffn")
    #expect(event.value == 1)
    #expect(try values == Array(repeating: 2, count: 8))
  }

  @Test("C68: three fences leave the same event at 3")
  func threeFences() throws {
    var events: [Event?] = []
    for _ in 0..<3 {
      try stage(increment)
      try session.fenceStage()
      events.append(session.event)
    }
    try device.synchronize()
    #expect(events.allSatisfy { $0 != nil && $0 === events[0] })
    #expect(session.fenceValue == 3 && session.event?.value == 3)
  }

  @Test("C71: scratch that is dropped between a fence and the next commit was whole as long as it was needed")
  func droppedScratch() throws {
    let before = device.statistics.residentCount
    weak var storage: Storage?
    try {
      let scratch = try device.exact.full([8], Int32(7))
      storage = scratch.storage
      try session.beginStage().copy(scratch, to: x)
      try session.fenceStage()
    }()
    try stage(increment)
    try session.commitAndWait()
    #expect(storage == nil)
    #expect(try values == Array(repeating: 8, count: 8))
    #expect(device.statistics.residentCount == before)
  }

  @Test("C72: N stages signal N values, and N resets wait for them", arguments: [1, 4, 9])
  func stages(_ count: Int) throws {
    for _ in 0..<count {
      try stage(increment)
      try session.fenceStage()
      try session.reset()
    }
    #expect(session.fenceValue == UInt64(count) && session.waitCount == count)
    try session.commitAndWait()
    #expect(try values == Array(repeating: Int32(count), count: 8))
  }

  @Test("C73: 5 fences and 4 resets end at 5 and 4")
  func lastFence() throws {
    for round in 1...5 {
      try stage(increment)
      try session.fenceStage()
      if round < 5 { try session.reset() }
    }
    #expect(session.fenceValue == 5 && session.waitCount == 4 && session.waitValue == 4)
    try session.event?.wait(for: 5)
    try device.synchronize()
    #expect(try values == Array(repeating: 5, count: 8))
  }

  @Test("C74: 5 stages of two dispatches each, which a barrier chains, are 5 command buffers and not 10")
  func commandBuffers() throws {
    for kernel in [increment, twice, increment, twice, increment, twice, increment, twice, increment, twice] {
      let encoder = device.encoder()
      try encoder.dispatch(kernel, x, grid: 8)
      try encoder.commit()
    }
    try device.synchronize()
    let plain = try values
    #expect(device.statistics.submissions == 10)
    try x.fill(Int32(0))
    for _ in 0..<5 {
      try session.beginStage().dispatch(increment, x, grid: 8)
      try session.encoder.dispatch(twice, x, grid: 8)
      #expect(try session.fenceStage().barriers == 1)
    }
    try device.synchronize()
    #expect(device.statistics.submissions == 15)
    #expect(try values == plain && plain[0] == 62)
  }
}

/// What a session is asked out of order, or does not do for its user.
@Suite struct EncoderSessionMisuseTests {
  let device: Device
  let session: EncoderSession
  let increment: Kernel
  let x: Buffer

  init() throws {
    device = try Device.isolated()
    session = device.session(label: "layer")
    increment = try device.kernel("increment", of: Sources.steps)
    x = try device.zeros([8], .int32)
  }

  @Test("The encoder of a drained session is refused, and so is what it was")
  func drained() throws {
    let encoder = try session.beginStage("a")
    try session.commitAndWait()
    #expect(try failure { try encoder.dispatch(increment, x, grid: 8) }.kind == .state)
    #expect(try failure { _ = try session.encoder }.message.contains("reset()"))
  }

  @Test("A reset without a committed stage, and a stage within a stage, are refused")
  func outOfOrder() throws {
    #expect(try failure { try session.reset() }.kind == .state)
    try session.beginStage("a").dispatch(increment, x, grid: 8)
    #expect(try failure { try session.reset() }.kind == .state)
    let error = try failure { try session.beginStage("b") }
    #expect(error.kind == .state && error.message.contains("'a'"))
    try session.commitAndWait()
    try session.reset()
    #expect(try failure { try session.reset() }.kind == .state)
    #expect(try x.values(of: Int32.self) == Array(repeating: 1, count: 8))
  }

  @Test("A stage that begins by itself is named as the session") func lazily() throws {
    try session.encoder.dispatch(increment, x, grid: 8)
    #expect(try session.commitAndWait().label == "layer")
    try session.reset()
    #expect(try session.commitAndWait().dispatches == 0)
  }

  @Test("A fenced stage keeps its label everywhere, and is timed as any other")
  func fencedStagesAreOrdinary() throws {
    try session.beginStage("attention").dispatch(increment, x, grid: 8)
    #expect(try session.encoder.computeEncoder?.label == "attention")
    let submission = try session.fenceStage()
    try submission.wait()
    #expect(submission.label == "attention" && submission.dispatches == 1)
    #expect(submission.gpuStart > 0 && submission.gpuEnd >= submission.gpuStart)
  }

  @Test("The event of a session is for the host and for other sessions to wait for")
  func sharedEvent() throws {
    let queue = try device.queue()
    let other = queue.session(label: "other")
    #expect(other.queue === queue)
    try session.beginStage().dispatch(increment, x, grid: 8)
    try session.fenceStage()
    let event = try #require(session.event)
    let encoder = try other.beginStage()
    try encoder.wait(for: event, value: session.fenceValue)
    try encoder.dispatch(increment, x, grid: 8)
    try other.commitAndWait()
    try event.wait(for: 1, timeout: .seconds(60))
    #expect(try failure { try event.wait(for: 2, timeout: .milliseconds(1)) }.kind == .timeout)
    #expect(try x.values(of: Int32.self) == Array(repeating: 2, count: 8))
  }

  @Test("Stages leave the residency sets' counts as they were") func residency() throws {
    let before = device.statistics.residentCount
    for _ in 0..<3 {
      try session.beginStage().dispatch(increment, x, grid: 8)
      try session.fenceStage()
    }
    try device.synchronize()
    #expect(device.statistics.residentCount == before)
  }

  @Test("A stage that its user commits or discards is over for the session, too")
  func endedByHand() throws {
    try session.beginStage("a").dispatch(increment, x, grid: 8)
    try session.fenceStage()
    try session.beginStage("b").discard()
    #expect(session.isDrained && session.waitCount == 1)
    // The fence is still to be waited for.
    try session.beginStage("c").dispatch(increment, x, grid: 8)
    try session.encoder.commitAndWait()
    #expect(session.isDrained)
    try session.reset()
    try session.commitAndWait()
    #expect(try x.values(of: Int32.self) == Array(repeating: 2, count: 8))
  }

  @Test("A fence that cannot be committed is put again, with a value that was not used")
  func refusedFence() throws {
    try session.beginStage().dispatch(increment, x, grid: 8)
    let mapping = try x.mapped(for: .write)
    #expect(try failure { try session.fenceStage() }.kind == .inFlight)
    #expect(!session.isDrained && !session.isFencePending && session.fenceValue == 0)
    mapping.close()
    try session.commitStage()
    try session.beginStage().dispatch(increment, x, grid: 8)
    try session.fenceStage()
    #expect(session.fenceValue == 2)
    try session.event?.wait(for: 2)
    try device.synchronize()
    #expect(try x.values(of: Int32.self) == Array(repeating: 2, count: 8))
  }

  @Test("After a failed stage the next one goes on, and the host hears of it", .softwareDevice)
  func failedStage() throws {
    let stray = try device.kernel("stray", of: Sources.faults)
    try session.beginStage("broken").dispatch(stray, device.zeros([8], .int32), grid: 8)
    try session.fenceStage()
    try session.beginStage().dispatch(increment, x, grid: 8)
    try session.commitAndWait()
    #expect(try failure { try session.event?.wait(for: 1) }.message.contains("'broken'"))
    #expect(try x.values(of: Int32.self) == Array(repeating: 1, count: 8))
  }
}
