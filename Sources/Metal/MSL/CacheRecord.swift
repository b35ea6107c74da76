/// Values in a row, with a checksum before them.
struct RecordWriter {
  private var bytes: [UInt8] = []

  mutating func put(_ value: Int) {
    withUnsafeBytes(of: Int64(value).littleEndian) { bytes += $0 }
  }

  mutating func put(_ text: String) {
    put(text.utf8.count)
    bytes += text.utf8
  }

  /// The record, to be kept in a file.
  var record: [UInt8] { Array(recordMark.utf8) + Array(Digest(bytes).text.utf8) + bytes }
}

/// Reads what a `RecordWriter` wrote. Anything else gives nil, never garbage.
struct RecordReader {
  private let bytes: [UInt8]
  private var position: Int

  init?(_ record: [UInt8]) {
    let start = recordMark.utf8.count + 64
    guard record.count >= start, record.starts(with: recordMark.utf8) else { return nil }
    let digest = String(decoding: record[recordMark.utf8.count..<start], as: UTF8.self)
    guard Digest(Array(record[start...])).text == digest else { return nil }
    bytes = record
    position = start
  }

  mutating func int() -> Int? {
    guard bytes.count - position >= 8 else { return nil }
    let value = bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: position, as: Int64.self) }
    position += 8
    return Int(Int64(littleEndian: value))
  }

  /// A number of things that follow, each of a byte at least.
  mutating func count() -> Int? {
    guard let count = int(), count >= 0, count <= bytes.count - position else { return nil }
    return count
  }

  mutating func string() -> String? {
    guard let length = count() else { return nil }
    defer { position += length }
    return String(decoding: bytes[position..<position + length], as: UTF8.self)
  }
}

/// Changes when records are written in another form.
private let recordMark = "ingot kernel cache 2\n"
