import Dispatch
import Synchronization

/// Metal's command buffers of one queue, counted: it hands out 64 unfinished ones and then blocks for ever.
///
/// An encoder takes a slot with its first dispatch and gives it back when it is discarded or done.
final class CommandSlots: Sendable {
  /// One less than Metal's: it frees its own a moment after our handler has run.
  static let capacity = 63

  private struct State {
    var taken = 0
    /// Of these, committed: only they can end by themselves.
    var committed = 0
    var waiters = 0
    var timeout = Duration.seconds(60)
  }

  private let state = Mutex(State())
  private let freed = DispatchSemaphore(value: 0)

  var timeout: Duration {
    get { state.withLock { $0.timeout } }
    set { state.withLock { $0.timeout = newValue } }
  }

  /// Takes a slot, if need be after waiting for one.
  func take() throws(IngotError) {
    let timeout = timeout
    let deadline = Clock.deadline(after: timeout)
    while try !tryTake() {
      let signalled = freed.wait(until: deadline)
      state.withLock { $0.waiters -= 1 }
      if !signalled { throw Self.timedOut(timeout) }
    }
  }

  /// Takes a slot, or enrols the caller as a waiter.
  private func tryTake() throws(IngotError) -> Bool {
    try state.withLock { (state) throws(IngotError) in
      if state.taken < Self.capacity {
        state.taken += 1
        return true
      }
      guard state.committed > 0 else { throw Self.noneCommitted }
      state.waiters += 1
      return false
    }
  }

  func commit() { state.withLock { $0.committed += 1 } }

  /// Gives a slot back: a discarded encoder's, or with `committed` a finished one's.
  func free(committed: Bool) {
    let isAwaited = state.withLock { state in
      state.taken -= 1
      if committed { state.committed -= 1 }
      return state.waiters > 0
    }
    if isAwaited { freed.signal() }
  }

  private static var noneCommitted: IngotError {
    .state(
      "\(capacity) encoders have begun and none of them is committed, which is all that Metal allows;"
        + " commit or discard one first")
  }

  private static func timedOut(_ timeout: Duration) -> IngotError {
    IngotError(
      .timeout,
      "\(capacity) command buffers are unfinished, which is all that Metal allows, and none has finished within"
        + " \(timeout); wait for earlier submissions, or raise the device's slotTimeout")
  }
}
