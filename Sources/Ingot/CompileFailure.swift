/// The first error that the MSL compiler reported: where it is, and the line it is in.
///
///     if let place = error.compileFailure { print("\(place.line):\(place.column): \(place.text)") }
public struct CompileFailure: Sendable, Hashable {
  /// What the compiler calls the source: `"program_source"` for text.
  public let file: String
  /// The line of the source as given, from 1; 0 if the compiler named none.
  public let line: Int
  /// From 1; 0 if the compiler named none.
  public let column: Int
  /// The offending line, empty if there is none.
  public let sourceLine: String
  /// The compiler's message without the place.
  public let text: String

  /// Finds the first `file:line:column: error: text` in the compiler's log.
  init?(log: String, source: String) {
    let lines = log.split(separator: "\n", omittingEmptySubsequences: false)
    guard let place = lines.lazy.compactMap(Place.init).first else { return nil }
    file = String(place.file)
    line = place.line
    column = place.column
    text = String(place.text)
    sourceLine = Self.line(place.line, of: source)
  }

  private static func line(_ number: Int, of source: String) -> String {
    let lines = source.split(separator: "\n", omittingEmptySubsequences: false)
    return lines.indices.contains(number - 1) ? String(lines[number - 1]) : ""
  }

  /// The offending line with a caret under the column, or nothing where the compiler named no place.
  var excerpt: String {
    guard !sourceLine.isEmpty else { return "" }
    guard column > 0 else { return "\n  " + sourceLine }
    // Tabs stay tabs, so that the caret stands below its character.
    let margin = sourceLine.utf8.prefix(column - 1).map { $0 == 9 ? "\t" : " " }.joined()
    return "\n  \(sourceLine)\n  \(margin)^"
  }
}

extension CompileFailure {
  /// `program_source:3:14: error: use of undeclared identifier 'y'`, taken apart.
  private struct Place {
    let file: Substring
    let line: Int
    let column: Int
    let text: Substring

    init?(_ text: Substring) {
      let fields = text.split(separator: ":", maxSplits: 4, omittingEmptySubsequences: false)
      guard fields.count == 5, fields[3].hasSuffix("error"), let line = Int(fields[1]),
        let column = Int(fields[2])
      else { return nil }
      file = fields[0]
      self.line = line
      self.column = column
      self.text = fields[4].drop { $0 == " " }
    }
  }
}
