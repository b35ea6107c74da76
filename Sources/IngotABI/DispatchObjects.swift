// What one dispatch uses, looked up under one lock and kept alive until it is encoded.
import CIngot
import Ingot

/// Counts above these are refused before memory is read: no kernel has so many arguments or values.
enum DispatchLimits {
  /// 31 slots for buffers and 31 for threadgroup memory.
  static let arguments = 62
  static let valueBytes = Int(INGOT_MAX_VALUES_NBYTES)

  @inline(__always)
  static func buffers(
    _ pointer: UnsafePointer<OpaquePointer?>?, _ count: UInt64
  ) throws(IngotError) -> UnsafeBufferPointer<OpaquePointer?> {
    guard count <= arguments else { throw tooMany("buffer_count", count, arguments) }
    guard pointer != nil || count == 0 else { throw .null("buffers") }
    return UnsafeBufferPointer(start: pointer, count: Int(count))
  }

  @inline(__always)
  static func values(_ pointer: UnsafeRawPointer?, _ nbytes: UInt64) throws(IngotError)
    -> UnsafeRawBufferPointer
  {
    guard nbytes <= valueBytes else { throw tooMany("values_nbytes", nbytes, valueBytes) }
    guard pointer != nil || nbytes == 0 else { throw .null("values") }
    return UnsafeRawBufferPointer(start: pointer, count: Int(nbytes))
  }

  private static func tooMany(_ name: StaticString, _ count: UInt64, _ most: Int) -> IngotError {
    IngotError(.argument, "\(name) is \(count); a dispatch has at most \(most)")
  }
}

/// Calls `body` with the objects of a dispatch, which nobody can free meanwhile, whatever other threads release.
@inline(__always)
func withDispatchObjects(
  _ encoder: OpaquePointer?, _ kernel: OpaquePointer?,
  _ buffers: UnsafeBufferPointer<OpaquePointer?>,
  _ body: (CommandEncoder, Kernel, DispatchBuffers) throws(IngotError) -> Void
) throws(IngotError) {
  try withUnsafeTemporaryAllocation(of: Unmanaged<Buffer>?.self, capacity: buffers.count) {
    (found) throws(IngotError) in
    found.initialize(repeating: nil)
    defer { for buffer in found { buffer?.release() } }
    let objects: (encoder: CommandEncoder, kernel: Kernel)
    do throws(HandleError) {
      objects = try handles.withSlots { (slots) throws(HandleError) in
        for position in buffers.indices {
          guard let buffer = buffers[position] else { continue }
          found[position] = try slots.object(buffer, as: Buffer.self).retain()
        }
        return (
          try slots.object(encoder, as: CommandEncoder.self).takeUnretainedValue(),
          try slots.object(kernel, as: Kernel.self).takeUnretainedValue()
        )
      }
    } catch {
      throw IngotError(error)
    }
    try body(objects.encoder, objects.kernel, DispatchBuffers(found))
  }
}

extension HandleSlots {
  /// The object of a handle of the class's kind, not retained.
  @inline(__always)
  func object<T: HandleObject>(
    _ handle: OpaquePointer?, as type: T.Type
  ) throws(HandleError) -> Unmanaged<T> {
    // The kind was compared, and a kind has one class.
    Unmanaged.fromOpaque(try object(Handle(handle), kind: T.handleKind).toOpaque())
  }
}
