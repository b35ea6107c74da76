import Dispatch
import Metal
import Synchronization

/// What the GPU does for one submission. Metal's completed handler holds it, the submission asks it.
final class Work: @unchecked Sendable {
  // Unchecked: the outcome is written before `finished` is set, and read only after it has been seen.

  /// How it ended.
  struct Outcome: Sendable {
    var gpuStart = 0.0
    var gpuEnd = 0.0
    /// Seconds from the commit to the end.
    var hostTime = 0.0
    var error: IngotError?
    /// There if its dispatches were to be timed.
    var profile: DispatchProfile?
  }

  /// What is there until it ends.
  private struct Pending {
    var uses: EncoderUses
    var sampler: DispatchSampler?
    var end: EventUses.End?
    var waiters: [Waiter] = []
  }

  let ticket: UInt64
  let label: String
  private let committed = Clock.now
  let track: QueueTrack

  private let finished = Atomic<Bool>(false)
  private let told = Atomic<Bool>(false)
  private var result = Outcome()
  private let pending: Mutex<Pending>

  /// To park a thread and wake it takes up to 50 µs, and the same again where the GPU's side was parked too: so long it
  /// pays to look whether a small kernel is done already.
  private static let spinNanoseconds: UInt64 = 100_000
  /// Longer than a busy machine takes to call a completed handler.
  static let handlerNanoseconds: UInt64 = 1_000_000_000

  init(
    ticket: UInt64, label: String, uses: EncoderUses, sampler: DispatchSampler?, track: QueueTrack
  ) {
    self.ticket = ticket
    self.label = label
    self.track = track
    pending = Mutex(Pending(uses: uses, sampler: sampler, end: uses.events.end))
  }

  /// What messages call it.
  var name: String { label.isEmpty ? "submission \(ticket)" : "submission '\(label)'" }

  var isDone: Bool { finished.load(ordering: .acquiring) }

  /// nil until it is done.
  var outcome: Outcome? { isDone ? result : nil }

  /// Whether it failed; for its queue, which is told before anyone else.
  var hasFailed: Bool { result.error != nil }

  /// Whether somebody knows how it ended.
  var isTold: Bool { told.load(ordering: .relaxed) }

  /// Why it failed, for whom its completed handler has told that it did.
  func tellOfFailure() -> IngotError? {
    told.store(true, ordering: .relaxed)
    return result.error
  }

  /// Why it failed, for somebody who is going to know then; nil if it did not, or is not done.
  func tell() -> IngotError? {
    guard let error = outcome?.error else { return nil }
    told.store(true, ordering: .relaxed)
    return error
  }
}

// Waiting.
extension Work {
  /// Whether it was done before `deadline`.
  func wait(until deadline: UInt64) -> Bool {
    if isDone { return true }
    let start = Profiler.clock
    let isDone = spin(until: deadline) || park(until: deadline)
    if let start { Profiler.record(self, waitedFrom: start) }
    return isDone
  }

  /// Whether an event tells that the GPU has nothing left to do; or somebody else has signalled as much.
  var seemsDone: Bool {
    if isDone { return true }
    let end = pending.withLock { $0.end }
    return end.map { $0.event.value >= $0.value } ?? isDone
  }

  func completed() async {
    if isDone { return }
    await withCheckedContinuation { continuation in
      if !enrol(.task(continuation)) { continuation.resume() }
    }
  }

  /// Has `token` come to the queue when it is done; at once if it is.
  func notify(_ queue: TokenQueue, token: UInt64) {
    let waiter = Waiter.loop(queue, token)
    if !enrol(waiter) { waiter.wake() }
  }

  private func spin(until deadline: UInt64) -> Bool {
    if isDone { return true }
    var now = Clock.now
    let end = min(now + Self.spinNanoseconds, deadline)
    while now < end {
      if isDone { return true }
      // The thread that is to finish the work may want this very core.
      Platform.yieldThread()
      now = Clock.now
    }
    return isDone
  }

  private func park(until deadline: UInt64) -> Bool {
    let semaphore = DispatchSemaphore(value: 0)
    guard enrol(.thread(semaphore)) else { return true }
    if semaphore.wait(until: deadline) { return true }
    forget(semaphore)
    return isDone
  }

  /// Whether `waiter` is going to be woken; false if it is done already.
  private func enrol(_ waiter: Waiter) -> Bool {
    pending.withLock { pending in
      if isDone { return false }
      pending.waiters.append(waiter)
      return true
    }
  }

  private func forget(_ semaphore: DispatchSemaphore) {
    pending.withLock { pending in
      pending.waiters.removeAll { if case .thread(let other) = $0 { other === semaphore } else { false } }
    }
  }
}

// Ending.
extension Work {
  /// Metal's completed handler: stores how it ended, lets go of what it used, wakes who waits.
  func finish(_ commandBuffer: any MTLCommandBuffer, in queue: SubmissionQueue) {
    withAutoreleasePool { settle(commandBuffer) }
    if Profiler.isOn { Profiler.record(self, result) }
    queue.finish(self)
    for waiter in publish() { waiter.wake() }
  }

  /// When this returns nothing is held any more: who has waited sees memory and counters as they will stay.
  private func settle(_ commandBuffer: any MTLCommandBuffer) {
    let (uses, sampler) = pending.withLock { pending in
      defer { (pending.uses, pending.sampler) = (EncoderUses(), nil) }
      return (pending.uses, pending.sampler)
    }
    result.gpuStart = commandBuffer.gpuStartTime
    result.gpuEnd = commandBuffer.gpuEndTime
    result.hostTime = Double(Clock.now - committed) / 1e9
    result.profile = sampler?.read(after: commandBuffer)
    guard commandBuffer.status != .completed else { return }
    result.error = .failure(of: self, commandBuffer.error, kernels: uses.kernels.map(\.label))
    uses.events.signalAll(for: self)
  }

  private func publish() -> [Waiter] {
    // Its event may be the last reference, and goes outside of the lock.
    let last = pending.withLock { pending in
      finished.store(true, ordering: .releasing)
      defer { (pending.waiters, pending.end) = ([], nil) }
      return pending
    }
    return last.waiters
  }
}
