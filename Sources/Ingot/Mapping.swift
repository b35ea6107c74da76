import Synchronization

/// Host access to a buffer over time: as long as it is open, a submission that conflicts is refused.
///
///     let mapping = try x.mapped(for: .write)
///     defer { mapping.close() }
///     try mapping.mutableElements(of: Float.self)[0] = 1
///
/// What is mapped for reading may be read by submissions, and mapped for reading again. What is mapped for writing is
/// nobody else's. Bytes count, not buffers: windows that do not overlap do not conflict. A mapping ends with `close()` or
/// with its last reference, and keeps the memory as a `HostView` does. It may be used from any thread.
public final class Mapping: Sendable {
  public let buffer: Buffer
  public let access: Access

  private let view: HostView
  private let entry: UInt64
  private let closed = Atomic<Bool>(false)

  /// Waits until `deadline` if there is one.
  init(_ buffer: Buffer, _ access: Access, until deadline: UInt64?) throws(IngotError) {
    view = try HostView(buffer)
    try buffer.checkIsWritable(for: access)
    entry = try buffer.device.mappings.map(buffer, for: access, isEarly: deadline != nil)
    self.buffer = buffer
    self.access = access
    // If this throws, the mapping goes, and is closed by that.
    if let deadline { try buffer.storage.wait(for: access, to: buffer, until: deadline) }
  }

  deinit { close() }

  public var isOpen: Bool { !closed.load(ordering: .relaxed) }

  /// Lets submissions use the bytes again. Twice is once; elements that it gave must not be used any more.
  public func close() {
    if !closed.exchange(true, ordering: .sequentiallyConsistent) { buffer.device.mappings.close(entry) }
  }

  /// The elements, to read until it is closed.
  ///
  /// Throws `.state` if it is closed, `.argument` if `T` is not the dtype or they are misaligned for it.
  public func elements<T: BufferElement>(of type: T.Type) throws(IngotError) -> UnsafeBufferPointer<T> {
    try UnsafeBufferPointer(opened(type))
  }

  /// The elements, to read and write until it is closed. Throws as `elements`, and `.state` if it is for reading only.
  public func mutableElements<T: BufferElement>(
    of type: T.Type
  ) throws(IngotError) -> UnsafeMutableBufferPointer<T> {
    guard access.contains(.write) else {
      throw .state("\(buffer) is mapped for reading; map it for writing to change it")
    }
    return try opened(type)
  }

  /// The bytes, to read or, if it is for that, write until it is closed.
  public var bytes: UnsafeMutableRawBufferPointer { view.bytes }

  private func opened<T: BufferElement>(_ type: T.Type) throws(IngotError) -> UnsafeMutableBufferPointer<T> {
    guard isOpen else { throw .state("the mapping of \(buffer) is closed; map it again") }
    return try buffer.elements(of: type, from: view.bytes.baseAddress!)
  }
}

extension Buffer {
  /// Maps it for host access of the given kinds until the mapping is closed; a lazy buffer is allocated.
  ///
  /// Throws `.inFlight` while an unfinished submission conflicts, `.state` if it is mapped already and one of the two is
  /// for writing, `.argument` if it is read-only and that is wanted.
  public func mapped(for access: Access) throws(IngotError) -> Mapping {
    try Mapping(self, access, until: nil)
  }

  /// The same, but waits for the submissions that conflict; new ones are refused meanwhile.
  ///
  /// Throws `.timeout` if that takes longer; nil is for ever.
  @available(*, noasync, message: "await the submissions' completed(), then map it")
  public func mapped(for access: Access, waiting timeout: Duration?) throws(IngotError) -> Mapping {
    try Mapping(self, access, until: Clock.deadline(after: timeout))
  }

  /// Calls `body` with the elements, to read, and meanwhile refuses submissions that write them.
  ///
  /// Throws as `mapped(for:)` and `Mapping.elements(of:)`, and what `body` throws.
  public func withMapped<T: BufferElement, R>(
    of type: T.Type, _ body: (UnsafeBufferPointer<T>) throws -> R
  ) throws -> R {
    let mapping = try mapped(for: .read)
    defer { mapping.close() }
    return try body(mapping.elements(of: type))
  }

  /// Calls `body` with the elements, to read and write, and meanwhile refuses submissions that use them.
  ///
  /// Throws as `mapped(for:)` and `Mapping.mutableElements(of:)`, and what `body` throws.
  public func withMappedMutable<T: BufferElement, R>(
    of type: T.Type, _ body: (UnsafeMutableBufferPointer<T>) throws -> R
  ) throws -> R {
    let mapping = try mapped(for: .readWrite)
    defer { mapping.close() }
    return try body(mapping.mutableElements(of: type))
  }
}
