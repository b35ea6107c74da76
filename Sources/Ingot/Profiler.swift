import Synchronization

/// The queue that something was done for, and its device.
final class QueueTrack: Sendable {
  let deviceID: UInt64
  let deviceName: String
  let id: UInt64
  private static let identifiers = Identifiers()

  init(deviceID: UInt64, deviceName: String) {
    self.deviceID = deviceID
    self.deviceName = deviceName
    id = Self.identifiers.next()
  }
}

/// Where what happens is told to the profiles that record. While there are none it costs one look at a number.
enum Profiler {
  private static let running = Atomic<Int>(0)
  private static let recorders = Mutex<[ProfileRecorder]>([])

  /// Whether any profile records.
  static var isOn: Bool {
    @inline(__always) get { running.load(ordering: .relaxed) > 0 }
  }

  /// The time, if any profile records: where something begins that is recorded when it ends.
  static var clock: UInt64? {
    @inline(__always) get { isOn ? Clock.now : nil }
  }

  /// Records what begins from now on; false if it does already.
  static func add(_ recorder: ProfileRecorder, from time: UInt64) -> Bool {
    recorders.withLock { recorders in
      guard !recorders.contains(where: { $0 === recorder }) else { return false }
      recorder.begin(at: time)
      recorders.append(recorder)
      running.increment()
      return true
    }
  }

  static func remove(_ recorder: ProfileRecorder) {
    recorders.withLock { recorders in
      guard let place = recorders.firstIndex(where: { $0 === recorder }) else { return }
      recorders.remove(at: place)
      running.decrement()
    }
  }

  static func isRunning(_ recorder: ProfileRecorder) -> Bool {
    recorders.withLock { $0.contains { $0 === recorder } }
  }

  private static func record(_ event: ProfileEvent) {
    for recorder in recorders.withLock({ $0 }) { recorder.append(event) }
  }
}

// What happens.
extension Profiler {
  /// Something that this thread did until now.
  static func record(
    _ kind: ProfileEvent.Kind, _ name: String, _ track: QueueTrack, from start: UInt64, to end: UInt64? = nil,
    ticket: UInt64 = 0
  ) {
    record(
      ProfileEvent(
        kind: kind, name: name, start: start, end: end ?? Clock.now, track: track, thread: Platform.threadID,
        submission: ticket))
  }

  /// An encoder was committed, from one moment until now.
  static func record(_ work: Work, encodedFrom began: UInt64?, committedFrom start: UInt64) {
    if let began, began < start {
      record(.encode, work.profiledName, work.track, from: began, to: start, ticket: work.ticket)
    }
    record(.commit, work.profiledName, work.track, from: start, ticket: work.ticket)
  }

  /// This thread waited for the work until now.
  static func record(_ work: Work, waitedFrom start: UInt64) {
    record(.wait, work.profiledName, work.track, from: start, ticket: work.ticket)
  }

  /// The GPU has done the work.
  static func record(_ work: Work, _ outcome: Work.Outcome) {
    let name = outcome.error == nil ? work.profiledName : "\(work.profiledName) (failed)"
    record(.gpu, name, work, outcome.gpuStart, outcome.gpuEnd)
    for timing in outcome.profile?.timings ?? [] {
      if let start = timing.start, let end = timing.end { record(.dispatch, timing.kernel, work, start, end) }
    }
  }

  private static func record(
    _ kind: ProfileEvent.Kind, _ name: String, _ work: Work, _ start: Double, _ end: Double
  ) {
    // Work that failed before it began has no times.
    guard start > 0, end >= start, let start = UInt64(exactly: (start * 1e9).rounded()),
      let end = UInt64(exactly: (end * 1e9).rounded())
    else { return }
    record(
      ProfileEvent(
        kind: kind, name: name, start: start, end: end, track: work.track, thread: 0, submission: work.ticket)
    )
  }
}

extension Work {
  /// Labels name groups; work without one is in a group of its own.
  fileprivate var profiledName: String { label.isEmpty ? "unlabelled" : label }
}
