/// A place in a source text: line and column from 1, the column in bytes, as clang counts.
struct SourcePosition: Hashable, Comparable, Sendable {
  var line: Int
  var column: Int

  static func < (a: SourcePosition, b: SourcePosition) -> Bool {
    (a.line, a.column) < (b.line, b.column)
  }
}

/// The text of a library as the user gave it.
///
/// Positions inside the compiler are physical lines; `#line` directives are taken out before preprocessing and
/// come back when a position is shown.
struct SourceText: Sendable {
  static let defaultFile = "program_source"

  /// The text, with `#line` directives made blank.
  let bytes: [UInt8]
  /// Offsets at which the lines begin.
  private let lineStarts: [Int]
  private var renumberings: [Renumbering] = []

  /// A `#line` directive: the line after `line` is shown as `number` of `file`.
  private struct Renumbering: Sendable {
    var line: Int
    var number: Int
    var file: String
  }

  init(_ text: String) {
    var bytes = Array(text.utf8)
    // A byte order mark is no part of the text.
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { for index in 0..<3 { bytes[index] = UInt8(ascii: " ") } }
    // A byte order mark, which editors put there and clang leaves out only where a file begins.
    if bytes.starts(with: [0xef, 0xbb, 0xbf]) { bytes.replaceSubrange(0..<3, with: [32, 32, 32]) }
    lineStarts = [0] + bytes.indices.filter { bytes[$0] == UInt8(ascii: "\n") }.map { $0 + 1 }
    for line in 1...lineStarts.count {
      let range = Self.range(ofLine: line, lineStarts, bytes.count)
      let text = String(decoding: bytes[range], as: UTF8.self)
      guard let found = Self.lineDirective(text) else { continue }
      let file = found.file ?? renumberings.last?.file ?? Self.defaultFile
      renumberings.append(Renumbering(line: line, number: found.number, file: file))
      for index in range { bytes[index] = UInt8(ascii: " ") }
    }
    self.bytes = bytes
  }

  var lineCount: Int { lineStarts.count }

  /// The text of a line, without its end.
  func line(_ number: Int) -> String {
    guard (1...lineCount).contains(number) else { return "" }
    var text = bytes[Self.range(ofLine: number, lineStarts, bytes.count)]
    if text.last == UInt8(ascii: "\r") { text.removeLast() }
    return String(decoding: text, as: UTF8.self)
  }

  /// The file and line that `#line` makes of a physical line.
  func shown(line: Int) -> (file: String, line: Int) {
    guard let last = renumberings.last(where: { $0.line < line }) else { return (Self.defaultFile, line) }
    return (last.file, last.number + line - last.line - 1)
  }

  private static func range(ofLine line: Int, _ starts: [Int], _ end: Int) -> Range<Int> {
    starts[line - 1]..<(line < starts.count ? starts[line] - 1 : end)
  }

  /// Reads `#line 12 "file"`; nil for any other line.
  private static func lineDirective(_ text: String) -> (number: Int, file: String?)? {
    var rest = text.drop(while: isBlank)
    guard rest.first == "#" else { return nil }
    rest = rest.dropFirst().drop(while: isBlank)
    guard rest.hasPrefix("line") else { return nil }
    rest = rest.dropFirst(4)
    guard let blank = rest.first, isBlank(blank) else { return nil }
    rest = rest.drop(while: isBlank)
    guard let number = Int(rest.prefix(while: \.isNumber)) else { return nil }
    rest = rest.drop(while: \.isNumber).drop(while: isBlank)
    guard rest.first == "\"" else { return (number, nil) }
    return (number, String(rest.dropFirst().prefix { $0 != "\"" }))
  }

  private static func isBlank(_ character: Character) -> Bool { character == " " || character == "\t" }
}
