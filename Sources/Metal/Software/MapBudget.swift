import Glibc
import Synchronization

/// How many mappings of memory buffers may take: Linux gives a process a number of them, and one that has used them up
/// can neither start a thread nor allocate anything.
final class MapBudget: Sendable {
  /// The process's.
  static let shared = MapBudget(limit: systemLimit() * 7 / 8)

  /// An allocation, and a guard on each side.
  private static let guarded = 3

  private let limit: Int
  private let taken = Atomic(0)

  init(limit: Int) { self.limit = limit }

  /// The mappings that a new allocation may have; 0 if there are none left. Up to half of all it has guards.
  func take(wantsGuards: Bool) -> Int {
    if wantsGuards, take(Self.guarded, of: limit / 2) { return Self.guarded }
    return take(1, of: limit) ? 1 : 0
  }

  func giveBack(_ count: Int) { taken.wrappingSubtract(count, ordering: .relaxed) }

  private func take(_ count: Int, of limit: Int) -> Bool {
    if taken.wrappingAdd(count, ordering: .relaxed).newValue <= limit { return true }
    giveBack(count)
    return false
  }

  /// `vm.max_map_count`.
  private static func systemLimit() -> Int {
    DeviceMemory.number(inFile: "/proc/sys/vm/max_map_count") ?? 65530
  }
}
