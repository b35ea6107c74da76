import CMetalRuntime

/// A number that only grows, and that threads wait to see grow.
final class Signal: @unchecked Sendable {
  private let signal: UnsafeMutablePointer<mtl_signal>

  init() {
    signal = .allocate(capacity: 1)
    signal.initialize(to: mtl_signal())
  }

  deinit { signal.deallocate() }

  var value: UInt32 { mtl_signal_value(signal) }

  func advance(waking sleepers: Int = .max) { mtl_signal_advance(signal, Int32(clamping: sleepers)) }

  /// Returns once the number differs from `seen`: watches it for a while, then sleeps. Nil sleeps without end.
  func wait(from seen: UInt32, spin: UInt64, timeout: UInt64? = nil) {
    if value != seen || spin > 0 && mtl_signal_spin(signal, seen, spin) { return }
    mtl_signal_sleep(signal, seen, timeout ?? 0)
  }

  /// Waits until the condition, which changes only before `advance()`, holds; false when the time is over first.
  @discardableResult
  func wait(spin: UInt64, until deadline: UInt64? = nil, _ condition: () -> Bool) -> Bool {
    while true {
      let seen = value
      if condition() { return true }
      let now = mtl_clock_now()
      if let deadline, now >= deadline { return false }
      wait(from: seen, spin: spin, timeout: deadline.map { $0 - now })
    }
  }
}

func sleep(nanoseconds: UInt64) {
  let end = mtl_clock_now() + nanoseconds
  let nobody = Signal()
  nobody.wait(spin: 0, until: end) { mtl_clock_now() >= end }
}
