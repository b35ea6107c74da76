import Synchronization

/// How many of Ingot's objects are alive, so that a test can assert that nothing is left.
///
///     let before = LiveObjects.storages
///     try work()
///     assert(LiveObjects.storages == before)
///
/// Libraries and kernels live as long as the device that caches them; use `Device.isolated` to see them go.
public enum LiveObjects {
  public static var devices: Int { Counters.devices.load(ordering: .relaxed) }
  /// Allocations of device memory that a buffer, an encoder or an unfinished submission holds.
  public static var storages: Int { Counters.storages.load(ordering: .relaxed) }
  public static var libraries: Int { Counters.libraries.load(ordering: .relaxed) }
  public static var kernels: Int { Counters.kernels.load(ordering: .relaxed) }
  public static var encoders: Int { Counters.encoders.load(ordering: .relaxed) }
  public static var submissions: Int { Counters.submissions.load(ordering: .relaxed) }
  /// Those of the user.
  public static var residencySets: Int { Counters.residencySets.load(ordering: .relaxed) }
  public static var events: Int { Counters.events.load(ordering: .relaxed) }
  /// A device's own queue counts while somebody refers to it.
  public static var queues: Int { Counters.queues.load(ordering: .relaxed) }
  public static var sessions: Int { Counters.sessions.load(ordering: .relaxed) }
  public static var profiles: Int { Counters.profiles.load(ordering: .relaxed) }
  public static var notifiers: Int { Counters.notifiers.load(ordering: .relaxed) }
  public static var graphs: Int { Counters.graphs.load(ordering: .relaxed) }
  /// Objects of the software Metal; 0 with Apple's.
  public static var metalObjects: Int { Platform.liveMetalObjects }

  enum Counters {
    static let devices = Atomic<Int>(0)
    static let storages = Atomic<Int>(0)
    static let libraries = Atomic<Int>(0)
    static let kernels = Atomic<Int>(0)
    static let encoders = Atomic<Int>(0)
    static let submissions = Atomic<Int>(0)
    static let residencySets = Atomic<Int>(0)
    static let events = Atomic<Int>(0)
    static let queues = Atomic<Int>(0)
    static let sessions = Atomic<Int>(0)
    static let profiles = Atomic<Int>(0)
    static let notifiers = Atomic<Int>(0)
    static let graphs = Atomic<Int>(0)
  }
}

extension Atomic where Value == Int {
  func increment() { wrappingAdd(1, ordering: .relaxed) }
  func decrement() { wrappingSubtract(1, ordering: .relaxed) }
}

/// Numbers that are never given twice in a process.
struct Identifiers: ~Copyable {
  private let last = Atomic<UInt64>(0)
  func next() -> UInt64 { last.wrappingAdd(1, ordering: .relaxed).newValue }
}
