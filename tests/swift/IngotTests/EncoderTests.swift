import Dispatch
import Testing

@testable import Ingot

@Suite struct EncoderTests {
  let device: Device
  let increment: Kernel
  let x: Buffer

  init() throws {
    device = try Device.isolated()
    increment = try device.kernel("increment", of: Sources.steps)
    x = try device.zeros([8], .int32)
  }

  @Test("C18: an empty encoder commits") func emptyEncoder() throws {
    let submission = try device.encoder().commitAndWait()
    #expect(submission.isDone && !submission.isFailed)
    #expect(submission.dispatches == 0)
    #expect(device.statistics.submissions == 1)
  }

  @Test("C63: a committed encoder is done after a wait, and refuses everything else")
  func aCommittedEncoderIsOver() throws {
    let encoder = device.encoder(label: "once")
    try encoder.dispatch(increment, x, grid: 8)
    try encoder.commitAndWait()
    let uses: [(CommandEncoder) throws -> Void] = [
      { try $0.dispatch(increment, x, grid: 8) }, { try $0.commit() }, { try $0.commitAndWait() },
      { try $0.discard() },
    ]
    for use in uses {
      let error = try failure { try use(encoder) }
      #expect(error.kind == .state)
      #expect(error.message.contains("'once'") && error.message.contains("committed"))
    }
    #expect(try x.values(of: Int32.self) == Array(repeating: 1, count: 8))
  }

  @Test func aDiscardedEncoderDidNothing() throws {
    let encoder = device.encoder()
    try encoder.dispatch(increment, x, grid: 8)
    try encoder.discard()
    #expect(try failure { try encoder.commit() }.message.contains("discarded"))
    #expect(try failure { try encoder.discard() }.kind == .state)
    #expect(try x.values(of: Int32.self) == Array(repeating: 0, count: 8))
    #expect(device.statistics.submissions == 0)
  }

  @Test("C64: an encoder that is dropped uncommitted leaves the device usable")
  func aDroppedEncoderDidNothing() throws {
    for _ in 0..<200 { try device.encoder().dispatch(increment, x, grid: 8) }
    #expect(try x.values(of: Int32.self) == Array(repeating: 0, count: 8))
    let encoder = device.encoder()
    try encoder.dispatch(increment, x, grid: 8)
    try encoder.commitAndWait()
    #expect(try x.values(of: Int32.self) == Array(repeating: 1, count: 8))
  }

  @Test("C51: the label reads back after commit and wait, from Metal too") func labels() throws {
    let encoder = device.encoder(label: "blur")
    try encoder.dispatch(increment, x, grid: 8)
    #expect(encoder.computeEncoder?.label == "blur" && encoder.commandBuffer?.label == "blur")
    let submission = try encoder.commitAndWait()
    #expect(submission.label == "blur" && encoder.label == "blur")
    #expect(try device.encoder().commitAndWait().label == "")
  }

  @Test("C52: the label reads back after an asynchronous commit") func labelsLater() async throws {
    let encoder = device.encoder(label: "blur")
    try encoder.dispatch(increment, x, grid: 8)
    let submission = try encoder.commit()
    try await submission.completed()
    #expect(submission.label == "blur")
    #expect(try x.values(of: Int32.self) == Array(repeating: 1, count: 8))
  }

  @Test("C53: the pipeline's label is the kernel's name") func pipelineLabel() throws {
    #expect(increment.metalPipeline.label == "increment")
  }

  @Test func twoThreadsAtOnceAreRefused() throws {
    let encoder = device.encoder(label: "shared")
    let gate = DispatchSemaphore(value: 0)
    let refused = LockedCount()
    let done = LockedCount()
    let group = DispatchGroup()
    let (increment, x) = (increment, x)
    for _ in 0..<4 {
      DispatchQueue.global().async(group: group) {
        gate.wait()
        for _ in 0..<500 {
          do throws(IngotError) {
            try encoder.dispatch(increment, x, grid: 8)
            done.add()
          } catch {
            if error.kind == .state && error.message.contains("another thread") { refused.add() }
          }
        }
      }
    }
    for _ in 0..<4 { gate.signal() }
    group.wait()
    #expect(done.value + refused.value == 2000)
    try encoder.commitAndWait()
    #expect(try x.values(of: Int32.self) == Array(repeating: Int32(done.value), count: 8))
  }

  @Test func anEncoderInUseSaysSo() throws {
    let encoder = device.encoder()
    try encoder.enter()
    #expect(try failure { try encoder.commit() }.message.contains("another thread"))
    encoder.leave()
    try encoder.commitAndWait()
  }
}

/// A counter for several threads.
final class LockedCount: @unchecked Sendable {
  private let queue = DispatchQueue(label: "count")
  private var count = 0

  func add() { queue.sync { count += 1 } }
  var value: Int { queue.sync { count } }
}
