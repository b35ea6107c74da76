import Synchronization

/// What is unfinished in one of Metal's queues.
///
/// Completed handlers and stamps hold it, and it holds neither Metal's queue nor the device: these can go while work is
/// under way.
final class SubmissionQueue: Sendable {
  let slots = CommandSlots()
  let track: QueueTrack
  /// Is told when work begins and when all of it has ended.
  private let keepAlive: KeepAlive

  struct State {
    var lastTicket: UInt64 = 0
    /// By ticket; never more than there are slots.
    var unfinished: [Work] = []
    /// What failed and nobody has been told of, in the order of its end.
    var failures: [Work] = []
  }

  let state = Mutex(State())
  let failureCount = Atomic<Int>(0)
  /// Every ticket up to this one has finished.
  private let finishedThrough = Atomic<UInt64>(0)

  init(_ keepAlive: KeepAlive, track: QueueTrack) {
    self.keepAlive = keepAlive
    self.track = track
  }

  /// Makes work with the next ticket, which is unfinished from now on.
  func enrol(label: String, uses: EncoderUses, sampler: DispatchSampler?) -> Work {
    slots.commit()
    return state.withLock { state in
      state.lastTicket += 1
      let work = Work(ticket: state.lastTicket, label: label, uses: uses, sampler: sampler, track: track)
      if state.unfinished.isEmpty { keepAlive.workBegins() }
      state.unfinished.append(work)
      return work
    }
  }

  /// Called by Metal's completed handler, before anyone is told.
  func finish(_ work: Work) {
    state.withLock { state in
      state.unfinished.removeAll { $0 === work }
      if work.hasFailed { keep(work, in: &state) }
      let firstUnfinished = state.unfinished.first?.ticket ?? state.lastTicket + 1
      finishedThrough.store(firstUnfinished - 1, ordering: .releasing)
      if state.unfinished.isEmpty { keepAlive.workEnds() }
    }
    slots.free(committed: true)
  }

  /// The work with the ticket, nil if it has finished.
  func unfinished(_ ticket: UInt64) -> Work? {
    if ticket <= finishedThrough.load(ordering: .acquiring) { return nil }
    return state.withLock { state in state.unfinished.first { $0.ticket == ticket } }
  }

  func isUnfinished(_ ticket: UInt64) -> Bool { unfinished(ticket) != nil }

  /// Whether nothing is unfinished, and nobody is to be told of a failure.
  var isSettled: Bool { state.withLock { $0.unfinished.isEmpty && $0.failures.allSatisfy(\.isTold) } }

  /// Submissions ever made, and how many of them are unfinished.
  var counts: (submissions: Int, unfinished: Int) {
    state.withLock { (Int($0.lastTicket), $0.unfinished.count) }
  }
}
