/// Records what Ingot does on the host and on the GPU, and for how long.
///
///     let profile = try Profile()
///     try profile.start()
///     try work()
///     profile.stop()
///     print(profile.table)
///
/// It records encoders from their first dispatch to their commit, commits, waits, compilations, pipelines and submissions
/// on the GPU; dispatches of encoders that are made with `profile: true`, too. What began before `start()`, or ends after
/// `stop()`, is left out: wait for submissions before you stop. Several profiles may record at a time, from any thread;
/// each has its own figures. One that is dropped stops.
public final class Profile: Sendable {
  /// Events are kept until there are so many.
  public static let defaultLimit = 1 << 18

  private let recorder: ProfileRecorder

  /// A profile that does not record yet: of what is done for one device, or for all.
  ///
  /// At most `limit` events are kept; `dropped` counts those that come after. Throws `.argument` for a limit below 1.
  public init(of device: Device? = nil, limit: Int = Profile.defaultLimit) throws(IngotError) {
    guard limit >= 1 else { throw .argument("a profile of at most \(limit) events; it keeps 1 or more") }
    recorder = ProfileRecorder(deviceID: device?.id, limit: limit)
    LiveObjects.Counters.profiles.increment()
  }

  deinit {
    stop()
    LiveObjects.Counters.profiles.decrement()
  }

  /// Begins to record, or goes on after a `stop()`. Throws `.state` if it records already.
  public func start() throws(IngotError) {
    guard Profiler.add(recorder, from: Clock.now) else {
      throw .state("the profile records already; stop it first, or make another")
    }
  }

  /// Ends recording; what was recorded stays.
  public func stop() { Profiler.remove(recorder) }

  /// Forgets what was recorded.
  public func reset() { recorder.clear() }

  public var isRecording: Bool { Profiler.isRunning(recorder) }

  /// What was recorded, in the order of its end.
  public var events: [ProfileEvent] { recorder.events }

  /// Events that were left out because there were `limit` already.
  public var dropped: Int { recorder.dropped }

  /// The events by kind and name, in the order in which they were seen.
  public var groups: [ProfileGroup] { ProfileGroup.groups(of: recorder.events) }

  /// The groups as text, those that took longest first; times are in milliseconds.
  public var table: String {
    let (events, dropped) = recorder.contents
    return ProfileTable.text(ProfileGroup.groups(of: events), dropped: dropped)
  }

  /// The events in the JSON of Chrome's trace viewer, which https://ui.perfetto.dev shows.
  public var trace: String {
    let (events, dropped) = recorder.contents
    return ProfileTrace.text(events, dropped: dropped)
  }
}
