import Synchronization

/// What the software device counts, for tests; Apple's module has nothing like it.
package enum SoftwareMetal {
  /// Objects of Metal that exist now.
  package static var liveObjects: Int { LiveObject.allCases.reduce(0) { $0 + $1.count } }

  /// The same by kind: "buffers", "commandBuffers" and so on.
  package static var liveObjectsByKind: [String: Int] {
    Dictionary(uniqueKeysWithValues: LiveObject.allCases.map { (String(describing: $0), $0.count) })
  }

  /// How often residency sets were committed since the process began.
  package static var residencySetCommits: Int { Counter.residencySetCommits.value }

  /// Bytes of memory that there are for this process.
  package static var physicalMemory: UInt64 { UInt64(DeviceMemory.readPhysicalSize()) }

  /// Why there is no device; nil if there is one.
  package static var whyThereIsNone: String? {
    if case .failure(let reason) = SoftwareDevice.started { reason.description } else { nil }
  }

  /// Whether everything that Metal leaves unordered is being permuted.
  package static var isPermuting: Bool { SoftwareDevice.shared?.switches.seed != nil }
}

/// The kinds of objects that are counted while they exist.
enum LiveObject: Int, CaseIterable {
  case buffers
  case commandQueues
  case commandBuffers
  case commandEncoders
  case libraries
  case functions
  case computePipelineStates
  case residencySets
  case events
  case fences
  case counterSampleBuffers

  private static let counters = allCases.map { _ in Counter() }

  var count: Int { LiveObject.counters[rawValue].value }

  func made() { LiveObject.counters[rawValue].add(1) }

  func released() { LiveObject.counters[rawValue].add(-1) }
}

/// A number that any thread may change.
final class Counter: Sendable {
  static let residencySetCommits = Counter()
  static let objects = Counter()

  private let number = Atomic(0)

  var value: Int { number.load(ordering: .relaxed) }

  /// Returns the number after.
  @discardableResult
  func add(_ amount: Int) -> Int { number.wrappingAdd(amount, ordering: .relaxed).newValue }
}
