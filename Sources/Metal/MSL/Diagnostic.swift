/// One message of the compiler about the user's text.
struct Diagnostic: Hashable, Sendable {
  enum Severity: String, Sendable { case error, note }
  var severity = Severity.error
  var position: SourcePosition
  var message: String
  /// Columns of the same line to underline.
  var ranges: [Range<Int>] = []

  static func error(_ message: String, at position: SourcePosition) -> Diagnostic {
    Diagnostic(position: position, message: message)
  }
}

/// Collects the errors of a library and prints them as Apple's compiler does.
struct DiagnosticReport: Sendable {
  /// Errors, each followed by its notes.
  private var groups: [[Diagnostic]] = []
  private var positions: Set<SourcePosition> = []

  var isEmpty: Bool { groups.isEmpty }

  /// Adds an error with its notes, unless there is one at its place.
  mutating func add(_ group: [Diagnostic]) {
    guard let first = group.first, positions.insert(first.position).inserted else { return }
    groups.append(group)
  }

  mutating func add(_ errors: [Diagnostic]...) {
    for error in errors.joined() { add([error]) }
  }

  /// `program_source:3:7: error: ...` with the line and a caret, in the order of the text.
  func text(_ source: SourceText) -> String {
    let ordered = groups.enumerated().sorted { a, b in
      (a.element[0].position, a.offset) < (b.element[0].position, b.offset)
    }
    let shown = ordered.prefix(Self.limit).flatMap { $0.element.map { Self.text($0, source) } }
    return shown.joined(separator: "\n")
  }

  /// As clang: after that many errors the rest is noise.
  private static let limit = 20

  private static func text(_ diagnostic: Diagnostic, _ source: SourceText) -> String {
    let (file, line) = source.shown(line: diagnostic.position.line)
    let place = "\(file):\(line):\(diagnostic.position.column)"
    let title = "\(place): \(diagnostic.severity.rawValue): \(diagnostic.message)"
    let code = source.line(diagnostic.position.line)
    guard !code.isEmpty else { return title }
    return "\(title)\n\(code)\n\(marks(diagnostic, code))"
  }

  /// The line below the code: `^` at the column, `~` below the ranges; tabs stay tabs, so that it lines up.
  private static func marks(_ diagnostic: Diagnostic, _ code: String) -> String {
    let width = max(diagnostic.position.column, diagnostic.ranges.map { $0.upperBound - 1 }.max() ?? 0)
    var marks = ""
    var column = 1
    // Columns count bytes, what is seen are characters; past the end of the line there are blanks.
    for character in code + String(repeating: " ", count: max(width - code.utf8.count, 0)) {
      guard column <= width else { break }
      let columns = column..<column + character.utf8.count
      column = columns.upperBound
      if columns.contains(diagnostic.position.column) {
        marks += "^"
      } else if diagnostic.ranges.contains(where: { $0.overlaps(columns) }) {
        marks += "~"
      } else {
        marks += character == "\t" ? "\t" : " "
      }
    }
    return marks
  }
}
