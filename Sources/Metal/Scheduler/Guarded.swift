import CMetalRuntime

/// A value behind a lock that is held for moments only.
final class Guarded<Value>: @unchecked Sendable {
  private let lock: UnsafeMutablePointer<mtl_lock>
  private var value: Value

  init(_ value: Value) {
    lock = .allocate(capacity: 1)
    lock.initialize(to: mtl_lock())
    self.value = value
  }

  deinit { lock.deallocate() }

  @inline(__always)
  func withLock<Result, Failure: Error>(
    _ body: (inout Value) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    mtl_lock_take(lock)
    defer { mtl_lock_give(lock) }
    return try body(&value)
  }
}
