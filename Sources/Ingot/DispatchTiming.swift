/// When the GPU ran one dispatch of a submission whose encoder was made with `profile: true`.
///
///     for timing in submission.dispatchTimes { print(timing.kernel, timing.duration ?? 0) }
public struct DispatchTiming: Sendable, Hashable {
  /// The label of the kernel: its name, and the constants that were given values.
  public let kernel: String
  /// When it began, in seconds on the host's clock; nil where the GPU gave no time.
  public let start: Double?
  /// When it ended, in seconds on the host's clock; nil where the GPU gave no time.
  public let end: Double?

  /// How long it took, in seconds.
  public var duration: Double? {
    guard let start, let end else { return nil }
    return end - start
  }
}

/// What is known of the dispatches of one submission.
struct DispatchProfile: Sendable {
  /// Empty if no dispatch has a time, else one for each.
  var timings: [DispatchTiming] = []
  /// How the times were taken, or why there are none.
  var method: String
}

extension Submission {
  /// When the GPU ran each dispatch, in the order in which they were encoded. Empty until it is done, if the encoder was
  /// not made with `profile: true`, and where there are no times: `profileMethod` says why.
  public var dispatchTimes: [DispatchTiming] { work.outcome?.profile?.timings ?? [] }

  /// How `dispatchTimes` were taken, or why there are none; nil until it is done, and without `profile: true`.
  public var profileMethod: String? { work.outcome?.profile?.method }
}
