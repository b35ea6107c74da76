import Testing

@testable import Ingot

/// What the GPU does wrong reaches whoever waits, and nobody else.
@Suite struct FailureTests {
  let device: Device
  let stray: Kernel
  let fine: Kernel
  let x: Buffer

  init() throws {
    device = try Device.isolated()
    let library = try device.compile(Sources.faults)
    (stray, fine) = try (library.kernel("stray"), library.kernel("fine"))
    x = try device.zeros([8], .int32)
  }

  private func fail(label: String?) throws -> Submission {
    let encoder = device.encoder(label: label)
    try encoder.dispatch(fine, x, grid: 8)
    try encoder.dispatch(stray, x, grid: 8)
    return try encoder.commit()
  }

  @Test("C66: a fault names the submission, the kernels, Metal's code and what to do", .softwareDevice)
  func aFaultSaysWhatHappened() throws {
    let submission = try fail(label: "broken")
    for _ in 0..<2 {
      let error = try failure { try submission.wait() }
      #expect(error.kind == .commandBuffer)
      #expect(error.metalCode == 3)
      #expect(error.kernels == ["fine", "stray"])
      for text in ["'broken'", "fine, stray", "outside its buffers"] {
        #expect(error.message.contains(text), "\(error.message)")
      }
    }
    #expect(submission.isDone && submission.isFailed && submission.error?.kind == .commandBuffer)
    #expect(submission.description == "Submission('broken', failed)")
  }

  @Test(.softwareDevice) func theDeviceStaysUsable() throws {
    for _ in 0..<10 { _ = try failure { try fail(label: nil).wait() } }
    let y = try device.zeros([8], .int32)
    let encoder = device.encoder()
    try encoder.dispatch(fine, y, grid: 8)
    try encoder.commitAndWait()
    #expect(try y.values(of: Int32.self) == Array(repeating: 1, count: 8))
    #expect(device.statistics.unfinished == 0)
  }

  @Test(.softwareDevice) func workThatIsCommittedAlreadyGoesOn() throws {
    let gate = try Gate(device)
    let y = try device.zeros([8], .int32)
    let (failed, next) = (try fail(label: "first"), device.encoder())
    try next.dispatch(fine, y, grid: 8)
    let later = try next.commit()
    gate.open()
    try later.wait(timeout: .seconds(60))
    #expect(failed.isFailed && !later.isFailed)
    #expect(try y.values(of: Int32.self) == Array(repeating: 1, count: 8))
  }

  @Test(.softwareDevice) func tasksGetTheErrorToo() async throws {
    let submission = try fail(label: nil)
    do {
      try await submission.completed()
      Issue.record("completed() did not throw")
    } catch {
      #expect(error.kind == .commandBuffer)
      #expect(error.message.contains("submission 1 "))
    }
  }

  @Test(.softwareDevice) func whatAFailedSubmissionUsedIsLetGo() throws {
    let lost = try failOnMemoryOfItsOwn()
    #expect(lost.isFailed)
    #expect(device.statistics.residentCount == 1)
    _ = try x.contents(for: .readWrite)
  }

  private func failOnMemoryOfItsOwn() throws -> Submission {
    let encoder = device.encoder()
    try encoder.dispatch(stray, device.exact.zeros([8], .int32), grid: 8)
    let submission = try encoder.commit()
    _ = try failure { try submission.wait() }
    return submission
  }
}
