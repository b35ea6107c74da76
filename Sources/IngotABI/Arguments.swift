// What comes in from C, checked: pointers, integers, text, handles.
import CIngot
import Ingot

extension IngotError {
  static func null(_ name: StaticString) -> IngotError { IngotError(.argument, "\(name) is NULL") }
}

/// The pointer, unless it is NULL.
func required<T>(_ pointer: UnsafeMutablePointer<T>?, _ name: StaticString) throws(IngotError)
  -> UnsafeMutablePointer<T>
{
  guard let pointer else { throw .null(name) }
  return pointer
}

/// The number, unless it is beyond anything that can be meant.
@inline(__always)
func integer(_ value: UInt64, _ name: StaticString) throws(IngotError) -> Int {
  guard let value = Int(exactly: value) else {
    throw IngotError(.argument, "\(name) is \(value); the largest possible number is \(Int.max)")
  }
  return value
}

/// Of so many nanoseconds; nil for ever.
func duration(_ nanoseconds: UInt64) -> Duration? {
  nanoseconds == .max ? nil : .nanoseconds(Int64(clamping: nanoseconds))
}

/// The other way round; more than fits is for ever.
func nanoseconds(_ duration: Duration?) -> UInt64 {
  guard let (seconds, attoseconds) = duration?.components, let seconds = UInt64(exactly: seconds) else {
    return .max
  }
  let (nanoseconds, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
  return overflow ? .max : nanoseconds + UInt64(clamping: attoseconds / 1_000_000_000)
}

extension Text {
  /// The text at a C pointer; broken UTF-8 is repaired.
  static func read(_ pointer: UnsafePointer<CChar>?, _ name: StaticString) throws(IngotError) -> String {
    guard let pointer else { throw .null(name) }
    return String(cString: pointer)
  }

  static func length(_ pointer: UnsafePointer<CChar>) -> Int {
    var count = 0
    while pointer[count] != 0 { count += 1 }
    return count
  }
}
