import Dispatch
import Testing

@testable import Ingot

@Suite struct SlotTests {
  let device: Device
  let increment: Kernel
  let x: Buffer

  init() throws {
    device = try Device.isolated()
    increment = try device.kernel("increment", of: Sources.steps)
    x = try device.zeros([8], .int32)
  }

  private func begin() throws -> CommandEncoder {
    let encoder = device.encoder()
    try encoder.dispatch(increment, x, grid: 8)
    return encoder
  }

  @Test func encodersThatDoNothingTakeNone() throws {
    let idle = (0..<200).map { _ in device.encoder() }
    try begin().commitAndWait()
    #expect(idle.count == 200)
  }

  @Test func withNothingCommittedTheLastOneIsRefusedAtOnce() throws {
    var encoders = try (0..<CommandSlots.capacity).map { _ in try begin() }
    let late = device.encoder(label: "late")
    let error = try failure { try late.dispatch(increment, x, grid: 8) }
    #expect(error.kind == .state)
    #expect(error.message.contains("\(CommandSlots.capacity)") && error.message.contains("commit or discard"))
    #expect(try failure { try device.encoder().commit() }.kind == .state)
    // One slot back is enough, and the refused encoder was not harmed.
    encoders.removeLast()
    try late.dispatch(increment, x, grid: 8)
    try late.commitAndWait()
    for encoder in encoders { try encoder.commit() }
    try begin().commitAndWait()
    while device.statistics.unfinished > 0 {}
    #expect(try x.values(of: Int32.self)[0] == Int32(CommandSlots.capacity + 1))
  }

  @Test func withWorkUnderWayAWaitEndsWithSlotTimeout() throws {
    device.slotTimeout = .milliseconds(30)
    let gate = try Gate(device)
    for _ in 0..<CommandSlots.capacity { try begin().commit() }
    let error = try failure { _ = try begin() }
    #expect(error.kind == .timeout)
    #expect(error.message.contains("\(CommandSlots.capacity)") && error.message.contains("slotTimeout"))
    gate.open()
    device.slotTimeout = .seconds(60)
    try begin().commitAndWait()
  }

  @Test func aWaitForASlotEndsWhenOneIsFree() throws {
    let gate = try Gate(device)
    for _ in 0..<CommandSlots.capacity { try begin().commit() }
    DispatchQueue.global().asyncAfter(deadline: .now() + .milliseconds(20)) { [gate = Held(gate)] in
      gate.value.open()
    }
    try begin().commitAndWait()
    #expect(device.statistics.submissions == CommandSlots.capacity + 1)
  }

  @Test func aThousandSubmissionsUnawaited() throws {
    for _ in 0..<1000 { try begin().commit() }
    try begin().commitAndWait()
    while device.statistics.unfinished > 0 {}
    #expect(try x.values(of: Int32.self) == Array(repeating: 1001, count: 8))
  }
}

/// Hands a test's object to a closure on another thread.
struct Held<T>: @unchecked Sendable {
  let value: T
  init(_ value: T) { self.value = value }
}
