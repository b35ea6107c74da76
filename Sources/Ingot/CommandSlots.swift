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

  /// Has `waiter` woken, beside others, when the place in the line has led to a slot, was held too long, or is given up;
  /// false if that is so already.
  func enrol(_ waiter: Waiter, for request: SlotRequest) -> Bool {
    state.withLock { _ in
      guard request.progress == .waiting else { return false }
      if !request.waiters.contains(where: waiter.isSame) { request.waiters.append(waiter) }
      return true
    }
  }

  /// Whether its place in the line has led to nothing yet.
  func isWaiting(_ request: SlotRequest) -> Bool { state.withLock { _ in request.progress == .waiting } }

  /// Takes a slot, blocking as long as that takes.
  func take() throws(IngotError) {
    guard let request = try request() else { return }
    wait(for: request)
    guard end(request) else { throw request.timedOut }
  }

  /// Blocks as long as the request waits, or until `timeout` is over; whether it waits no more.
  @discardableResult
  func wait(for request: SlotRequest, timeout: Duration? = nil) -> Bool {
    let semaphore = DispatchSemaphore(value: 0)
    guard enrol(.thread(semaphore), for: request) else { return true }
    if semaphore.wait(until: Clock.deadline(after: timeout)) { return true }
    return state.withLock { _ in
      request.waiters.removeAll(where: Waiter.thread(semaphore).isSame)
      return request.progress != .waiting
    }
  }

  /// The same without blocking a thread.
  func answer(to request: SlotRequest) async {
    await withCheckedContinuation { continuation in
      if !enrol(.task(continuation), for: request) { continuation.resume() }
    }
  }

  /// Leaves the line; whether with a slot. Who still waits there is woken, to ask again.
  func end(_ request: SlotRequest) -> Bool {
    let (isGranted, timer, left) = state.withLock { state in
      let isGranted = request.progress == .granted
      if isGranted { state.offered -= 1 }
      defer { request.timer = nil }
      guard request.progress == .waiting else { return (isGranted, request.timer, [Waiter]()) }
      state.line.removeAll { $0 === request }
      return (isGranted, request.timer, request.answer(.left))
    }
    timer?.cancel()
    for waiter in left { waiter.wake() }
    return isGranted
  }

  func commit() { state.withLock { $0.committed += 1 } }

  /// Gives a slot back: a discarded encoder's, or with `committed` a finished one's.
  func free(committed: Bool) {
    let next = state.withLock { state -> [Waiter] in
      if committed { state.committed -= 1 }
      guard !state.line.isEmpty else {
        state.taken -= 1
        return []
      }
      state.offered += 1
      return state.line.removeFirst().answer(.granted)
    }
    for waiter in next { waiter.wake() }
  }

  private func setTimer(of request: SlotRequest) {
    let nanoseconds = Clock.nanoseconds(of: request.timeout) ?? 0
    let timer = SystemTime.system.after(nanoseconds) { [weak self] in self?.expire(request) }
    state.withLock { _ in request.timer = timer }
  }

  private func expire(_ request: SlotRequest) {
    let late = state.withLock { state -> [Waiter] in
      guard request.progress == .waiting else { return [] }
      state.line.removeAll { $0 === request }
      return request.answer(.expired)
    }
    for waiter in late { waiter.wake() }
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
    case waiting, granted, expired, left
  }

  let timeout: Duration
  fileprivate var progress = Progress.waiting
  /// Several, if several threads, tasks or event loops wait for one encoder.
  fileprivate var waiters: [Waiter] = []
  fileprivate var timer: PendingBlock?

  fileprivate init(timeout: Duration) { self.timeout = timeout }

  /// Who is to be woken for the answer, if anybody has come to wait.
  fileprivate func answer(_ answer: Progress) -> [Waiter] {
    progress = answer
    defer { waiters = [] }
    return waiters
  }

  var timedOut: IngotError {
    noneFree(
      "none has come free within \(timeout); wait for earlier submissions, or raise the queue's slotTimeout"
        + " (slot_timeout in Python)")
  }

  /// For an encoder that does not block.
  var notYet: IngotError { noneFree("none is free; the encoder stands in the line for the next") }

  private func noneFree(_ text: String) -> IngotError {
    IngotError(
      .timeout,
      "\(CommandSlots.capacity) command buffers are unfinished, which is all that Metal allows, and \(text)")
  }
}
