import Dispatch
import Foundation
import Metal
import Testing

@testable import Ingot

/// What the host may look at after an event has told that it is there, while Metal has not told yet that all is done.
@Suite struct EventAccessTests {
  let device: Device
  let event: Event
  let increment: Kernel
  let x: Buffer
  /// What Metal's completed handlers wait for.
  let held = DispatchSemaphore(value: 0)

  init() throws {
    device = try Device.isolated()
    event = try device.event(label: "end")
    increment = try device.kernel("increment", of: Sources.steps)
    x = try device.zeros([8], .int32)
  }

  /// Commits a command buffer whose completed handler stays, so that those of later ones come late.
  private func holdHandlers() throws {
    let first = try #require(device.metalQueue.makeCommandBuffer())
    first.addCompletedHandler { [held] _ in held.wait() }
    first.commit()
  }

  private func releaseHandlersLater() {
    let later = Thread { [held] in
      Thread.sleep(forTimeInterval: 0.02)
      held.signal()
    }
    later.start()
  }

  @Test(
    "D13: what an event at the end of an encoder has told of can be used at once", arguments: [false, true])
  func endOfAnEncoder(isMapped: Bool) throws {
    try holdHandlers()
    defer { held.signal() }
    let encoder = device.encoder()
    try encoder.dispatch(increment, x, grid: 8)
    try encoder.signal(event, value: 1)
    try encoder.signal(device.event(), value: 1)
    try encoder.commit()
    try event.wait(for: 1, timeout: .seconds(60))
    releaseHandlersLater()
    if isMapped {
      try x.mapped(for: .readWrite).close()
    } else {
      #expect(try x.values(of: Int32.self) == Array(repeating: 1, count: 8))
    }
  }

  @Test(
    "What came before on the same memory has ended too, but not in another queue", arguments: [false, true])
  func earlierSubmissions(isOther: Bool) throws {
    try holdHandlers()
    let (copy, gate) = try (device.kernel("copy", of: Sources.steps), device.event())
    let earlier = try (isOther ? device.queue() : device.defaultQueue).encoder()
    if isOther { try earlier.wait(for: gate, value: 1) }
    try earlier.dispatch(increment, x, grid: 8)
    let submission = try earlier.commit()
    let encoder = device.encoder()
    try encoder.dispatch(copy, x, device.zeros([8], .int32), grid: 8)
    try encoder.signal(event, value: 1)
    try encoder.commit()
    try event.wait(for: 1, timeout: .seconds(60))
    if isOther {
      #expect(try failure { _ = try x.contents(for: .read) }.kind == .inFlight)
      held.signal()
    } else {
      releaseHandlersLater()
      #expect(try x.values(of: Int32.self) == Array(repeating: 1, count: 8))
    }
    gate.signal(1)
    try submission.wait()
  }

  @Test("What comes after a signal is still under way", .softwareDevice, arguments: [false, true])
  func middleOfAnEncoder(isWait: Bool) throws {
    try holdHandlers()
    let encoder = device.encoder()
    try encoder.dispatch(increment, x, grid: 8)
    try encoder.signal(event, value: 1)
    if isWait {
      try encoder.wait(for: event, value: 2)
    } else {
      try encoder.dispatch(increment, x, grid: 8)
    }
    let submission = try encoder.commit()
    try event.wait(for: 1, timeout: .seconds(60))
    #expect(try failure { _ = try x.contents(for: .read) }.kind == .inFlight)
    event.signal(2)
    held.signal()
    try submission.wait()
  }

  @Test("A value that others have signalled deceives nobody, and nobody hangs")
  func signalOfOthers() throws {
    let gate = try device.event()
    event.signal(5)
    let encoder = device.encoder()
    try encoder.wait(for: gate, value: 1)
    try encoder.dispatch(increment, x, grid: 8)
    try encoder.signal(event, value: 3)
    let submission = try encoder.commit()
    #expect(try failure { _ = try x.contents(for: .read) }.kind == .inFlight)
    gate.signal(1)
    try submission.wait()
    #expect(try x.values(of: Int32.self) == Array(repeating: 1, count: 8))
  }
}
