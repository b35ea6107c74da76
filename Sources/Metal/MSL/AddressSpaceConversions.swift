/// Finds conversions to the `thread` address space in clang's dump of the syntax tree.
///
/// To clang that address space is the default one, to which all others convert unasked, as `this` and copies need; a
/// pointer or reference that the user wrote must not.
struct AddressSpaceConversions {
  private let locate: (Int, Int) -> SourcePosition?
  private(set) var errors: [Diagnostic] = []

  /// The nodes around the one being read, from the outermost.
  private var path: [Node] = []
  private var place = Place()
  /// Functions that the user's text declares.
  private var functions: Set<Bytes> = []
  /// Instantiations in which a template parameter took an address space that the user's text does not name.
  private var spacedInstantiations: Set<Bytes> = []
  /// A conversion whose operand comes next.
  private var pending: (depth: Int, conversion: Conversion)?

  private struct Node {
    var depth: Int
    var kind: Bytes
    var address: Bytes
    /// Of a call: the function it calls.
    var callee: Bytes = []

    var isCall: Bool { kind == callExpression || kind == operatorCall }
  }

  private struct Conversion {
    var target: String
    var parent: String
    var isLvalue: Bool
    var position: SourcePosition
  }

  /// Where the last location of the dump was; the next one may leave out what is the same.
  private struct Place {
    var isUser = true
    var line = 0
    var column = 0
  }

  init(dump: [UInt8], locate: @escaping (Int, Int) -> SourcePosition?) {
    self.locate = locate
    for line in dump.split(separator: UInt8(ascii: "\n")) { read(line) }
  }

  private mutating func read(_ line: Bytes) {
    guard let start = line.firstIndex(where: { ($0 | 0x20) &- 0x61 < 26 }) else { return }
    let depth = start - line.startIndex
    let text = line[start...]
    let kind = text.word
    while let last = path.last, last.depth >= depth { path.removeLast() }
    let address = text.dropFirst(kind.count + 1).word
    let begin = readPlaces(text, kind)
    if let (parentDepth, conversion) = pending, depth > parentDepth {
      report(conversion, from: quoted(text))
      pending = nil
    }
    note(text, kind, address, depth, begin)
    path.append(Node(depth: depth, kind: kind, address: address))
  }

  private mutating func note(_ text: Bytes, _ kind: Bytes, _ address: Bytes, _ depth: Int, _ begin: Place) {
    if kind == function {
      functions.insert(address)
    } else if kind == templateArgument, let last = path.last, last.kind == function, isSpaced(quoted(text)) {
      spacedInstantiations.insert(last.address)
    } else if kind == reference {
      noteReference(text, begin)
    } else if text.place(of: conversionMark) != nil, let conversion = conversion(text, kind, begin) {
      pending = (depth, conversion)
    }
  }

  /// `DeclRefExpr ... Function 0x55 'f' ...`: what the innermost call around it calls.
  private mutating func noteReference(_ text: Bytes, _ begin: Place) {
    guard let found = text.place(of: functionMark) else { return }
    let rest = text[(found + functionMark.count - 2)...]
    let address = rest.word
    if let call = path.lastIndex(where: \.isCall), path[call].callee.isEmpty { path[call].callee = address }
    if spacedInstantiations.contains(address), let position = source(begin) {
      errors.append(.error("no matching function for call to '\(quoted(rest))'", at: position))
    }
  }

  private func conversion(_ text: Bytes, _ kind: Bytes, _ begin: Place) -> Conversion? {
    guard let parent = path.last, let position = source(begin) else { return nil }
    if parent.isCall, !functions.contains(parent.callee) { return nil }
    let target = quoted(text)
    let parentKind = String(decoding: parent.kind, as: UTF8.self)
    let isLvalue = text.place(of: lvalueMark) != nil
    if isLvalue {
      guard parent.isCall || parentKind == "VarDecl" || parentKind == "ReturnStmt" else { return nil }
    } else {
      guard target.hasSuffix("*"), parentKind != "MemberExpr" else { return nil }
    }
    let name = String(decoding: kind, as: UTF8.self)
    let isCast = name.hasSuffix("CastExpr") && name != "ImplicitCastExpr"
    return Conversion(
      target: target, parent: isCast ? name : parentKind, isLvalue: isLvalue, position: position)
  }

