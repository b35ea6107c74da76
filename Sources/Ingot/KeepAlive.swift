import Synchronization

/// Keeps memory wired while nothing happens: macOS gives up what was not used for about a second.
///
/// While no submission is unfinished, and for `duration` after the last one, a timer requests residency again. There
/// is no timer while work is under way, nor after that, nor where nothing is resident. No call of Metal is made under
/// the lock, so Metal's completed handler may say that the work is done.
final class KeepAlive: Sendable {
  static let interval: UInt64 = 400_000_000
  static let defaultDuration: UInt64 = 180_000_000_000

  private struct State {
    var duration = KeepAlive.defaultDuration
    var timer: PendingBlock?
    /// Of the timer: one that was cancelled may have begun to run.
    var generation: UInt64 = 0
    /// Queues with unfinished work.
    var busyQueues = 0
    /// When there was work last; nil if there never was any.
    var end: UInt64?
    var wakeUps = 0
    var requests = 0
    var isClosed = false
  }

  private let sets: QueueSets
  private let time: any TimeSource
  private let state = Mutex(State())

  init(_ sets: QueueSets, time: any TimeSource) {
    self.sets = sets
    self.time = time
  }

  /// Nanoseconds after the last submission; 0 for never.
  var duration: UInt64 {
    get { state.withLock { $0.duration } }
    set {
      state.withLock { state in
        state.duration = newValue
        disarm(&state)
        arm(&state)
      }
    }
  }

  /// A submission is about to be committed to a queue that had nothing to do.
  func workBegins() {
    state.withLock { state in
      state.busyQueues += 1
      disarm(&state)
    }
  }

  /// The last unfinished submission of a queue has finished.
  func workEnds() {
    let now = time.now
    state.withLock { state in
      state.busyQueues -= 1
      state.end = now
      arm(&state)
    }
  }

  /// Residency was requested by the user: that counts as work which has just ended.
  func requested() {
    let now = time.now
    state.withLock { state in
      state.end = now
      arm(&state)
    }
  }

  /// Ends it; returns whether there ever was work, or a request.
  @discardableResult
  func close() -> Bool {
    state.withLock { state in
      state.isClosed = true
      disarm(&state)
      return state.end != nil
    }
  }

  /// How often the timer ran, and residency was requested of a set.
  var counts: (wakeUps: Int, requests: Int) { state.withLock { ($0.wakeUps, $0.requests) } }

  private func disarm(_ state: inout State) {
    state.timer?.cancel()
    state.timer = nil
  }

  /// For the next beat, if that is not too late.
  private func arm(_ state: inout State) {
    guard let end = state.end, state.busyQueues == 0, !state.isClosed, state.timer == nil else { return }
    let (next, isBeyond) = (time.now - end).addingReportingOverflow(Self.interval)
    guard !isBeyond, next <= state.duration else { return }
    state.generation += 1
    state.timer = time.after(Self.interval) { [weak self, generation = state.generation] in
      self?.beat(generation)
    }
  }

  private func beat(_ generation: UInt64) {
    let isMine = state.withLock { state in
      guard state.timer != nil, state.generation == generation else { return false }
      state.timer = nil
      state.wakeUps += 1
      return true
    }
    guard isMine else { return }
    let requests = sets.requestAll()
    state.withLock { state in
      state.requests += requests
      if requests > 0 { arm(&state) }
    }
  }
}
