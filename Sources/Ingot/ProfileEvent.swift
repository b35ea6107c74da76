/// Something that took time, on the host or on the GPU, as a `Profile` records it.
public struct ProfileEvent: Sendable {
  public enum Kind: String, Sendable, CaseIterable {
    /// From an encoder's first dispatch to its commit.
    case encode
    case commit
    /// A thread that was blocked until a submission was done, or its time was over.
    case wait
    /// MSL to a library.
    case compile
    /// A kernel of a library to a pipeline.
    case pipeline
    /// A submission, on the GPU.
    case gpu
    /// One dispatch, on the GPU; only of encoders that were made with `profile: true`.
    case dispatch

    /// Whether it happens on a thread, and not on the GPU.
    public var isOnHost: Bool { self != .gpu && self != .dispatch }
  }

  public let kind: Kind
  /// The label of the encoder, of the kernel, or the names of the library's kernels.
  public let name: String
  /// Nanoseconds of the host's monotonic clock, also where the GPU did it.
  public let start: UInt64
  /// Nanoseconds of the host's monotonic clock.
  public internal(set) var end: UInt64
  let track: QueueTrack
  /// The system's number of the thread; 0 on the GPU.
  public let thread: UInt64
  /// The number of the submission in its queue; 0 if it belongs to none.
  public let submission: UInt64

  /// Nanoseconds.
  public var duration: UInt64 { end - min(start, end) }
  public var deviceName: String { track.deviceName }
  /// Tells the queues of the process apart.
  public var queue: UInt64 { track.id }
}

/// All events of one kind and name.
public struct ProfileGroup: Sendable, Hashable {
  public let kind: ProfileEvent.Kind
  public let name: String
  public private(set) var count = 0
  /// Nanoseconds, of all together.
  public private(set) var total: UInt64 = 0
  /// Nanoseconds, of the shortest.
  public private(set) var minimum = UInt64.max
  /// Nanoseconds, of the longest.
  public private(set) var maximum: UInt64 = 0

  /// Nanoseconds, on average.
  public var mean: UInt64 { count == 0 ? 0 : total / UInt64(count) }

  private mutating func add(_ event: ProfileEvent) {
    count += 1
    total += event.duration
    minimum = min(minimum, event.duration)
    maximum = max(maximum, event.duration)
  }

  private struct Key: Hashable {
    let kind: ProfileEvent.Kind
    let name: String
  }

  /// The groups of some events, in the order in which they were seen.
  static func groups(of events: [ProfileEvent]) -> [ProfileGroup] {
    var groups: [ProfileGroup] = []
    var places: [Key: Int] = [:]
    for event in events {
      let key = Key(kind: event.kind, name: event.name)
      let place = places[key] ?? groups.count
      if place == groups.count {
        places[key] = place
        groups.append(ProfileGroup(kind: event.kind, name: event.name))
      }
      groups[place].add(event)
    }
    return groups
  }
}
