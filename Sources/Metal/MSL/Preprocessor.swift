/// Turns a source text into tokens with its macros expanded.
struct Preprocessor {
  private let source: SourceText
  private let tokens: [Token]

  init(_ source: SourceText) {
    self.source = source
    tokens = Lexer.tokens(of: source.bytes)
  }

  /// The tokens, if there is nothing to expand: then clang need not be asked.
  func tokensWithoutMacros(_ options: MSLOptions) -> [Token]? {
    guard options.macros.isEmpty else { return nil }
    var result: [Token] = []
    result.reserveCapacity(tokens.count)
    for token in tokens {
      switch token.kind {
      case .directive:
        if Self.isPragma(token.text) {
          result.append(token)
        } else if !Self.isKnownInclude(token.text) {
          return nil
        }
      case .identifier where Self.mayBeMacro(token.text): return nil
      default: result.append(token)
      }
    }
    return result
  }

  /// The tokens of clang's preprocessed text, with their places in the source.
  func tokens(ofPreprocessed bytes: [UInt8], _ options: MSLOptions) -> [Token] {
    let macros = Set(options.macros.keys).union(definedMacros)
    let lines = Dictionary(grouping: tokens.filter { $0.kind != .directive }, by: \.position.line)
    var result: [Token] = []
    var marker = LineMarker(outputLine: 0, sourceLine: 1, isSource: true)
    var pending: [Token] = []
    func flush() {
      guard let first = pending.first else { return }
      result += aligned(pending, with: lines[first.position.line] ?? [], macros)
      pending = []
    }
    for var token in Lexer.tokens(of: bytes) {
      if token.kind == .directive, let next = LineMarker(token) {
        flush()
        marker = next
        continue
      }
      guard marker.isSource else { continue }
      token.position.line = marker.sourceLine + token.position.line - marker.outputLine - 1
      if let last = pending.last, last.position.line != token.position.line { flush() }
      pending.append(token)
    }
    flush()
    return result
  }

  /// The directives that clang has and Metal has not.
  var refusedDirectives: [Diagnostic] {
    tokens.filter { $0.kind == .directive && Self.directive($0.text).name == "embed" }.map {
      .error("'#embed' is not supported in Metal", at: $0.position)
    }
  }

  /// The files that were read beside the source and the headers of MSL: there are none for a program that is given as
  /// text, and what was compiled could not be kept, as they change.
  func foreignIncludes(ofPreprocessed bytes: [UInt8], headers: String) -> [Diagnostic] {
    var result: [Diagnostic] = []
    var marker = LineMarker(outputLine: 0, sourceLine: 1, isSource: true)
    for token in Lexer.tokens(of: bytes) where token.kind == .directive {
      guard let next = LineMarker(token) else { continue }
      defer { marker = next }
      guard marker.isSource, let file = next.enteredFile, !file.hasPrefix("<"), !file.hasPrefix(headers)
      else {
        continue
      }
      let line = marker.sourceLine + token.position.line - marker.outputLine - 1
      result.append(missing(file, line: line))
    }
    return result
  }

  private func missing(_ file: String, line: Int) -> Diagnostic {
    let directive = tokens.first { $0.kind == .directive && $0.position.line == line }
    var position = directive?.position ?? SourcePosition(line: line, column: 1)
    var name = file
    if let text = directive?.text, let start = text.firstIndex(where: { $0 == "\"" || $0 == "<" }) {
      name = String(text[start...].dropFirst().prefix { $0 != "\"" && $0 != ">" })
      position.column += text[..<start].utf8.count
    }
    return .error("'\(name)' file not found; a library is one text, put the file's into it", at: position)
  }

  private var definedMacros: [String] {
    tokens.compactMap { token in
      guard token.kind == .directive else { return nil }
      let (name, rest) = Self.directive(token.text)
      return name == "define" ? String(rest.prefix { $0.isLetter || $0.isNumber || $0 == "_" }) : nil
    }
  }

  private static func isPragma(_ line: String) -> Bool { directive(line).name == "pragma" }

  private static func isKnownInclude(_ line: String) -> Bool {
    let (name, rest) = directive(line)
    guard name == "include" || name == "import", let first = rest.first, first == "<" || first == "\"" else {
      return false
    }
    let file = rest.dropFirst().prefix { $0 != ">" && $0 != "\"" }
    return MetalHeaders.names.contains(String(file))
  }

