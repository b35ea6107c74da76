/// The inline values of a dispatch as they come over the C boundary: heads, each followed by its bytes, unpadded.
///
/// A head is what `ingot.h` calls `ingot_value`: position and dtype in 16 bits each, and a count of bytes in 32. For
/// threadgroup memory the count is its length, and no bytes follow.
struct PackedValues {
  struct Head {
    let position: Int
    /// A raw value of `DType`; 0 for the raw bytes of a struct or vector.
    let dtype: Int
    let nbytes: Int
  }

  static let headBytes = 8

  private let bytes: UnsafeRawBufferPointer
  private var place = 0

  init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  var isAtEnd: Bool { place == bytes.count }

  /// The next head, or nil if there is none or it is cut short.
  @inline(__always)
  mutating func nextHead() -> Head? {
    guard bytes.count - place >= Self.headBytes else { return nil }
    let head = Head(
      position: Int(bytes.loadUnaligned(fromByteOffset: place, as: UInt16.self)),
      dtype: Int(bytes.loadUnaligned(fromByteOffset: place + 2, as: UInt16.self)),
      nbytes: Int(bytes.loadUnaligned(fromByteOffset: place + 4, as: UInt32.self)))
    place += Self.headBytes
    return head
  }

  /// The bytes that follow a head, or nil if fewer are left.
  @inline(__always)
  mutating func nextBytes(_ count: Int) -> UnsafeRawPointer? {
    guard bytes.count - place >= count else { return nil }
    defer { place += count }
    return bytes.baseAddress.map { $0 + place }
  }
}

/// Puts values together in the packed form.
struct ValuePacker {
  private(set) var bytes: [UInt8] = []

  mutating func append(position: Int, dtype: DType?, _ value: UnsafeRawBufferPointer) {
    appendHead(position: position, dtype: dtype, nbytes: value.count)
    bytes.append(contentsOf: value)
  }

  mutating func append(position: Int, threadgroupBytes: Int) {
    appendHead(position: position, dtype: nil, nbytes: threadgroupBytes)
  }

  private mutating func appendHead(position: Int, dtype: DType?, nbytes: Int) {
    if bytes.isEmpty { bytes.reserveCapacity(64) }
    withUnsafeBytes(of: UInt16(position)) { bytes.append(contentsOf: $0) }
    withUnsafeBytes(of: UInt16(dtype?.rawValue ?? 0)) { bytes.append(contentsOf: $0) }
    withUnsafeBytes(of: UInt32(nbytes)) { bytes.append(contentsOf: $0) }
  }
}
