import Dispatch
import Synchronization

/// Metal's command buffers of one queue, counted: it hands out 64 unfinished ones and then blocks for ever.
///
/// An encoder takes a slot when it begins and gives it back when it is discarded or done. Where there is none, those who
/// want one stand in a line, threads, tasks and event loops alike: a slot that comes back goes to the first of them.
final class CommandSlots: Sendable {
  /// One less than Metal's: it frees its own a moment after our handler has run.
  static let capacity = 63

  private struct State {
    var taken = 0
    /// Of these, committed: only they can end by themselves.
    var committed = 0
    /// Of these, given to somebody in the line who has not come for it.
    var offered = 0
    /// Empty as long as there are free slots.
    var line: [SlotRequest] = []
    var timeout = Duration.seconds(60)
  }

  private let state = Mutex(State())

  var timeout: Duration {
    get { state.withLock { $0.timeout } }
    set { state.withLock { $0.timeout = newValue } }
  }

  /// Takes a slot: nil if that is done, else the caller's place in the line.
  ///
  /// Throws `.state` if no slot can ever come back, because nothing is committed.
  func request() throws(IngotError) -> SlotRequest? {
    let request = try state.withLock { (state) throws(IngotError) -> SlotRequest? in
      if state.taken < Self.capacity {
        state.taken += 1
        return nil
      }
      guard state.committed + state.offered > 0 else { throw Self.noneCommitted }
      let request = SlotRequest(timeout: state.timeout)
      state.line.append(request)
      return request
    }
    if let request { setTimer(of: request) }
    return request
  }

  /// Has `waiter` woken when the place in the line has led to a slot, or was held too long; false if that is so already.
  func enrol(_ waiter: Waiter, for request: SlotRequest) -> Bool {
    state.withLock { _ in
      guard request.progress == .waiting else { return false }
      request.waiter = waiter
      return true
    }
  }

  /// Takes a slot, blocking as long as that takes.
  func take() throws(IngotError) {
    guard let request = try request() else { return }
    wait(for: request)
    guard end(request) else { throw request.timedOut }
  }

  /// Blocks as long as the request waits.
  func wait(for request: SlotRequest) {
    let semaphore = DispatchSemaphore(value: 0)
    if enrol(.thread(semaphore), for: request) { semaphore.wait() }
  }

  /// The same without blocking a thread.
  func answer(to request: SlotRequest) async {
    await withCheckedContinuation { continuation in
      if !enrol(.task(continuation), for: request) { continuation.resume() }
    }
  }

  /// Leaves the line; whether with a slot.
  func end(_ request: SlotRequest) -> Bool {
    let (isGranted, timer) = state.withLock { state in
      if request.progress == .waiting { state.line.removeAll { $0 === request } }
      if request.progress == .granted { state.offered -= 1 }
      defer { request.timer = nil }
      return (request.progress == .granted, request.timer)
    }
    timer?.cancel()
    return isGranted
  }

  func commit() { state.withLock { $0.committed += 1 } }

  /// Gives a slot back: a discarded encoder's, or with `committed` a finished one's.
  func free(committed: Bool) {
    let next = state.withLock { state -> Waiter? in
      if committed { state.committed -= 1 }
      guard !state.line.isEmpty else {
        state.taken -= 1
        return nil
      }
      state.offered += 1
      return state.line.removeFirst().answer(.granted)
    }
    next?.wake()
  }

  private func setTimer(of request: SlotRequest) {
    let nanoseconds = Clock.nanoseconds(of: request.timeout) ?? 0
    let timer = SystemTime.system.after(nanoseconds) { [weak self] in self?.expire(request) }
    state.withLock { _ in request.timer = timer }
  }

  private func expire(_ request: SlotRequest) {
    let late = state.withLock { state -> Waiter? in
      guard request.progress == .waiting else { return nil }
      state.line.removeAll { $0 === request }
      return request.answer(.expired)
    }
    late?.wake()
  }

  private static var noneCommitted: IngotError {
    .state(
      "\(capacity) encoders have begun and none of them is committed, which is all that Metal allows;"
        + " commit or discard one first")
  }
}

/// A place in the line for a slot.
final class SlotRequest: @unchecked Sendable {
  // Unchecked: what changes does so under the lock of the slots.

  enum Progress {
    case waiting, granted, expired
  }

  let timeout: Duration
  fileprivate var progress = Progress.waiting
  fileprivate var waiter: Waiter?
  fileprivate var timer: PendingBlock?

  fileprivate init(timeout: Duration) { self.timeout = timeout }

  /// Who is to be woken for the answer, if anybody has come to wait.
  fileprivate func answer(_ answer: Progress) -> Waiter? {
    progress = answer
    defer { waiter = nil }
    return waiter
  }

  var timedOut: IngotError {
    IngotError(
      .timeout,
      "\(CommandSlots.capacity) command buffers are unfinished, which is all that Metal allows, and none has come free"
        + " within \(timeout); wait for earlier submissions, or raise the queue's slotTimeout")
  }
}
