import Dispatch
import Metal
import Synchronization

/// A committed encoder: work that the GPU does, or has done.
///
///     let submission = try encoder.commit()
///     try submission.wait()
///     print(submission.gpuTime)
///
/// It may be used from any thread, and dropped at any time: the work goes on, and keeps what it uses alive.
public final class Submission: @unchecked Sendable {
  // Unchecked: the outcome is written before `finished` is set, and read only after it has been seen.

  /// The encoder's label, empty if it had none.
  public let label: String
  /// Dispatches in it.
  public let dispatches: Int
  /// Barriers that Ingot put between them.
  public let barriers: Int

  let ticket: UInt64

  private let finished = Atomic<Bool>(false)
  private var outcome = Outcome()
  private let pending: Mutex<Pending>

  /// How it ended.
  private struct Outcome {
    var gpuStart = 0.0
    var gpuEnd = 0.0
    var error: IngotError?
  }

  /// What is there until it ends.
  private struct Pending {
    var uses: EncoderUses
    var waiters: [Waiter] = []
  }

  private enum Waiter {
    case thread(DispatchSemaphore)
    case task(CheckedContinuation<Void, Never>)
  }

  /// A tiny kernel is done before a thread can be parked and woken.
  private static let spinNanoseconds: UInt64 = 20_000

  init(ticket: UInt64, label: String, dispatches: Int, barriers: Int, uses: consuming EncoderUses) {
    self.ticket = ticket
    self.label = label
    self.dispatches = dispatches
    self.barriers = barriers
    pending = Mutex(Pending(uses: uses))
    LiveObjects.Counters.submissions.increment()
  }

  deinit { LiveObjects.Counters.submissions.decrement() }

  /// Whether the GPU has finished or failed.
  public var isDone: Bool { finished.load(ordering: .acquiring) }
  public var isFailed: Bool { error != nil }
  /// Why it failed (`.commandBuffer`); nil before it is done and if all went well.
  public var error: IngotError? { isDone ? outcome.error : nil }
  /// When the GPU began, in seconds on the host's clock; 0 until it is done.
  public var gpuStart: Double { isDone ? outcome.gpuStart : 0 }
  /// When the GPU ended, in seconds on the host's clock; 0 until it is done.
  public var gpuEnd: Double { isDone ? outcome.gpuEnd : 0 }
  /// How long the GPU took, in seconds; 0 until it is done.
  public var gpuTime: Double { gpuEnd - gpuStart }

  /// What messages call it.
  var name: String { label.isEmpty ? "submission \(ticket)" : "submission '\(label)'" }
}

extension Submission {
  /// Blocks until it is done, or until `timeout` is over.
  ///
  /// Throws `.timeout` in that case, and `.commandBuffer` if the GPU failed, at every call.
  @available(*, noasync, message: "use await completed()")
  public func wait(timeout: Duration? = nil) throws(IngotError) {
    let deadline = Clock.deadline(after: timeout)
    guard spin(until: deadline) || park(until: deadline) else {
      throw IngotError(.timeout, "\(name) is not done after \(timeout.map { "\($0)" } ?? "ever"); it goes on")
    }
    if let error = outcome.error { throw error }
  }

  /// Waits without blocking a thread. Throws `.commandBuffer` if the GPU failed.
  public func completed() async throws(IngotError) {
    if !isDone {
      await withCheckedContinuation { continuation in
        if !enrol(.task(continuation)) { continuation.resume() }
      }
    }
    if let error = outcome.error { throw error }
  }

  private func spin(until deadline: UInt64) -> Bool {
    if isDone { return true }
    let start = Clock.now
    let end = min(start + Self.spinNanoseconds, deadline)
    var now = start
    // Reading the clock is also the pause between two looks at the flag.
    while now < end {
      if isDone { return true }
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

  private func forget(_ semaphore: DispatchSemaphore) {
    pending.withLock { pending in
      pending.waiters.removeAll { if case .thread(let other) = $0 { other === semaphore } else { false } }
    }
  }

  /// Whether `waiter` is going to be woken; false if it is done already.
  private func enrol(_ waiter: Waiter) -> Bool {
    pending.withLock { pending in
      if isDone { return false }
      pending.waiters.append(waiter)
      return true
    }
  }
}

extension Submission {
  /// Metal's completed handler: stores how it ended, lets go of what it used, wakes who waits.
  func finish(_ commandBuffer: any MTLCommandBuffer, in queue: SubmissionQueue) {
    settle(commandBuffer)
    queue.finish(self)
    for waiter in publish() {
      switch waiter {
      case .thread(let semaphore): semaphore.signal()
      case .task(let continuation): continuation.resume()
      }
    }
  }

  /// When this returns nothing is held any more: who has waited sees memory and counters as they will stay.
  private func settle(_ commandBuffer: any MTLCommandBuffer) {
    let uses = pending.withLock { exchange(&$0.uses, with: EncoderUses()) }
    outcome.gpuStart = commandBuffer.gpuStartTime
    outcome.gpuEnd = commandBuffer.gpuEndTime
    guard commandBuffer.status != .completed else { return }
    outcome.error = .failure(of: self, commandBuffer.error, kernels: uses.kernels.map(\.name))
  }

  private func publish() -> [Waiter] {
    pending.withLock { pending in
      finished.store(true, ordering: .releasing)
      return exchange(&pending.waiters, with: [])
    }
  }
}

/// Puts `new` in the place of `value` and returns what was there.
private func exchange<T>(_ value: inout T, with new: T) -> T {
  defer { value = new }
  return value
}
