import Testing

@testable import Ingot

/// What a submission was to signal and does not, because it fails.
@Suite(.enabled(if: Platform.isSoftwareMetal, "needs the software device")) struct EventFailureTests {
  let device: Device
  let event: Event
  let stray: Kernel
  let fine: Kernel
  let x: Buffer

  init() throws {
    device = try Device.isolated()
    event = try device.event(label: "made")
    let library = try device.compile(Sources.faults)
    (stray, fine) = try (library.kernel("stray"), library.kernel("fine"))
    x = try device.zeros([8], .int32)
  }

  /// A submission that signals after a dispatch that faults.
  private func fail(_ values: UInt64..., on queue: Queue? = nil) throws -> Submission {
    let encoder = (queue ?? device.defaultQueue).encoder(label: "broken")
    try encoder.dispatch(stray, device.zeros([8], .int32), grid: 8)
    for value in values { try encoder.signal(event, value: value) }
    return try encoder.commit()
  }

  @Test("Who waits on the host gets the error of the submission, every time")
  func hostWaits() throws {
    let submission = try fail(2, 3)
    for value in 1...3 as ClosedRange<UInt64> {
      let error = try failure { try event.wait(for: value, timeout: .seconds(60)) }
      #expect(error.kind == .commandBuffer && error.metalCode == 3 && error.label == "broken")
      #expect(error.message.contains("'broken'") && error.message.contains("stray"))
    }
    try event.wait(for: 0, timeout: .seconds(60))
    #expect(event.value == 3)
    #expect(try failure { try submission.wait() }.kind == .commandBuffer)
    #expect(try failure { try event.wait(for: 4, timeout: .zero) }.kind == .timeout)
  }

  @Test("So does a task") func tasks() async throws {
    _ = try fail(1)
    do {
      try await event.reached(1)
      Issue.record("reached() did not throw")
    } catch let error as IngotError { #expect(error.kind == .commandBuffer) }
  }

  @Test("Who has the error from the event is not told again by synchronize")
  func told() throws {
    let submission = try fail(1)
    #expect(try failure { try event.wait(for: 1, timeout: .seconds(60)) }.kind == .commandBuffer)
    while !submission.isDone {}
    try device.synchronize()
  }

  @Test("Values before and after the failure are as good as ever")
  func otherValues() throws {
    event.signal(4)
    _ = try failure { try fail(6).wait() }
    let encoder = device.encoder()
    try encoder.signal(event, value: 8)
    try encoder.commitAndWait()
    for value in [4, 7, 8] as [UInt64] { try event.wait(for: value, timeout: .seconds(60)) }
    for value in [5, 6] as [UInt64] {
      #expect(try failure { try event.wait(for: value, timeout: .seconds(60)) }.kind == .commandBuffer)
    }
    // What was reached before the failure is not lost by it.
    _ = try failure { try fail(5).wait() }
    try event.wait(for: 4, timeout: .seconds(60))
  }

  @Test("What was signalled before the fault has been reached")
  func signalledBefore() throws {
    let encoder = device.encoder()
    try encoder.signal(event, value: 1)
    // Nothing else orders what comes after a signal.
    try encoder.wait(for: event, value: 1)
    try encoder.dispatch(stray, x, grid: 8)
    try encoder.signal(event, value: 2)
    let submission = try encoder.commit()
    _ = try failure { try submission.wait() }
    try event.wait(for: 1, timeout: .seconds(60))
    #expect(try failure { try event.wait(for: 2, timeout: .seconds(60)) }.kind == .commandBuffer)
  }

  @Test("Dependent work on another queue goes on")
  func dependents() throws {
    let queue = try device.queue()
    let gate = try device.event()
    let consumer = queue.encoder()
    try consumer.wait(for: event, value: 1)
    try consumer.dispatch(fine, x, grid: 8)
    let submission = try consumer.commit()
    let producer = device.encoder(label: "broken")
    try producer.wait(for: gate, value: 1)
    try producer.dispatch(stray, device.zeros([8], .int32), grid: 8)
    try producer.signal(event, value: 1)
    try producer.commit()
    #expect(!submission.isDone)
    gate.signal(1)
    try submission.wait()
    #expect(try x.values(of: Int32.self) == Array(repeating: 1, count: 8))
    #expect(try failure { try device.synchronize() }.message.contains("'broken'"))
  }

  @Test("Many failures are remembered, the first to come are forgotten, and none makes anybody wait")
  func manyFailures() throws {
    for value in 1...70 as ClosedRange<UInt64> { _ = try failure { try fail(value).wait() } }
    #expect(event.value == 70)
    for value in 7...70 as ClosedRange<UInt64> {
      #expect(try failure { try event.wait(for: value, timeout: .zero) }.kind == .commandBuffer)
    }
    for value in 1...6 as ClosedRange<UInt64> { try event.wait(for: value, timeout: .zero) }
  }
}
