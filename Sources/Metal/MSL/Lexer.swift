/// Cuts a text into tokens.
///
/// `positions` tells where the tokens of a line stand in the user's text; without it they stand where they are.
struct Lexer {
  private let bytes: [UInt8]
  private var offset = 0
  private var line: Int
  private var lineStart = 0
  private var isAtLineStart = true
  private var isSpaced = false
  private(set) var tokens: [Token] = []

  private init(_ bytes: [UInt8], firstLine: Int) {
    self.bytes = bytes
    line = firstLine
  }

  static func tokens(of bytes: [UInt8], firstLine: Int = 1) -> [Token] {
    var lexer = Lexer(bytes, firstLine: firstLine)
    while lexer.offset < bytes.count { lexer.step() }
    return lexer.tokens
  }

  private func peek(_ distance: Int = 0) -> UInt8 {
    offset + distance < bytes.count ? bytes[offset + distance] : 0
  }

  private mutating func step() {
    switch peek() {
    case UInt8(ascii: "\n"):
      endLine()
      isAtLineStart = true
    case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"), 0x0B, 0x0C:
      offset += 1
      isSpaced = true
    case UInt8(ascii: "\\") where spliceLength > 0:
      offset += spliceLength - 1
      endLine()
    case UInt8(ascii: "/") where peek(1) == UInt8(ascii: "/"): skipLineComment()
    case UInt8(ascii: "/") where peek(1) == UInt8(ascii: "*"): skipBlockComment()
    case UInt8(ascii: "#") where isAtLineStart: append(.directive, length: directiveLength())
    default: appendToken()
    }
  }

  private mutating func endLine() {
    offset += 1
    line += 1
    lineStart = offset
    isSpaced = true
  }

  /// The length of a backslash with the end of line after it, else 0.
  private var spliceLength: Int {
    if peek(1) == UInt8(ascii: "\n") { return 2 }
    return peek(1) == UInt8(ascii: "\r") && peek(2) == UInt8(ascii: "\n") ? 3 : 0
  }

  private mutating func skipLineComment() {
    while offset < bytes.count, peek() != UInt8(ascii: "\n") {
      if peek() == UInt8(ascii: "\\"), spliceLength > 0 {
        offset += spliceLength - 1
        endLine()
      } else {
        offset += 1
      }
    }
    isSpaced = true
  }

  private mutating func skipBlockComment() {
    offset += 2
    while offset < bytes.count, !(peek() == UInt8(ascii: "*") && peek(1) == UInt8(ascii: "/")) {
      if peek() == UInt8(ascii: "\n") { endLine() } else { offset += 1 }
    }
    offset = min(offset + 2, bytes.count)
    isSpaced = true
  }

  private mutating func append(_ kind: Token.Kind, length: Int) {
    let end = min(offset + max(length, 1), bytes.count)
    let text = String(decoding: bytes[offset..<end], as: UTF8.self)
    let position = SourcePosition(line: line, column: offset - lineStart + 1)
    tokens.append(Token(kind: kind, text: text, position: position, isSpaced: isSpaced))
    for index in offset..<end where bytes[index] == UInt8(ascii: "\n") {
      line += 1
      lineStart = index + 1
    }
    offset = end
    isSpaced = false
    isAtLineStart = false
  }

  private mutating func appendToken() {
    let byte = peek()
    if byte.startsIdentifier {
      let length = run(from: 0, while: \.continuesIdentifier)
      let isPrefix = peek(length) == UInt8(ascii: "\"") && stringPrefixes.contains(text(length))
      append(isPrefix ? .string : .identifier, length: isPrefix ? stringLength(from: length) : length)
    } else if byte.isDigit || (byte == UInt8(ascii: ".") && peek(1).isDigit) {
      append(.number, length: numberLength())
    } else if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") {
      append(.string, length: stringLength(from: 0))
    } else {
      append(.punctuation, length: punctuationLength())
    }
  }

  private func text(_ length: Int) -> String {
    String(decoding: bytes[offset..<min(offset + length, bytes.count)], as: UTF8.self)
  }

  private func run(from start: Int, while condition: (UInt8) -> Bool) -> Int {
    var length = start
    while condition(peek(length)) { length += 1 }
    return length
  }

  /// A directive goes to the end of its line; lines joined by a backslash belong to it.
  private func directiveLength() -> Int {
    var length = 0
    while offset + length < bytes.count {
      let byte = peek(length)
      if byte == UInt8(ascii: "\n"), peek(length - 1) != UInt8(ascii: "\\") { break }
      length += 1
    }
    return length
  }

  /// A preprocessing number: `1.5e-3f`, `0x1p4`, `1'000u`.
  private func numberLength() -> Int {
    var length = 1
    while true {
      let byte = peek(length)
      let follows = byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-")
      if follows, peek(length - 1).isExponentMark(hexadecimal: isHexadecimal) {
        length += 1
      } else if byte.continuesIdentifier || byte == UInt8(ascii: ".")
        || (byte == UInt8(ascii: "'") && peek(length + 1).continuesIdentifier)
      {
        length += 1
      } else {
        return length
      }
    }
  }

  private var isHexadecimal: Bool { peek() == UInt8(ascii: "0") && peek(1) | 0x20 == UInt8(ascii: "x") }

  private func stringLength(from start: Int) -> Int {
    let quote = peek(start)
    var length = start + 1
    while offset + length < bytes.count, peek(length) != quote, peek(length) != UInt8(ascii: "\n") {
      length += peek(length) == UInt8(ascii: "\\") ? 2 : 1
    }
    return peek(length) == quote ? length + 1 : length
  }

  private func punctuationLength() -> Int {
    let next = (peek(), peek(1), peek(2))
    if longPunctuation.contains(where: { $0 == next }) { return 3 }
    return shortPunctuation.contains(where: { $0 == (next.0, next.1) }) ? 2 : 1
  }
}

private let stringPrefixes: Set<String> = ["L", "u", "U", "u8"]

// `>>` is left as two tokens, since it closes two template argument lists more often than it shifts.
private let longPunctuation = ["<<=", "...", "->*", "<=>"].map { Array($0.utf8) }.map {
  ($0[0], $0[1], $0[2])
}
private let shortPunctuation = [
  "::", "->", "<<", "++", "--", "&&", "||", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<=", ">=", "==",
  "!=",
  ".*", "##",
].map { Array($0.utf8) }.map { ($0[0], $0[1]) }

extension UInt8 {
  fileprivate var isDigit: Bool { self &- 0x30 < 10 }
  fileprivate var startsIdentifier: Bool {
    (self | 0x20) &- 0x61 < 26 || self == UInt8(ascii: "_") || self == UInt8(ascii: "$") || self >= 0x80
  }
  fileprivate var continuesIdentifier: Bool { startsIdentifier || isDigit }
  fileprivate func isExponentMark(hexadecimal: Bool) -> Bool {
    self | 0x20 == UInt8(ascii: hexadecimal ? "p" : "e")
  }
}
