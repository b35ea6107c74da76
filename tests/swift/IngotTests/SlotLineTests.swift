import Dispatch
import Foundation
import Synchronization
import Testing

@testable import Ingot

/// Who waits for one of Metal's command buffers: threads, tasks and event loops, in one line.
@Suite struct SlotLineTests {
  let slots = CommandSlots()

  // Where many tests run at a time a task may have to wait for long until it runs at all.
  init() { slots.timeout = .seconds(3600) }

  /// Takes all slots, and commits them.
  private func fill() throws {
    for _ in 0..<CommandSlots.capacity {
      try slots.take()
      slots.commit()
    }
  }

  @Test func whoComesFirstIsServedFirst() async throws {
    try fill()
    let (order, notifier) = (Served(), try CompletionNotifier())
    var tasks: [Task<Void, any Error>] = []
    var asked: [SlotRequest] = []
    for index in 0..<30 {
      let request = try #require(try slots.request())
      asked.append(request)
      switch index % 3 {
      case 0:
        // Threads of their own: those of Dispatch's are few, and come slowly where all of them block.
        Thread.detachNewThread { [slots] in
          slots.wait(for: request)
          order.add(index, slots.end(request))
        }
      case 1:
        tasks.append(
          Task { [slots] in
            await slots.answer(to: request)
            order.add(index, slots.end(request))
          })
      default: #expect(slots.enrol(.loop(notifier.queue, UInt64(index)), for: request))
      }
    }
    for index in 0..<30 {
      slots.free(committed: true)
      if index % 3 == 2 {
        try #require(canBeRead(notifier.fileDescriptor, 60_000))
        #expect(notifier.take() == [UInt64(index)])
        order.add(index, slots.end(asked[index]))
      }
      while order.list.count <= index { await Task.yield() }
      slots.commit()
    }
    #expect(order.list == Array(0..<30))
    for task in tasks { try await task.value }
  }

  @Test func aNewcomerDoesNotOvertake() throws {
    try fill()
    let first = try #require(try slots.request())
    slots.free(committed: true)
    // The slot is the first one's, though nobody has come for it.
    let second = try #require(try slots.request())
    #expect(slots.end(first))
    #expect(!slots.end(second))
  }

