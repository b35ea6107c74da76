import Metal
import Synchronization

/// A number that only grows, and that queues and the host wait for (`MTLSharedEvent`).
///
///     let loaded = try device.event(label: "loaded")
///     try first.signal(loaded, value: 1)          // an encoder of one queue
///     try second.wait(for: loaded, value: 1)      // and one of another, which may be committed before
///     try loaded.wait(for: 1)                     // and the host
///
/// It is what orders the work of different queues, and the GPU after the host. It begins with 0. A wait is over as soon as
/// the value is at least what is waited for. When the last thing of an encoder is a signal, its buffers can be read and
/// written on the host once the value is reached; after one in the middle only when its submission is done. Events may be
/// used from any thread, and are kept by the encoders and submissions that use them.
public final class Event: @unchecked Sendable {
  // Unchecked: Metal's events may be used from any thread; what changes is under the lock.

  public let device: Device
  public let label: String?
  /// Apple's object.
  public let metalEvent: any MTLSharedEvent

  /// Values that only a failure has let it reach.
  private struct Lost {
    /// The values above this one, and up to `last`.
    let after: UInt64
    let last: UInt64
    let work: Work
  }

  let tasks = EventTasks()
  private let lost = Mutex<[Lost]>([])
  /// More are not kept for somebody to ask: the first to come are the first to be forgotten.
  private static let lostLimit = 64

  init(device: Device, label: String?) throws(IngotError) {
    guard let event = device.metalDevice.makeSharedEvent() else {
      throw IngotError(.outOfMemory, "Metal gives no shared event on \(device.name)")
    }
    if let label { event.label = label }
    metalEvent = event
    self.device = device
    self.label = label
    LiveObjects.Counters.events.increment()
  }

  deinit { LiveObjects.Counters.events.decrement() }

  /// What messages call it.
  var name: String { label.map { "event '\($0)'" } ?? "the event" }
}

extension Event {
  /// The value that it has reached (`signaledValue`).
  public var value: UInt64 { metalEvent.signaledValue }

  /// Lets it reach `value` now, on the host; one that is not above the present one is ignored, as Metal does.
  public func signal(_ value: UInt64) {
    lost.withLock { _ in raise(to: value) }
  }

  /// Lets it reach what a submission that has failed does not signal any more. For Metal's completed handler.
  func signal(_ value: UInt64, for work: Work) {
    lost.withLock { lost in
      let reached = self.value
      guard reached < value else { return }
      if lost.count == Self.lostLimit { lost.removeFirst() }
      lost.append(Lost(after: reached, last: value, work: work))
      raise(to: value)
    }
  }

  /// Under the lock, so that who sees the value finds why it was reached.
  private func raise(to value: UInt64) {
    if metalEvent.signaledValue < value { metalEvent.signaledValue = value }
  }

  fileprivate func checkIsNotLost(_ value: UInt64) throws(IngotError) {
    let failure = lost.withLock { lost in
      lost.first { $0.after < value && value <= $0.last }?.work.tellOfFailure()
    }
    if let failure { throw failure }
  }
}

// Waiting on the host.
extension Event {
  /// Metal's own timeouts are in milliseconds; none is longer than this.
  private static let longestWait: UInt64 = 3_600_000

  /// Blocks until it has reached `value`, or until `timeout` is over; nil is for ever, 0 only looks.
  ///
  /// Throws `.timeout` in that case. Throws `.commandBuffer` if only the failure of a submission, which was to signal it,
  /// has let it reach the value: see `CommandEncoder.signal`.
  @available(*, noasync, message: "use await reached(_:)")
  public func wait(for value: UInt64, timeout: Duration? = nil) throws(IngotError) {
    let deadline = Clock.deadline(after: timeout)
    while self.value < value {
      let remaining = deadline - min(Clock.now, deadline)
      guard remaining > 0 else { throw notReached(value) }
      let milliseconds = min((remaining - 1) / 1_000_000 + 1, Self.longestWait)
      _ = metalEvent.wait(untilSignaledValue: value, timeoutMS: milliseconds)
    }
    try checkIsNotLost(value)
  }

  private func notReached(_ value: UInt64) -> IngotError {
    IngotError(
      .timeout,
      "\(name) has reached \(self.value), and not \(value) yet; commit what is to signal it, or signal it on the host"
    )
  }

  /// Waits without blocking a thread until it has reached `value`.
  ///
  /// Throws `CancellationError` if the task is cancelled before, and `IngotError` of the kind `.commandBuffer` as
  /// `wait(for:timeout:)`.
  public func reached(_ value: UInt64) async throws {
    if self.value < value { await tasks.wait(for: value, of: metalEvent) }
    if self.value < value { throw CancellationError() }
    try checkIsNotLost(value)
  }
}

extension Device {
  /// Makes an event (`makeSharedEvent`). Throws `.outOfMemory` if Metal gives none.
  public func event(label: String? = nil) throws(IngotError) -> Event {
    try withAutoreleasePool { () throws(IngotError) in try Event(device: self, label: label) }
  }
}
