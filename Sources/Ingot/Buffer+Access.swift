extension Buffer {
  /// Blocks until no submission stands in the way of host access of the given kinds, or until `timeout` is over.
  ///
  /// Throws `.timeout` in that case. Whether a submission failed, which leaves the contents undefined, it says itself.
  @available(*, noasync, message: "await the submission's completed()")
  public func wait(for access: Access = .read, timeout: Duration? = nil) throws(IngotError) {
    try storage.wait(for: access, to: self, until: Clock.deadline(after: timeout))
  }

  /// The address of the contents, for host access of the given kinds.
  ///
  /// Throws `.inFlight` while an unfinished submission writes them, or for `.write` uses them at all; what it does to
  /// the rest of the storage does not matter. The address is valid as long as the buffer is, and after `view(as:)` or
  /// `window` maybe misaligned for the dtype; what the GPU does to it after this check is not watched.
  public func contents(for access: Access) throws(IngotError) -> UnsafeMutableRawPointer {
    try storage.checkAccess(access, of: self)
    return storage.contents + offset
  }

  /// Calls `body` with the elements, to read.
  ///
  /// Throws `.argument` if `T` is not the dtype or they are misaligned for it, `.inFlight` while the GPU writes them,
  /// and what `body` throws.
  public func withUnsafe<T: BufferElement, R>(
    of type: T.Type, _ body: (UnsafeBufferPointer<T>) throws -> R
  ) throws -> R {
    try withExtendedLifetime(self) { try body(UnsafeBufferPointer(elements(of: type, for: .read))) }
  }

  /// Calls `body` with the elements, to read and write.
  ///
  /// Throws `.argument` if `T` is not the dtype or they are misaligned for it, `.inFlight` while the GPU uses them,
  /// and what `body` throws.
  public func withUnsafeMutable<T: BufferElement, R>(
    of type: T.Type, _ body: (UnsafeMutableBufferPointer<T>) throws -> R
  ) throws -> R {
    try withExtendedLifetime(self) { try body(elements(of: type, for: .readWrite)) }
  }

  /// A copy of the elements.
  public func values<T: BufferElement>(of type: T.Type) throws(IngotError) -> [T] {
    try withExtendedLifetime(self) { () throws(IngotError) in try Array(elements(of: type, for: .read)) }
  }

  private func elements<T: BufferElement>(
    of type: T.Type, for access: Access
  ) throws(IngotError) -> UnsafeMutableBufferPointer<T> {
    guard T.dtype == dtype else {
      throw .argument("the buffer holds \(dtype.name), not \(T.dtype.name)")
    }
    let start = try contents(for: access)
    guard UInt(bitPattern: start) % UInt(MemoryLayout<T>.alignment) == 0 else {
      throw .argument(
        "\(self) begins at byte \(offset), no multiple of \(MemoryLayout<T>.alignment): Swift cannot read \(dtype.name)"
          + " there; take a copy()")
    }
    return UnsafeMutableBufferPointer(start: start.bindMemory(to: T.self, capacity: count), count: count)
  }
}