  private mutating func report(_ conversion: Conversion, from origin: String) {
    let target = "'thread \(readable(conversion.target))'"
    let origin = "'\(readable(origin))'"
    let message =
      if conversion.isLvalue {
        "binding reference of type \(target) to value of type \(origin) changes address space"
      } else if conversion.parent == "VarDecl" {
        "initializing \(target) with an expression of type \(origin) changes address space of pointer"
      } else if conversion.parent.hasSuffix("CallExpr") {
        "passing \(origin) to parameter of type \(target) changes address space of pointer"
      } else if conversion.parent == "ReturnStmt" {
        "returning \(origin) from a function with result type \(target) changes address space of pointer"
      } else if conversion.parent.hasSuffix("CastExpr") {
        "casting \(origin) to type \(target) changes address space of pointer"
      } else {
        "assigning \(origin) to \(target) changes address space of pointer"
      }
    errors.append(.error(message, at: conversion.position))
  }

  /// The first thing in quotes.
  private func quoted(_ text: Bytes) -> String {
    let quote = UInt8(ascii: "'")
    guard let start = text.firstIndex(of: quote) else { return "" }
    return String(decoding: text[(start + 1)...].prefix { $0 != quote }, as: UTF8.self)
  }

  /// Whether a type that is no pointer lies in an address space.
  private func isSpaced(_ type: String) -> Bool {
    !type.hasSuffix("*") && !type.hasSuffix("&") && (type.contains("__global_") || type.contains("__local"))
  }

  private func source(_ place: Place) -> SourcePosition? {
    place.isUser ? locate(place.line, place.column) : nil
  }
}

// MARK: Locations

extension AddressSpaceConversions {
  /// Reads `<line:3:5, col:9> col:7` and returns where the node begins.
  private mutating func readPlaces(_ text: Bytes, _ kind: Bytes) -> Place {
    guard nodeSuffixes.contains(where: { kind.suffix($0.count) == $0 }), let open = text.place(of: openMark)
    else {
      return place
    }
    var close = open + openMark.count
    while close < text.endIndex, !isEnd(text, close) { close += 1 }
    var begin: Place?
    for location in text[(open + openMark.count)..<close].split(separator: UInt8(ascii: ",")) {
      readPlace(location.drop { $0 == UInt8(ascii: " ") })
      begin = begin ?? place
    }
    if kind.suffix(4) == nodeSuffixes[0] { readPlace(text[close...].dropFirst(2).word) }
    return begin ?? place
  }

  /// Whether the `>` here ends the locations; that of `<stdin>:3:5` does not.
  private func isEnd(_ text: Bytes, _ index: Int) -> Bool {
    guard text[index] == UInt8(ascii: ">") else { return false }
    return index + 1 == text.endIndex || text[index + 1] == UInt8(ascii: " ")
  }

  /// `col:5`, `line:3:5` or `file:3:5`.
  private mutating func readPlace(_ text: Bytes) {
    let parts = text.split(separator: UInt8(ascii: ":"))
    if parts.count == 2, parts[0] == columnWord, let column = parts[1].number {
      place.column = column
    } else if parts.count == 3, let line = parts[1].number, let column = parts[2].number {
      if parts[0] != lineWord { place.isUser = parts[0] == inputName }
      (place.line, place.column) = (line, column)
    }
  }
}

/// Dumps are long: they are read as bytes.
private typealias Bytes = ArraySlice<UInt8>

private func bytes(_ text: String) -> Bytes { Array(text.utf8)[...] }

private let function = bytes("FunctionDecl")
private let callExpression = bytes("CallExpr")
private let operatorCall = bytes("CXXOperatorCallExpr")
private let templateArgument = bytes("TemplateArgument")
private let reference = bytes("DeclRefExpr")
private let conversionMark = bytes("<AddressSpaceConversion>")
private let functionMark = bytes(" Function 0x")
private let lvalueMark = bytes("' lvalue <")
private let openMark = bytes(" <")
private let columnWord = bytes("col")
private let lineWord = bytes("line")
private let inputName = bytes(ClangMessages.inputName)
/// The ends of the kinds of nodes that have locations.
private let nodeSuffixes = ["Decl", "Expr", "Stmt", "Operator", "Literal"].map(bytes)

extension Bytes {
  /// Up to the next space.
  fileprivate var word: Bytes { prefix { $0 != UInt8(ascii: " ") } }

  fileprivate var number: Int? {
    var value = 0
    for byte in self {
      guard byte &- 0x30 < 10, value < 1 << 40 else { return nil }
      value = value * 10 + Int(byte &- 0x30)
    }
    return isEmpty ? nil : value
  }

  /// Where `needle` begins in it.
  fileprivate func place(of needle: Bytes) -> Int? {
    guard count >= needle.count, let first = needle.first else { return nil }
    return withUnsafeBufferPointer { haystack in
      needle.withUnsafeBufferPointer { needle in
        for start in 0...haystack.count - needle.count where haystack[start] == first {
          if (1..<needle.count).allSatisfy({ haystack[start + $0] == needle[$0] }) {
            return startIndex + start
          }
        }
        return nil
      }
    }
  }
}
