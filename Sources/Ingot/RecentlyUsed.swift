import Synchronization

/// Values by key, of which the longest unused goes where there are too many.
final class RecentlyUsed<Key: Hashable & Sendable, Value: AnyObject & Sendable>: Sendable {
  private struct State {
    var entries: [Key: (value: Value, lastUse: UInt64)] = [:]
    var uses: UInt64 = 0
  }

  private let capacity: Int
  private let state = Mutex(State())

  init(capacity: Int) { self.capacity = capacity }

  var count: Int { state.withLock { $0.entries.count } }

  func value(for key: Key, _ make: () -> Value) -> Value {
    state.withLock { state in
      state.uses += 1
      let value = state.entries[key]?.value ?? make()
      state.entries[key] = (value, state.uses)
      if state.entries.count > capacity { Self.removeOldest(from: &state) }
      return value
    }
  }

  private static func removeOldest(from state: inout State) {
    guard let oldest = state.entries.min(by: { $0.value.lastUse < $1.value.lastUse }) else { return }
    state.entries[oldest.key] = nil
  }
}
