import Dispatch
import Testing

@testable import Ingot

@Suite struct SynchronizeTests {
  private let device: Device
  private let copy: Kernel
  private let (x, y): (Buffer, Buffer)

  init() throws {
    device = try Device.isolated()
    copy = try device.kernel("copy", of: Sources.steps)
    (x, y) = (try device.ints(0..<64), try device.full([64], Int32(-1)))
  }

  private func commit(_ x: Buffer, _ y: Buffer) throws -> Submission {
    let encoder = device.encoder(label: "held")
    try encoder.dispatch(copy, x, y, grid: x.count)
    return try encoder.commit()
  }

  @Test func aBufferWaitsForItsOwnBytes() throws {
    let gate = try Gate(device)
    let submission = try commit(x[0..<8], y[8..<16])
    for other in try [device.ints(0..<4), x[8..<64], y[0..<8], device.buffer([4], .int32, lazy: true)] {
      try other.synchronize(timeout: .zero)
    }
    for own in try [x, y, x[7..<8], y[8..<9]] {
      let error = try failure { try own.synchronize(timeout: .milliseconds(2)) }
      #expect(error.kind == .timeout && error.message.contains("held"))
    }
    DispatchQueue.global().asyncAfter(deadline: .now() + 0.02) { gate.open() }
    try x.synchronize()
    #expect(submission.isDone)
  }

  @Test func aDeviceWaitsForEverything() throws {
    try device.synchronize()
    let gate = try Gate(device)
    let submissions = try [commit(x, y), commit(y, x), commit(x, y)]
    #expect(try failure { try device.synchronize(timeout: .milliseconds(2)) }.kind == .timeout)
    DispatchQueue.global().asyncAfter(deadline: .now() + 0.02) { gate.open() }
    try device.synchronize(timeout: .seconds(60))
    #expect(submissions.allSatisfy { $0.isDone })
  }

  private func fail(_ x: Buffer, _ label: String) throws -> Submission {
    let encoder = device.encoder(label: label)
    try encoder.dispatch(device.kernel("stray", of: Sources.faults), x, grid: 1)
    return try encoder.commit()
  }

  @Test(.softwareDevice, arguments: [false, true]) func aFailureIsToldOnce(isLate: Bool) throws {
    func settle() { while isLate && device.statistics.unfinished > 0 { Platform.yieldThread() } }
    _ = try fail(x, "first")
    settle()
    try y.synchronize()
    let error = try failure { try x.synchronize() }
    #expect(error.kind == .commandBuffer && error.message.contains("first"))
    try x.synchronize()
    _ = try fail(x, "second")
    _ = try fail(y, "third")
    settle()
    #expect(try failure { try device.synchronize() }.message.contains("second"))
    for synchronize in [x.synchronize, y.synchronize, device.synchronize] { try synchronize(nil) }
  }

  @Test(.softwareDevice) func whatSomebodyKnowsIsNotTold() throws {
    let submission = try fail(x, "known")
    _ = try failure { try submission.wait() }
    try x.synchronize()
    try device.synchronize()
  }

  @Test(.softwareDevice) func oldFailuresAreForgotten() throws {
    for number in 0..<100 { _ = try fail(x, "number \(number)") }
    while device.statistics.unfinished > 0 { Platform.yieldThread() }
    #expect(device.queue.failureCount.load(ordering: .relaxed) == 64)
    let message = try failure { try device.synchronize() }.message
    #expect(message.contains("number 3") || message.contains("number 4"), "\(message)")
    try x.synchronize()
  }
}
