/// A committed encoder: work that the GPU does, or has done.
///
///     let submission = try encoder.commit()
///     try submission.wait()
///     print(submission.gpuTime)
///
/// It may be used from any thread, and dropped at any time: the work goes on, and keeps what it uses alive.
public final class Submission: Sendable {
  /// Dispatches in it.
  public let dispatches: Int
  /// Barriers between them, those that `CommandEncoder.barrier` was called for among them.
  public let barriers: Int
  /// Dispatches that were checked for conflicts with what came before, and needed no barrier.
  public let barriersSpared: Int

  let work: Work

  init(work: Work, statistics: EncoderStatistics) {
    self.work = work
    dispatches = statistics.dispatches
    barriers = statistics.barriers
    barriersSpared = statistics.barriersSpared
    LiveObjects.Counters.submissions.increment()
  }

  deinit { LiveObjects.Counters.submissions.decrement() }

  /// The encoder's label, empty if it had none.
  public var label: String { work.label }
  /// Whether the GPU has finished or failed.
  public var isDone: Bool { work.isDone }
  public var isFailed: Bool { work.outcome?.error != nil }
  /// Why it failed (`.commandBuffer`); nil before it is done and if all went well.
  public var error: IngotError? { work.tell() }
  /// When the GPU began, in seconds on the host's clock; 0 until it is done.
  public var gpuStart: Double { work.outcome?.gpuStart ?? 0 }
  /// When the GPU ended, in seconds on the host's clock; 0 until it is done.
  public var gpuEnd: Double { work.outcome?.gpuEnd ?? 0 }
  /// How long the GPU took, in seconds; 0 until it is done.
  public var gpuTime: Double { gpuEnd - gpuStart }
  /// How long it took from the commit until the host was told, in seconds on the host's clock; 0 until it is done.
  public var hostTime: Double { work.outcome?.hostTime ?? 0 }

  /// Blocks until it is done, or until `timeout` is over.
  ///
  /// Throws `.timeout` in that case, and `.commandBuffer` if the GPU failed, at every call.
  @available(*, noasync, message: "use await completed()")
  public func wait(timeout: Duration? = nil) throws(IngotError) {
    guard work.wait(until: Clock.deadline(after: timeout)) else {
      throw IngotError(.timeout, "\(work.name) is not done after \(timeout ?? .zero); it goes on")
    }
    if let error { throw error }
  }

  /// Waits without blocking a thread; in a cancelled task too, for the work goes on all the same (`completed()`). Throws
  /// `.commandBuffer` if the GPU failed.
  public func completed() async throws(IngotError) {
    await work.completed()
    if let error { throw error }
  }
}

extension Submission {
  /// Has `token` come to the notifier once it is done, at once if it is. Failed is done, too: `error` tells.
  public func notify(_ notifier: CompletionNotifier, token: UInt64) {
    work.notify(notifier.queue, token: token)
  }
}

extension Submission: CustomStringConvertible {
  public var description: String {
    "Submission(\(label.isEmpty ? "" : "'\(label)', ")\(isFailed ? "failed" : isDone ? "done" : "under way"))"
  }
}
