import Synchronization

/// How short of memory the system is.
public enum MemoryPressure: Int32, Sendable, CaseIterable {
  /// Half of what is cached goes.
  case warning = 1
  /// Everything that is cached goes.
  case critical = 2
}

/// Passes on to pools what the system says about its memory.
final class PressureMonitor: Sendable {
  /// Of the process; the system tells it. On Linux no system does.
  static let shared = PressureMonitor(isTold: true)

  private struct State {
    var pools: [ObjectIdentifier: PoolCore] = [:]
    var source: Platform.PressureSource?
  }

  private let state = Mutex(State())
  private let isTold: Bool

  init(isTold: Bool = false) { self.isTold = isTold }

  /// It is held until it is removed.
  func add(_ pool: PoolCore) {
    state.withLock { state in
      state.pools[ObjectIdentifier(pool)] = pool
      guard isTold, state.source == nil else { return }
      state.source = Platform.PressureSource { [weak self] isCritical in
        self?.tell(isCritical ? .critical : .warning)
      }
    }
  }

  func remove(_ pool: PoolCore) {
    // Whoever removes it holds it, so it does not end here.
    state.withLock { _ = $0.pools.removeValue(forKey: ObjectIdentifier(pool)) }
  }

  func tell(_ pressure: MemoryPressure) {
    let pools = state.withLock { Array($0.pools.values) }
    for pool in pools { pool.relieve(pressure) }
  }
}

extension PoolCore {
  /// Returns how many bytes were let go of.
  @discardableResult
  func relieve(_ pressure: MemoryPressure) -> Int {
    trim { pressure == .critical ? 0 : $0 / 2 }
  }
}
