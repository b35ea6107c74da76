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
    var source: SourcePosition
  }

  /// Appends a token that stands for `source`; on a new line where the source begins one.
  mutating func append(_ token: String, from source: SourcePosition, isSpaced: Bool = true) {
    guard !token.isEmpty else { return }
    if let last = origins.last, last.source.line != source.line {
      write("\n")
    } else if isSpaced {
      write(" ")
    }
    origins.append(Origin(line: line, column: column, source: source))
    write(token)
  }

  /// Appends a line of its own.
  mutating func appendLine(_ content: String, from source: SourcePosition) {
    if column > 1 { write("\n") }
    origins.append(Origin(line: line, column: column, source: source))
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

  /// Where the token at a place of the generated text comes from.
  func source(line: Int, column: Int) -> SourcePosition? {
    var low = 0
    var high = origins.count
    while low < high {
      let middle = (low + high) / 2
      let origin = origins[middle]
      if (origin.line, origin.column) <= (line, column) { low = middle + 1 } else { high = middle }
    }
    return low > 0 ? origins[low - 1].source : origins.first?.source
  }
}
