/// A queue as the scheduler sees it: what waits for its turn, what runs, what has ended. Guarded by the scheduler's
/// lock, but for the engine, which belongs to the thread that leads.
final class QueueLane: @unchecked Sendable {
  let engine: any CommandEngine
  /// Whether the scheduler looks at the queue at all.
  var isListed = false
  /// A thread calls handlers of this queue; one at a time does, so that they are serial.
  var isHandling = false
  private var notices: [Notice?] = []
  private var noticesTaken = 0
  private var first: SoftwareCommandBuffer?
  private var last: SoftwareCommandBuffer?

  /// Something that handlers are to be told.
  enum Notice {
    case scheduled(SoftwareCommandBuffer)
    case ended(SoftwareCommandBuffer)
  }

  init(switches: Switches, queue: Int) {
    if let seed = switches.seed {
      engine = PermutingEngine(generator: SeededGenerator(seed: seed, UInt64(queue)))
    } else {
      engine = InOrderEngine()
    }
  }

  /// Gives the command buffer its place in the queue's order.
  func append(_ commandBuffer: SoftwareCommandBuffer) {
    if let last { last.next = commandBuffer } else { first = commandBuffer }
    last = commandBuffer
  }

  /// Lets the engine have what is committed, up to the first command buffer that is only enqueued.
  func feedEngine() {
    while engine.accepts, let next = first, next.isCommitted {
      first = next.next
      next.next = nil
      if first == nil { last = nil }
      next.markScheduled()
      next.queue.scheduling.advance()
      if next.hasScheduledHandlers { notices.append(.scheduled(next)) }
      engine.add(next)
    }
  }

  /// Nothing that is committed is left.
  var isIdle: Bool { engine.isIdle && first?.isCommitted != true }

  var hasNotices: Bool { noticesTaken < notices.count }

  func takeFinished() {
    for commandBuffer in engine.finished { notices.append(.ended(commandBuffer)) }
    engine.finished.removeAll(keepingCapacity: true)
  }

  /// The next thing to tell handlers; nil ends the handling.
  func takeNoticeOrStop() -> Notice? {
    guard hasNotices else {
      notices.removeAll(keepingCapacity: true)
      noticesTaken = 0
      isHandling = false
      return nil
    }
    defer { noticesTaken += 1 }
    return notices[noticesTaken].take()
  }
}
