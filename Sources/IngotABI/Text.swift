// Text to C: UTF-8, NUL-terminated, cut where a character ends.

enum Text {
  /// Writes as much of `text` as fits; returns its whole length in bytes without the NUL.
  @discardableResult
  static func write(_ text: String, to target: UnsafeMutableRawPointer?, capacity: UInt64) -> UInt64 {
    var text = text
    return text.withUTF8 { write(UnsafeRawBufferPointer($0), to: target, capacity: capacity) }
  }

  @discardableResult
  static func write(
    _ utf8: UnsafeRawBufferPointer, to target: UnsafeMutableRawPointer?, capacity: UInt64
  ) -> UInt64 {
    guard let target, capacity > 0 else { return UInt64(utf8.count) }
    let limit = Int(exactly: capacity - 1) ?? Int.max
    let count = prefix(of: utf8, limit: limit)
    if let source = utf8.baseAddress, count > 0 { target.copyMemory(from: source, byteCount: count) }
    target.storeBytes(of: 0, toByteOffset: count, as: UInt8.self)
    return UInt64(utf8.count)
  }

  /// Fills an array member of a C struct, which Swift sees as a tuple.
  static func write<Tuple>(_ text: String, toMember member: inout Tuple) {
    _ = withUnsafeMutableBytes(of: &member) { write(text, to: $0.baseAddress, capacity: UInt64($0.count)) }
  }

  /// Bytes of the longest prefix of at most `limit` that splits no character.
  static func prefix(of utf8: UnsafeRawBufferPointer, limit: Int) -> Int {
    guard utf8.count > limit else { return utf8.count }
    var end = limit
    while end > 0, utf8[end] & 0b1100_0000 == 0b1000_0000 { end -= 1 }
    return end
  }
}
