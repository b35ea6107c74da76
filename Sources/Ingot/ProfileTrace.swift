/// The events of a profile as JSON for trace viewers.
///
/// The host is one process with a track for each thread, each device another with tracks for its queues. What overlaps
/// without one being within the other gets further tracks: viewers do not show it in one.
struct ProfileTrace {
  /// Where events are shown: a thread, a queue, or the dispatches of a queue.
  private struct Place: Hashable {
    let process: UInt64
    let number: UInt64
    let isDispatch: Bool

    init(_ event: ProfileEvent) {
      let isOnHost = event.kind.isOnHost
      process = isOnHost ? ProfileTrace.host : ProfileTrace.process(of: event)
      number = isOnHost ? event.thread : event.queue
      isDispatch = event.kind == .dispatch
    }

    var name: String {
      if process == ProfileTrace.host { return "thread \(number)" }
      return isDispatch ? "queue \(number), dispatches" : "queue \(number)"
    }

    var order: (UInt64, UInt64, Int) { (process, number, isDispatch ? 1 : 0) }
  }

  private static let host: UInt64 = 1
  private static func process(of event: ProfileEvent) -> UInt64 { host + event.track.deviceID }

  private var lines: [String] = []
  private var trackCount = 0
  /// The viewer's time begins with the first event.
  private let origin: UInt64

  static func text(_ events: [ProfileEvent], dropped: Int) -> String {
    var trace = ProfileTrace(origin: events.map(\.start).min() ?? 0)
    trace.addProcesses(events)
    let places = Dictionary(grouping: events, by: Place.init)
    for (place, events) in places.sorted(by: { $0.key.order < $1.key.order }) { trace.add(events, at: place) }
    return "{\"displayTimeUnit\":\"ns\",\"otherData\":{\"dropped\":\(dropped)},\"traceEvents\":[\n"
      + trace.lines.joined(separator: ",\n") + "\n]}\n"
  }

  private init(origin: UInt64) { self.origin = origin }

  private mutating func addProcesses(_ events: [ProfileEvent]) {
    addName("process_name", "host", process: Self.host, track: 0)
    var devices: Set<UInt64> = []
    for event in events where !event.kind.isOnHost && devices.insert(event.track.deviceID).inserted {
      addName("process_name", event.deviceName, process: Self.process(of: event), track: 0)
    }
  }

  private mutating func add(_ events: [ProfileEvent], at place: Place) {
    let sorted = events.sorted { ($0.start, $1.end) < ($1.start, $0.end) }
    var lanes = Lanes()
    let first = trackCount + 1
    for event in sorted { add(event, process: place.process, track: first + lanes.place(event)) }
    for lane in 0..<lanes.count {
      let name = lane == 0 ? place.name : "\(place.name) (\(lane + 1))"
      addName("thread_name", name, process: place.process, track: first + lane)
    }
    trackCount += lanes.count
  }

  private mutating func add(_ event: ProfileEvent, process: UInt64, track: Int) {
    // On the host a name alone would not say what was done.
    let name = event.kind.isOnHost ? "\(event.kind) \(event.name)" : event.name
    var arguments = "\"device\":\(JSON.text(event.deviceName))"
    if event.submission > 0 { arguments += ",\"queue\":\(event.queue),\"submission\":\(event.submission)" }
    lines.append(
      "{\"ph\":\"X\",\"name\":\(JSON.text(name)),\"cat\":\"\(event.kind)\",\"pid\":\(process),\"tid\":\(track),"
        + "\"ts\":\(microseconds(event.start - origin)),\"dur\":\(microseconds(event.duration)),"
        + "\"args\":{\(arguments)}}")
  }

  private mutating func addName(_ kind: String, _ name: String, process: UInt64, track: Int) {
    lines.append(
      "{\"ph\":\"M\",\"name\":\"\(kind)\",\"pid\":\(process),\"tid\":\(track),"
        + "\"args\":{\"name\":\(JSON.text(name))}}")
  }

  private func microseconds(_ nanoseconds: UInt64) -> String { Digits.fixed(nanoseconds, decimals: 3) }
}

/// Tracks in which each event is within the one before, or after it.
private struct Lanes {
  /// By lane the ends of the events that are not over, the innermost last.
  private var ends: [[UInt64]] = []

  var count: Int { ends.count }

  /// The first lane that takes the event; events come by their start.
  mutating func place(_ event: ProfileEvent) -> Int {
    for lane in ends.indices {
      while let last = ends[lane].last, last <= event.start { ends[lane].removeLast() }
      if (ends[lane].last ?? .max) >= event.end {
        ends[lane].append(event.end)
        return lane
      }
    }
    ends.append([event.end])
    return ends.count - 1
  }
}

enum JSON {
  /// A string literal.
  static func text(_ text: String) -> String {
    var literal = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": literal += "\\\""
      case "\\": literal += "\\\\"
      case "\u{0}"..<" ", "\u{7F}", "\u{2028}", "\u{2029}":
        let digits = String(scalar.value, radix: 16)
        literal += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: literal.unicodeScalars.append(scalar)
      }
    }
    return literal + "\""
  }
}
