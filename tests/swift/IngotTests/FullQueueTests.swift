import Foundation
import Metal
import Testing

@testable import Ingot

/// Who waits for one of Metal's command buffers holds no lock meanwhile that others need, who may be what it waits for.
@Suite struct FullQueueTests {
  let device: Device
  let gate: Event

  /// As many submissions as there can be, which wait for the host.
  init() throws {
    device = try Device.isolated()
    gate = try device.event(label: "gate")
    device.slotTimeout = .seconds(5)
    for _ in 0..<CommandSlots.capacity {
      let encoder = device.encoder()
      try encoder.wait(for: gate, value: 1)
      try encoder.commit()
    }
  }

  /// Does `other` while `waiter` waits, then lets it go on.
  private func run(_ waiter: @escaping @Sendable () throws -> Void, while other: () throws -> Void) throws {
    let (ended, failures) = (DispatchSemaphore(value: 0), LockedCount())
    let thread = Thread {
      do { try waiter() } catch { failures.add() }
      ended.signal()
    }
    thread.start()
    Thread.sleep(forTimeInterval: 0.05)
    try other()
    gate.signal(1)
    ended.wait()
    #expect(failures.value == 0)
    try device.synchronize()
  }

  @Test("A session can be asked while a stage waits", arguments: [false, true])
  func session(isFenced: Bool) throws {
    let session = device.session()
    try run {
      if isFenced { try session.fenceStage() } else { try session.commitStage() }
    } while: {
      #expect(session.fenceValue == 0 && !session.isDrained && session.submission == nil)
    }
    #expect(session.isDrained && session.fenceValue == (isFenced ? 1 : 0))
  }

  @Test("Memory can be wrapped while an untracked buffer waits for its fence")
  func imports() throws {
    let device = device
    let pages = TestPages()
    try run {
      let metal = device.metalDevice.makeBuffer(length: 64, options: .hazardTrackingModeUntracked)!
      _ = try device.adopt(metal, shape: [16], dtype: .int32)
    } while: {
      _ = try pages.wrap(on: device)
    }
  }
}
