import Synchronization

/// What one profile has recorded, in bounded memory.
final class ProfileRecorder: Sendable {
  /// Nothing of other devices is recorded; nil for all.
  private let deviceID: UInt64?
  let limit: Int

  private struct State {
    var events: [ProfileEvent] = []
    var dropped = 0
    /// What began before that was not recorded from its beginning.
    var begin = UInt64.max
    /// The last wait of each thread, which may go on.
    var waits: [UInt64: Int] = [:]
  }

  private let state = Mutex(State())

  /// A wait in slices, as between two looks for Ctrl-C, is one wait.
  private static let longestGap: UInt64 = 10_000_000

  init(deviceID: UInt64?, limit: Int) {
    self.deviceID = deviceID
    self.limit = limit
  }

  var events: [ProfileEvent] { state.withLock { $0.events } }
  var dropped: Int { state.withLock { $0.dropped } }
  var contents: (events: [ProfileEvent], dropped: Int) { state.withLock { ($0.events, $0.dropped) } }

  func begin(at time: UInt64) { state.withLock { $0.begin = time } }

  func clear() {
    state.withLock { state in
      let begin = state.begin
      state = State()
      state.begin = begin
    }
  }

  func append(_ event: ProfileEvent) {
    if let deviceID, event.track.deviceID != deviceID { return }
    state.withLock { state in
      guard event.start >= state.begin else { return }
      if event.kind == .wait, let place = state.waits[event.thread], goesOn(state.events[place], event) {
        state.events[place].end = event.end
        return
      }
      guard state.events.count < limit else {
        state.dropped += 1
        return
      }
      if event.kind == .wait { state.waits[event.thread] = state.events.count }
      state.events.append(event)
    }
  }

  private func goesOn(_ wait: ProfileEvent, _ event: ProfileEvent) -> Bool {
    wait.submission == event.submission && wait.track === event.track && event.start >= wait.end
      && event.start - wait.end < Self.longestGap
  }
}
