import Dispatch

/// Monotonic time in nanoseconds.
enum Clock {
  static var now: UInt64 { DispatchTime.now().uptimeNanoseconds }

  /// nil for what is negative; what does not fit is as long as can be.
  static func nanoseconds(of duration: Duration) -> UInt64? {
    let (seconds, attoseconds) = duration.components
    guard seconds >= 0, attoseconds >= 0 else { return nil }
    guard seconds < 1 << 32 else { return .max }
    return UInt64(seconds) * 1_000_000_000 + UInt64(attoseconds / 1_000_000_000)
  }

  /// When `duration` from now is over; never for nil or what does not fit.
  static func deadline(after duration: Duration?) -> UInt64 {
    guard let duration else { return .max }
    let (sum, isBeyond) = now.addingReportingOverflow(nanoseconds(of: duration) ?? 0)
    return isBeyond ? .max : sum
  }
}

extension DispatchSemaphore {
  /// Whether it was signalled before `deadline`.
  func wait(until deadline: UInt64) -> Bool {
    let time = deadline == .max ? DispatchTime.distantFuture : DispatchTime(uptimeNanoseconds: deadline)
    return wait(timeout: time) == .success
  }
}