  private static func directive(_ line: String) -> (name: Substring, rest: Substring) {
    let text = line.dropFirst().drop { $0 == " " || $0 == "\t" }
    let name = text.prefix { $0.isLetter }
    return (name, text.dropFirst(name.count).drop { $0 == " " || $0 == "\t" })
  }

  private static func mayBeMacro(_ word: String) -> Bool {
    word.hasPrefix("__") && !["__attribute__", "__restrict", "__restrict__"].contains(word)
      || word == "_Pragma"
  }
}

/// `# 12 "file"` in preprocessed text: the next line is line 12.
private struct LineMarker {
  var outputLine: Int
  var sourceLine: Int
  /// Whether the lines are the user's.
  var isSource: Bool
  /// The file that begins here, as opposed to going on.
  var enteredFile: String?

  init(outputLine: Int, sourceLine: Int, isSource: Bool) {
    self.outputLine = outputLine
    self.sourceLine = sourceLine
    self.isSource = isSource
  }

  init?(_ token: Token) {
    let words = token.text.split(separator: " ")
    guard words.count >= 3, words[0] == "#", let line = Int(words[1]) else { return nil }
    self.init(
      outputLine: token.position.line, sourceLine: line,
      isSource: words[2] == "\"\(ClangMessages.inputName)\"")
    let name = token.text.drop { $0 != "\"" }.dropFirst()
    guard let end = name.lastIndex(of: "\""), name[end...].hasPrefix("\" 1") else { return }
    enteredFile = String(name[..<end])
  }
}

// MARK: Alignment

/// Gives the tokens of a preprocessed line the columns they have in the source line. What a macro expanded to stands
/// where the macro's name stands.
private func aligned(_ expanded: [Token], with source: [Token], _ macros: Set<String>) -> [Token] {
  var result = expanded
  let matches = commonTokens(expanded, source)
  var next = 0
  for index in expanded.indices {
    if let match = matches[index] {
      result[index].position = source[match].position
      result[index].isSpaced = expanded[index].isSpaced
      next = match + 1
    } else if let macro = source[..<min(next + 1, source.count)].last(where: { macros.contains($0.text) })
      ?? source[..<min(next + 1, source.count)].last
    {
      result[index].position = macro.position
      result[index].isExpanded = true
    }
  }
  return result
}

/// For each expanded token the source token it is, by their longest common subsequence.
private func commonTokens(_ expanded: [Token], _ source: [Token]) -> [Int?] {
  var matches = [Int?](repeating: nil, count: expanded.count)
  var first = 0
  while first < expanded.count, first < source.count, expanded[first].text == source[first].text {
    matches[first] = first
    first += 1
  }
  var end = (expanded.count, source.count)
  while end.0 > first, end.1 > first, expanded[end.0 - 1].text == source[end.1 - 1].text {
    end = (end.0 - 1, end.1 - 1)
    matches[end.0] = end.1
  }
  let rows = end.0 - first
  let columns = end.1 - first
  guard rows > 0, columns > 0, rows * columns < 1 << 20 else { return matches }
  let lengths = commonLengths(expanded[first..<end.0], source[first..<end.1])
  var (row, column) = (0, 0)
  while row < rows, column < columns {
    if expanded[first + row].text == source[first + column].text {
      matches[first + row] = first + column
      (row, column) = (row + 1, column + 1)
    } else if lengths[row + 1][column] >= lengths[row][column + 1] {
      row += 1
    } else {
      column += 1
    }
  }
  return matches
}

/// The lengths of the longest common subsequences of all suffixes.
private func commonLengths(_ a: ArraySlice<Token>, _ b: ArraySlice<Token>) -> [[Int]] {
  var lengths = [[Int]](repeating: [Int](repeating: 0, count: b.count + 1), count: a.count + 1)
  for row in a.indices.reversed() {
    let (here, below) = (row - a.startIndex, row - a.startIndex + 1)
    for column in b.indices.reversed() {
      let place = column - b.startIndex
      let isSame = a[row].text == b[column].text
      lengths[here][place] =
        isSame ? lengths[below][place + 1] + 1 : max(lengths[below][place], lengths[here][place + 1])
    }
  }
  return lengths
}
