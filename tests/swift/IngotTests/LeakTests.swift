import Dispatch
import Testing

@testable import Ingot

/// Counts of live objects are the process's, so these tests run alone, and look at objects of their own device only
/// through weak references where they can.
@Suite(.serialized) struct LeakTests {
  @Test func nothingOfADeviceIsLeft() throws {
    weak var device: Device?
    weak var library: Library?
    weak var kernel: Kernel?
    weak var storage: Storage?
    weak var encoder: CommandEncoder?
    weak var submission: Submission?
    try autoreleasingScope {
      let owned = try Device.isolated()
      let compiled = try owned.compile(Sources.steps)
      let increment = try compiled.kernel("increment")
      let buffer = try owned.zeros([8], .int32)
      let encoding = owned.encoder()
      try encoding.dispatch(increment, buffer, grid: 8)
      let submitted = try encoding.commitAndWait()
      (device, library, kernel, storage) = (owned, compiled, increment, buffer.storage)
      (encoder, submission) = (encoding, submitted)
      #expect(LiveObjects.devices > 0 && LiveObjects.storages > 0 && LiveObjects.kernels > 0)
      #expect(LiveObjects.libraries > 0 && LiveObjects.encoders > 0 && LiveObjects.submissions > 0)
    }
    #expect(device == nil && library == nil && kernel == nil)
    #expect(storage == nil && encoder == nil && submission == nil)
  }

  @Test func failuresLeaveNothingBehind() throws {
    weak var device: Device?
    try autoreleasingScope {
      let owned = try Device.isolated()
      device = owned
      let increment = try owned.kernel("increment", of: Sources.steps)
      _ = try failure { _ = try owned.compile("kernel void k(") }
      _ = try failure { _ = try owned.empty([0], .int8) }
      let encoder = owned.encoder()
      _ = try failure { try encoder.dispatch(increment, grid: 8) }
      try encoder.dispatch(increment, owned.zeros([8], .int32), grid: 8)
      _ = try failure { try encoder.dispatch(increment, grid: 0) }
    }
    #expect(device == nil)
  }

  @Test func manyThreadsWorkOnOneDevice() throws {
    let device = try Device.isolated()
    let increment = try device.kernel("increment", of: Sources.steps)
    let failures = LockedCount()
    let group = DispatchGroup()
    for _ in 0..<8 {
      DispatchQueue.global().async(group: group) {
        do {
          for round in 1...25 {
            let x = try device.zeros([64], .int32)
            for _ in 0..<round {
              let encoder = device.encoder()
              try encoder.dispatch(increment, x, grid: 64)
              try encoder.commit()
            }
            try device.encoder().commitAndWait()
            try Self.waitUntilReadable(x)
            if try x.values(of: Int32.self) != Array(repeating: Int32(round), count: 64) { failures.add() }
          }
        } catch { failures.add() }
      }
    }
    group.wait()
    #expect(failures.value == 0)
    device.pool.trim()
    #expect(device.statistics.residentCount == 0 && device.statistics.unfinished == 0)
  }

  /// Other threads' submissions may finish in any order, so an empty one after ours proves nothing.
  private static func waitUntilReadable(_ buffer: Buffer) throws {
    while true {
      do {
        _ = try buffer.contents(for: .readWrite)
        return
      } catch  where error.kind == .inFlight { continue }
    }
  }

  private func autoreleasingScope(_ body: () throws -> Void) throws {
    let outcome = withAutoreleasePool { Result { try body() } }
    try outcome.get()
  }
}
