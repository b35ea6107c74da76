/// Text for clang that remembers where in the user's text each of its tokens comes from.
struct GeneratedText: Sendable {
  private(set) var text = ""
  private var line = 1
  private var column = 1
  /// In the order of the generated text.
  private var origins: [Origin] = []

  private struct Origin: Sendable {
    var line: Int
    var column: Int
    /// Of a token that is the user's own: its length in bytes, so that places inside it can be told.
    var length: Int
    var source: SourcePosition
  }

  /// Appends a token that stands for what is at `source`, or is it; on a new line where the source begins one.
  mutating func append(
    _ token: String, from source: SourcePosition, isSpaced: Bool = true, isVerbatim: Bool = false
  ) {
    guard !token.isEmpty else { return }
    if let last = origins.last, last.source.line != source.line {
      write("\n")
    } else if isSpaced {
      write(" ")
    }
    let length = isVerbatim ? token.utf8.count : 0
    origins.append(Origin(line: line, column: column, length: length, source: source))
    write(token)
  }

  /// Appends a line of its own.
  mutating func appendLine(_ content: String, from source: SourcePosition) {
    if column > 1 { write("\n") }
    origins.append(Origin(line: line, column: column, length: 0, source: source))
    write(content + "\n")
  }

  private mutating func write(_ content: String) {
    text += content
    for byte in content.utf8 {
      if byte == UInt8(ascii: "\n") {
        line += 1
        column = 1
      } else {
        column += 1
      }
    }
  }

  /// Where the token at a place of the generated text, or before it, comes from. Right after a token is its end.
  func source(line: Int, column: Int) -> SourcePosition? {
    guard let origin = origin(line, column) else { return nil }
    let distance = origin.line == line ? max(column - origin.column, 0) : origin.length
    return SourcePosition(
      line: origin.source.line, column: origin.source.column + min(distance, origin.length))
  }

  private func origin(_ line: Int, _ column: Int) -> Origin? {
    var low = 0
    var high = origins.count
    while low < high {
      let middle = (low + high) / 2
      let origin = origins[middle]
      if (origin.line, origin.column) <= (line, column) { low = middle + 1 } else { high = middle }
    }
    return low > 0 ? origins[low - 1] : origins.first
  }
}
