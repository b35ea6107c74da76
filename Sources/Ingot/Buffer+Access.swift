extension Buffer {
  /// Blocks until no submission stands in the way of host access of the given kinds, or until `timeout` is over.
  ///
  /// Throws `.timeout` in that case. Whether a submission failed, which leaves the contents undefined, it says itself.
  @available(*, noasync, message: "await the submission's completed()")
  public func wait(for access: Access = .read, timeout: Duration? = nil) throws(IngotError) {
    try storage.prepare()
    try storage.wait(for: access, to: self, until: Clock.deadline(after: timeout))
  }

  /// The address of the contents, for host access of the given kinds.
  ///
  /// Throws `.inFlight` while an unfinished submission writes them, or for `.write` uses them at all; what it does to
  /// the rest of the storage does not matter. The address is valid until the buffer goes or its pool is reset (`openView`
  /// keeps it for longer), and after `view(as:)` or `window` maybe misaligned for the dtype; what the GPU does to it
  /// after this check is not watched (`mapped` does that).
  public func contents(for access: Access) throws(IngotError) -> UnsafeMutableRawPointer {
    try storage.prepare()
    let contents = try reachable(storage.contents)
    try checkIsWritable(for: access)
    storage.awaitEnds(access, of: self)
    try storage.checkAccess(access, of: self)
    return contents + offset
  }

  /// Throws `.argument` if it is read-only and is to be written.
  func checkIsWritable(for access: Access) throws(IngotError) {
    guard isReadOnly, access.contains(.write) else { return }
    throw .argument("\(self) is read-only; take a copy()")
  }

  /// Calls `body` with the elements, to read.
  ///
  /// Throws `.argument` if `T` is not the dtype or they are misaligned for it, `.inFlight` while the GPU writes them,
  /// and what `body` throws.
  public func withUnsafe<T: BufferElement, R>(
    of type: T.Type, _ body: (UnsafeBufferPointer<T>) throws -> R
  ) throws -> R {
    try withExtendedLifetime(storage.hold()) { try body(UnsafeBufferPointer(elements(of: type, for: .read))) }
  }

  /// Calls `body` with the elements, to read and write.
  ///
  /// Throws `.argument` if `T` is not the dtype or they are misaligned for it, `.inFlight` while the GPU uses them,
  /// and what `body` throws.
  public func withUnsafeMutable<T: BufferElement, R>(
    of type: T.Type, _ body: (UnsafeMutableBufferPointer<T>) throws -> R
  ) throws -> R {
    try withExtendedLifetime(storage.hold()) { try body(elements(of: type, for: .readWrite)) }
  }

  /// A copy of the elements.
  public func values<T: BufferElement>(of type: T.Type) throws(IngotError) -> [T] {
    try withExtendedLifetime(storage.hold()) { _ throws(IngotError) in
      try Array(elements(of: type, for: .read))
    }
  }

  private func elements<T: BufferElement>(
    of type: T.Type, for access: Access
  ) throws(IngotError) -> UnsafeMutableBufferPointer<T> {
    try elements(of: type, from: contents(for: access))
  }

  /// The elements, which begin at `start`.
  func elements<T: BufferElement>(
    of type: T.Type, from start: UnsafeMutableRawPointer
  ) throws(IngotError) -> UnsafeMutableBufferPointer<T> {
    try checkType(type)
    guard UInt(bitPattern: start) % UInt(MemoryLayout<T>.alignment) == 0 else {
      throw .argument(
        "\(self) begins at byte \(offset), no multiple of \(MemoryLayout<T>.alignment): Swift cannot read \(dtype.name)"
          + " there; take a copy()")
    }
    return UnsafeMutableBufferPointer(start: start.bindMemory(to: T.self, capacity: count), count: count)
  }
}
