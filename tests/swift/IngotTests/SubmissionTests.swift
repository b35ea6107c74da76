import Dispatch
import Foundation
import Metal
import Testing

@testable import Ingot

@Suite struct SubmissionTests {
  let device: Device
  let increment: Kernel
  let x: Buffer

  init() throws {
    device = try Device.isolated()
    increment = try device.kernel("increment", of: Sources.steps)
    x = try device.zeros([8], .int32)
  }

  private func submit(_ buffers: Buffer..., label: String? = nil) throws -> Submission {
    let encoder = device.encoder(label: label)
    for buffer in buffers { try encoder.dispatch(increment, buffer, grid: 8) }
    return try encoder.commit()
  }

  @Test func aWaitEndsWithItsTimeoutAndTheWorkGoesOn() throws {
    let gate = try Gate(device)
    let submission = try submit(x, label: "slow")
    let error = try failure { try submission.wait(timeout: .milliseconds(20)) }
    #expect(error.kind == .timeout)
    #expect(error.message.contains("'slow'"))
    #expect(try failure { try submission.wait(timeout: .zero) }.kind == .timeout)
    #expect(try failure { try submission.wait(timeout: .seconds(-5)) }.kind == .timeout)
    #expect(
      !submission.isDone && submission.error == nil && submission.gpuTime == 0 && submission.gpuStart == 0)
    gate.open()
    try submission.wait(timeout: .seconds(60))
    try submission.wait()
    #expect(submission.isDone && !submission.isFailed)
    #expect(try x.values(of: Int32.self) == Array(repeating: 1, count: 8))
  }

  @Test func timesAreOnOneClock() throws {
    let first = try submit(x)
    try first.wait()
    let second = try submit(x)
    try second.wait()
    #expect(first.gpuStart > 0 && first.gpuEnd >= first.gpuStart && first.gpuTime >= 0)
    #expect(second.gpuStart >= first.gpuEnd)
  }

  @Test func theHostsTimeIsFromCommitToEnd() throws {
    let gate = try Gate(device)
    let before = ContinuousClock.now
    let submission = try submit(x)
    #expect(submission.hostTime == 0)
    Thread.sleep(forTimeInterval: 0.03)
    gate.open()
    try submission.wait()
    let elapsed = ContinuousClock.now - before
    #expect(submission.hostTime >= 0.03 && .seconds(submission.hostTime) <= elapsed)
    #expect(submission.hostTime >= submission.gpuTime)
  }

  @Test("C65: commit and wait blocks until the result can be read") func commitAndWaitBlocks() throws {
    let gate = try Gate(device)
    DispatchQueue.global().asyncAfter(deadline: .now() + .milliseconds(30)) { [gate = Held(gate)] in
      gate.value.open()
    }
    let encoder = device.encoder()
    for _ in 0..<5 { try encoder.dispatch(increment, x, grid: 8) }
    let submission = try encoder.commitAndWait()
    #expect(submission.isDone && submission.hostTime > 0)
    #expect(try x.values(of: Int32.self) == Array(repeating: 5, count: 8))
  }

  /// A thread of Python's has no autorelease pool: what Metal puts there would stay until the thread ends.
  @Test func metalsObjectsGoWithTheSubmission() throws {
    let (device, increment, x) = (device, increment, x)
    let encoders = Held((0..<20).map { _ in WeakEncoder() })
    let (made, looked) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
    Thread.detachNewThread {
      for weak in encoders.value {
        let encoder = device.encoder()
        try? encoder.dispatch(increment, x, grid: 8)
        weak.isMade = encoder.computeEncoder != nil
        weak.metal = encoder.computeEncoder
        _ = try? encoder.commitAndWait()
      }
      made.signal()
      looked.wait()
    }
    made.wait()
    // The thread is still there. Metal may keep a few for the next ones.
    let deadline = ContinuousClock.now + .seconds(10)
    var living: Int { encoders.value.count { $0.metal != nil } }
    while living > 4, ContinuousClock.now < deadline { Thread.sleep(forTimeInterval: 0.001) }
    #expect(living <= 4 && encoders.value.allSatisfy(\.isMade))
    looked.signal()
  }

  @Test func manyThreadsAndTasksWaitForOneSubmission() async throws {
    let gate = try Gate(device)
    let submission = try submit(x)
    let woken = LockedCount()
    let group = DispatchGroup()
    for _ in 0..<4 {
      DispatchQueue.global().async(group: group) {
        try? submission.wait(timeout: .seconds(60))
        if submission.isDone { woken.add() }
      }
    }
    let tasks = (0..<4).map { _ in
      Task {
        try await submission.completed()
        woken.add()
      }
    }
    gate.open()
    for task in tasks { try await task.value }
    await withCheckedContinuation { continuation in group.notify(queue: .global()) { continuation.resume() } }
    #expect(woken.value == 8)
  }

  @Test func theHostCannotTouchWhatIsInFlight() throws {
    let source = try device.ints(0..<8)
    let free = try device.ints(0..<8)
    let copy = try device.kernel("copy", of: Sources.steps)
    let gate = try Gate(device)
    let encoder = device.encoder(label: "copying")
    try encoder.dispatch(copy, source, x, grid: 8)
    // Until it is committed nothing is in flight.
    _ = try x.contents(for: .readWrite)
    let submission = try encoder.commit()
    for (buffer, access) in [(x, Access.read), (x, .write), (x, .readWrite), (source, .write)] {
      let error = try failure { _ = try buffer.contents(for: access) }
      #expect(error.kind == .inFlight)
      #expect(error.message.contains("'copying'"), "\(error.message)")
    }
    #expect(try failure { _ = try x.values(of: Int32.self) }.kind == .inFlight)
    #expect(try failure { try source.withUnsafeMutable(of: Int32.self) { _ in } }.kind == .inFlight)
    #expect(try source.values(of: Int32.self) == Array(0..<8))
    _ = try free.contents(for: .readWrite)
    gate.open()
    try submission.wait()
    #expect(try x.values(of: Int32.self) == Array(0..<8))
    _ = try source.contents(for: .write)
  }

  @Test func severalReadersAllCount() throws {
    let copy = try device.kernel("copy", of: Sources.steps)
    let source = try device.ints(0..<8)
    let gate = try Gate(device)
    let submissions = try (0..<3).map { index in
      let encoder = device.encoder(label: "reader \(index)")
      try encoder.dispatch(copy, source, x, grid: 8)
      return try encoder.commit()
    }
    #expect(try failure { _ = try source.contents(for: .write) }.message.contains("'reader 0'"))
    gate.open()
    for submission in submissions { try submission.wait() }
    _ = try source.contents(for: .write)
  }

  @Test("C50: what a submission uses outlives whoever drops it") func lifetime() throws {
    let copy = try device.kernel("copy", of: Sources.steps)
    let gate = try Gate(device)
    do {
      let source = try device.ints(0..<8)
      let between = try device.zeros([8], .int32)
      let encoder = device.encoder()
      try encoder.dispatch(copy, source, between, grid: 8)
      try encoder.dispatch(copy, between, x, grid: 8)
      try encoder.commit()
    }
    // Would be handed the memory of what was dropped, if that were free.
    let others = try (0..<20).map { try device.full([8], Int32($0 + 100)) }
    gate.open()
    while device.statistics.unfinished > 0 {}
    #expect(try x.values(of: Int32.self) == Array(0..<8))
    for (index, other) in others.enumerated() {
      #expect(try other.values(of: Int32.self)[0] == Int32(index + 100))
    }
  }

  @Test func aDeviceMayGoWhileItsWorkIsUnderWay() throws {
    weak var dropped: Device?
    let submission: Submission
    do {
      let device = try Device.isolated()
      dropped = device
      let increment = try device.kernel("increment", of: Sources.steps)
      let encoder = device.encoder()
      try encoder.dispatch(increment, device.zeros([8], .int32), grid: 8)
      submission = try encoder.commit()
    }
    try submission.wait()
    #expect(dropped == nil)
  }

  @Test func statisticsCount() throws {
    #expect(device.statistics.submissions == 0)
    let gate = try Gate(device)
    let submissions = try (0..<3).map { _ in try submit(x) }
    #expect(device.statistics.submissions == 3 && device.statistics.unfinished == 3)
    gate.open()
    for submission in submissions { try submission.wait() }
    #expect(device.statistics.submissions == 3 && device.statistics.unfinished == 0)
    #expect(device.statistics.currentAllocated >= 32)
  }
}

/// One of Metal's, if it is still there.
private final class WeakEncoder {
  weak var metal: (any MTLComputeCommandEncoder)?
  var isMade = false
}
