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

/// Puts values together in the packed form: in memory that it is given, or if that is too small, in its own.
struct ValuePacker: ~Copyable {
  /// Enough for the numbers of most kernels.
  static let shortBytes = 256

  private let short: UnsafeMutableRawPointer
  private var count = 0
  /// What there is if it is longer.
  private var long: [UInt8] = []

  /// `short` are `shortBytes` bytes.
  init(in short: UnsafeMutableRawPointer) { self.short = short }

  @inline(__always)
  mutating func append(position: Int, dtype: DType, bits: UInt64) {
    withUnsafeBytes(of: bits) {
      append(position: position, dtype: dtype, UnsafeRawBufferPointer(rebasing: $0.prefix(dtype.size)))
    }
  }

  mutating func append(position: Int, dtype: DType?, _ value: UnsafeRawBufferPointer) {
    appendHead(position: position, dtype: dtype, nbytes: value.count)
    append(value)
  }

  mutating func append(position: Int, threadgroupBytes: Int) {
    appendHead(position: position, dtype: nil, nbytes: threadgroupBytes)
  }

  @inline(__always)
  func withBytes<Result>(
    _ body: (UnsafeRawBufferPointer) throws(IngotError) -> Result
  ) throws(IngotError) -> Result {
    if long.isEmpty { return try body(UnsafeRawBufferPointer(start: short, count: count)) }
    return try long.withUnsafeBufferPointer { (bytes) throws(IngotError) in
      try body(UnsafeRawBufferPointer(bytes))
    }
  }

  @inline(__always)
  private mutating func appendHead(position: Int, dtype: DType?, nbytes: Int) {
    // In memory the parts follow one another in this order.
    let head = UInt64(
      littleEndian: UInt64(position) | UInt64(dtype?.rawValue ?? 0) << 16 | UInt64(nbytes) << 32)
    withUnsafeBytes(of: head) { append($0) }
  }

  @inline(__always)
  private mutating func append(_ bytes: UnsafeRawBufferPointer) {
    guard long.isEmpty, count + bytes.count <= Self.shortBytes else { return appendLong(bytes) }
    if let start = bytes.baseAddress { (short + count).copyMemory(from: start, byteCount: bytes.count) }
    count += bytes.count
  }

  @inline(never)
  private mutating func appendLong(_ bytes: UnsafeRawBufferPointer) {
    if long.isEmpty { long = Array(UnsafeRawBufferPointer(start: short, count: count)) }
    long += bytes
  }
}