  @Test func whoLeavesTheLineHarmsNobody() throws {
    try fill()
    let requests = try (0..<3).map { _ in try #require(try slots.request()) }
    #expect(!slots.end(requests[1]))
    slots.free(committed: true)
    slots.free(committed: true)
    #expect(slots.end(requests[0]) && slots.end(requests[2]))
    slots.free(committed: false)
    #expect(try slots.request() == nil)
  }

  @Test func waitsEndWithTheirTimeAndLeaveTheLine() async throws {
    try fill()
    slots.timeout = .milliseconds(20)
    let notifier = try CompletionNotifier()
    let request = try #require(try slots.request())
    #expect(slots.enrol(.loop(notifier.queue, 5), for: request))
    let error = try failure { try slots.take() }
    #expect(error.kind == .timeout && error.message.contains("slotTimeout"))
    let task = try #require(try slots.request())
    await slots.answer(to: task)
    #expect(!slots.end(task))
    #expect(canBeRead(notifier.fileDescriptor, 60_000) && notifier.take() == [5])
    #expect(!slots.end(request))
    // Nobody stands in the line: a slot that comes back is free.
    slots.free(committed: true)
    #expect(try slots.request() == nil)
  }

  @Test func aSlotThatComesBeforeAnybodyWaitsIsNotLost() throws {
    try fill()
    let request = try #require(try slots.request())
    slots.free(committed: true)
    slots.wait(for: request)
    #expect(slots.end(request))
  }

  @Test func whoWaitsForARequestThatEndsIsWoken() async throws {
    try fill()
    let notifier = try CompletionNotifier()
    let request = try #require(try slots.request())
    let (woken, group) = (LockedCount(), DispatchGroup())
    group.enter()
    Thread.detachNewThread { [slots] in
      slots.wait(for: request)
      woken.add()
      group.leave()
    }
    let task = Task { [slots] in
      await slots.answer(to: request)
      woken.add()
    }
    #expect(slots.enrol(.loop(notifier.queue, 1), for: request))
    #expect(!slots.end(request))
    await task.value
    await withCheckedContinuation { continuation in group.notify(queue: .global()) { continuation.resume() } }
    #expect(woken.value == 2 && notifier.take() == [1])
    // It is over: whoever comes now is answered at once, and the slot that comes back is free.
    #expect(!slots.enrol(.loop(notifier.queue, 2), for: request))
    slots.wait(for: request)
    slots.free(committed: true)
    #expect(try slots.request() == nil)
  }

  @Test func allWhoWaitForOneRequestAreWokenAndOnce() async throws {
    try fill()
    let (notifier, other) = (try CompletionNotifier(), try CompletionNotifier())
    let request = try #require(try slots.request())
    let task = Task { [slots] in await slots.answer(to: request) }
    for token: UInt64 in [1, 2, 1] { #expect(slots.enrol(.loop(notifier.queue, token), for: request)) }
    #expect(slots.enrol(.loop(other.queue, 1), for: request))
    slots.free(committed: true)
    await task.value
    #expect(notifier.take() == [1, 2] && other.take() == [1])
    #expect(slots.end(request))
  }

  @Test func aWaitWhoseTimeIsOverKeepsItsPlace() throws {
    try fill()
    let first = try #require(try slots.request())
    #expect(!slots.wait(for: first, timeout: .milliseconds(5)) && slots.isWaiting(first))
    let second = try #require(try slots.request())
    #expect(!slots.wait(for: second, timeout: .zero))
    slots.free(committed: true)
    #expect(slots.wait(for: first, timeout: .zero) && !slots.isWaiting(first))
    #expect(slots.end(first) && slots.isWaiting(second))
    #expect(!slots.end(second))
  }

  @Test func manyOfEachKindAllGetOne() async throws {
    for _ in 0..<CommandSlots.capacity { try slots.take() }
    // One is committed all the time, so nobody is refused; two go round.
    slots.commit()
    for _ in 0..<2 { slots.free(committed: false) }
    let served = LockedCount()
    let group = DispatchGroup()
    for _ in 0..<8 {
      group.enter()
      Thread.detachNewThread { [slots] in
        defer { group.leave() }
        for _ in 0..<200 where (try? slots.take()) != nil {
          served.add()
          slots.free(committed: false)
        }
      }
    }
    try await withThrowingTaskGroup(of: Void.self) { tasks in
      for _ in 0..<400 {
        tasks.addTask { [slots] in
          if let request = try slots.request() {
            await slots.answer(to: request)
            #expect(slots.end(request))
          }
          served.add()
          slots.free(committed: false)
        }
      }
      try await tasks.waitForAll()
    }
    await withCheckedContinuation { continuation in group.notify(queue: .global()) { continuation.resume() } }
    #expect(served.value == 2000)
    // Both are back, and there once.
    #expect(try (0..<3).map { _ in try slots.request() == nil } == [true, true, false])
  }
}

/// Encoders that take their command buffer before the first dispatch.
@Suite struct BegunEncoderTests {
  let device: Device
  let increment: Kernel
  let x: Buffer

  init() throws {
    device = try Device.isolated()
    increment = try device.kernel("increment", of: Sources.steps)
    x = try device.zeros([8], .int32)
    device.slotTimeout = .seconds(3600)
  }

  private func commit(_ encoder: CommandEncoder) throws -> Submission {
    try encoder.dispatch(increment, x, grid: 8)
    return try encoder.commit()
  }

  @Test func aThousandTasksOnOneDevice() async throws {
    try await withThrowingTaskGroup(of: Void.self) { [self] tasks in
      for _ in 0..<1000 {
        tasks.addTask { try await self.commit(self.device.encoder().begun()).completed() }
      }
      try await tasks.waitForAll()
    }
    #expect(try x.values(of: Int32.self) == Array(repeating: 1000, count: 8))
    #expect(device.statistics.unfinished == 0)
  }

  @Test func anEventLoopBeginsWhenItIsTold() throws {
    let notifier = try CompletionNotifier()
    let first = device.encoder()
    #expect(try first.begin(notifying: notifier, token: 1))
    #expect(try first.begin(notifying: notifier, token: 1))
    try first.discard()
    let gate = try Gate(device)
    for _ in 0..<CommandSlots.capacity { _ = try commit(device.encoder()) }
    let late = device.encoder(label: "late")
    #expect(try !late.begin(notifying: notifier, token: 2))
    #expect(try !late.begin(notifying: notifier, token: 3))
    #expect(try !late.begin(notifying: notifier, token: 3))
    gate.open()
    var told: [UInt64] = []
    // They come one after the other.
    while told.count < 2, canBeRead(notifier.fileDescriptor, 60_000) { told += notifier.take() }
    #expect(told == [2, 3])
    #expect(try late.begin(notifying: notifier, token: 4))
    try commit(late).wait()
    #expect(notifier.count == 0)
    #expect(try failure { _ = try late.begin(notifying: notifier, token: 5) }.kind == .state)
  }

  @Test func withNothingCommittedItIsRefusedAtOnce() async throws {
    var encoders: [CommandEncoder] = []
    for _ in 0..<CommandSlots.capacity { encoders.append(try await device.encoder().begun()) }
    do {
      try await device.encoder().begun()
      Issue.record("one more has begun")
    } catch {
      #expect(error.kind == .state && error.message.contains("commit or discard"))
    }
    let notifier = try CompletionNotifier()
    #expect(try failure { _ = try device.encoder().begin(notifying: notifier, token: 1) }.kind == .state)
    encoders.removeLast()
    try await commit(device.encoder().begun()).completed()
  }

  @Test func itsTimeIsTheSlotTimeout() async throws {
    device.slotTimeout = .milliseconds(20)
    let gate = try Gate(device)
    for _ in 0..<CommandSlots.capacity { _ = try commit(device.encoder()) }
    let late = device.encoder()
    do {
      try await late.begun()
      Issue.record("it has begun")
    } catch {
      #expect(error.kind == .timeout)
    }
    let notifier = try CompletionNotifier()
    #expect(try !late.begin(notifying: notifier, token: 1))
    try #require(canBeRead(notifier.fileDescriptor, 60_000))
    #expect(try failure { _ = try late.begin(notifying: notifier, token: 2) }.kind == .timeout)
    gate.open()
    device.slotTimeout = .seconds(3600)
    // It was not harmed.
    try await commit(late.begun()).completed()
  }

  @Test func oneThatIsDroppedInTheLineLeavesItsPlace() throws {
    let notifier = try CompletionNotifier()
    let gate = try Gate(device)
    let submissions = try (0..<CommandSlots.capacity).map { _ in try commit(device.encoder()) }
    do {
      let waiting = device.encoder()
      #expect(try !waiting.begin(notifying: notifier, token: 1))
      let discarded = device.encoder()
      #expect(try !discarded.begin(notifying: notifier, token: 2))
      try discarded.discard()
      #expect(notifier.take() == [2])
    }
    #expect(notifier.take() == [1])
    gate.open()
    for submission in submissions { try submission.wait() }
    // Given to nobody: all slots are there again.
    var encoders: [CommandEncoder] = []
    for _ in 0..<CommandSlots.capacity {
      encoders.append(device.encoder())
      #expect(try encoders.last!.begin(notifying: notifier, token: 3))
    }
    #expect(notifier.count == 0)
  }

  @Test func oneThatDoesNotBlockKeepsItsPlace() throws {
    let gate = try Gate(device)
    for _ in 0..<CommandSlots.capacity { _ = try commit(device.encoder()) }
    let late = device.encoder()
    #expect(late.isBlocking)
    late.isBlocking = false
    for _ in 0..<2 {
      let error = try failure { try late.dispatch(increment, x, grid: 8) }
      #expect(error.kind == .timeout && error.message.contains("stands in the line"))
    }
    #expect(try failure { try late.commit() }.kind == .timeout)
    #expect(try !late.begin(timeout: .milliseconds(5)))
    #expect(try late.statistics.dispatches == 0)
    gate.open()
    #expect(try late.begin(timeout: nil) && late.begin(timeout: .zero))
    try commit(late).wait()
    #expect(try x.values(of: Int32.self)[0] == Int32(CommandSlots.capacity + 1))
  }

  @Test func aReplayThatDoesNotBlockIsRefusedAndLeavesTheLine() throws {
    let graph = try device.record { try $0.dispatch(increment, x, grid: 8) }
    let gate = try Gate(device)
    let submissions = try (0..<CommandSlots.capacity).map { _ in try commit(device.encoder()) }
    #expect(try failure { try graph.replay([], blocking: false) }.kind == .timeout)
    gate.open()
    for submission in submissions { try submission.wait() }
    try graph.replay([], blocking: false).wait()
    #expect(try x.values(of: Int32.self)[0] == Int32(CommandSlots.capacity + 1))
  }

  @Test func aStageTakesNoneBeforeItDoesSomething() throws {
    let session = device.session()
    try session.fenceStage().wait()
    let gate = try Gate(device)
    let submissions = try (0..<CommandSlots.capacity).map { _ in try commit(device.encoder()) }
    let stage = try session.beginStage("waits")
    stage.isBlocking = false
    #expect(try failure { try session.fenceStage() }.kind == .timeout)
    #expect(!session.isDrained && session.fenceValue == 1)
    gate.open()
    for submission in submissions { try submission.wait() }
    try session.fenceStage().wait()
    #expect(session.fenceValue == 2 && session.waitValue == 1)
  }

  @Test func aDispatchInTheLineBlocksAtItsPlace() throws {
    let notifier = try CompletionNotifier()
    let gate = try Gate(device)
    for _ in 0..<CommandSlots.capacity { _ = try commit(device.encoder()) }
    let waiting = device.encoder()
    #expect(try !waiting.begin(notifying: notifier, token: 1))
    DispatchQueue.global().asyncAfter(deadline: .now() + .milliseconds(20)) { [gate = Held(gate)] in
      gate.value.open()
    }
    try commit(waiting).wait()
    #expect(try x.values(of: Int32.self)[0] == Int32(CommandSlots.capacity + 1))
  }
}

/// In which order several were served.
private final class Served: Sendable {
  private let indices = Mutex<[Int]>([])

  func add(_ index: Int, _ isServed: Bool) { indices.withLock { $0.append(isServed ? index : -1) } }
  var list: [Int] { indices.withLock { $0 } }
}
