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
  private var functions: Set<Substring> = []
  /// Instantiations in which a template parameter took an address space that the user's text does not name.
  private var spacedInstantiations: Set<Substring> = []
  /// A conversion whose operand comes next.
  private var pending: (depth: Int, conversion: Conversion)?

  private struct Node {
    var depth: Int
    var kind: Substring
    var address: Substring
    /// Of a call: the function it calls.
    var callee: Substring = ""
  }

  private struct Conversion {
    var target: String
    var parent: Substring
    var isLvalue: Bool
    var position: SourcePosition
  }

  /// Where the last location of the dump was; the next one may leave out what is the same.
  private struct Place {
    var isUser = true
    var line = 0
    var column = 0
  }

  init(dump: String, locate: @escaping (Int, Int) -> SourcePosition?) {
    self.locate = locate
    for line in dump.split(separator: "\n") { read(line) }
  }

  private mutating func read(_ line: Substring) {
    guard let start = line.firstIndex(where: \.isLetter) else { return }
    let depth = line.utf8.distance(from: line.startIndex, to: start)
    let text = line[start...]
    let kind = text.prefix { $0 != " " }
    while let last = path.last, last.depth >= depth { path.removeLast() }
    let address = text.dropFirst(kind.count + 1).prefix { $0 != " " }
    let begin = readPlaces(text, kind)
    if let (parentDepth, conversion) = pending, depth > parentDepth {
      report(conversion, from: quoted(text))
      pending = nil
    }
    note(text, kind, address, depth, begin)
    path.append(Node(depth: depth, kind: kind, address: address))
  }

  private mutating func note(
    _ text: Substring, _ kind: Substring, _ address: Substring, _ depth: Int, _ begin: Place
  ) {
    if kind == "FunctionDecl" {
      functions.insert(address)
    } else if kind == "TemplateArgument", let function = path.last, function.kind == "FunctionDecl",
      isSpaced(quoted(text))
    {
      spacedInstantiations.insert(function.address)
    } else if kind == "DeclRefExpr" {
      noteReference(text, begin)
    } else if text.contains("<AddressSpaceConversion>"), let conversion = conversion(text, kind, begin) {
      pending = (depth, conversion)
    }
  }

  /// `DeclRefExpr ... Function 0x55 'f' ...`: what the innermost call around it calls.
  private mutating func noteReference(_ text: Substring, _ begin: Place) {
    guard let found = text.firstRange(of: " Function 0x") else { return }
    let address = text[text.index(found.upperBound, offsetBy: -2)...].prefix { $0 != " " }
    if let call = path.lastIndex(where: { $0.kind == "CallExpr" || $0.kind == "CXXOperatorCallExpr" }),
      path[call].callee.isEmpty
    {
      path[call].callee = address
    }
    if spacedInstantiations.contains(address), let position = source(begin) {
      let name = text[found.upperBound...].split(separator: "'").dropFirst().first ?? ""
      errors.append(.error("no matching function for call to '\(name)'", at: position))
    }
  }

  private func conversion(_ text: Substring, _ kind: Substring, _ begin: Place) -> Conversion? {
    guard let parent = path.last, let position = source(begin) else { return nil }
    let target = quoted(text)
    let isLvalue = text.contains("' lvalue <")
    let isCall = parent.kind == "CallExpr" || parent.kind == "CXXOperatorCallExpr"
    if isCall, !functions.contains(parent.callee) { return nil }
    if isLvalue {
      guard isCall || parent.kind == "VarDecl" || parent.kind == "ReturnStmt" else { return nil }
    } else {
      guard target.hasSuffix("*"), parent.kind != "MemberExpr" else { return nil }
    }
    let isCast = kind.hasSuffix("CastExpr") && kind != "ImplicitCastExpr"
    return Conversion(
      target: target, parent: isCast ? kind : parent.kind, isLvalue: isLvalue, position: position)
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

  /// The first type in quotes.
  private func quoted(_ text: Substring) -> String {
    text.split(separator: "'", maxSplits: 2, omittingEmptySubsequences: false).dropFirst().first.map(
      String.init) ?? ""
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
  private mutating func readPlaces(_ text: Substring, _ kind: Substring) -> Place {
    guard nodeSuffixes.contains(where: kind.hasSuffix), let open = text.firstRange(of: " <") else {
      return place
    }
    var close = open.upperBound
    while close < text.endIndex, !isEnd(text, close) { close = text.index(after: close) }
    var begin: Place?
    for location in text[open.upperBound..<close].split(separator: ",") {
      readPlace(location.drop { $0 == " " })
      begin = begin ?? place
    }
    if kind.hasSuffix("Decl"), close < text.endIndex {
      readPlace(text[close...].dropFirst(2).prefix { $0 != " " })
    }
    return begin ?? place
  }

  /// Whether the `>` here ends the locations; that of `<stdin>:3:5` does not.
  private func isEnd(_ text: Substring, _ index: Substring.Index) -> Bool {
    guard text[index] == ">" else { return false }
    let next = text.index(after: index)
    return next == text.endIndex || text[next] == " "
  }

  /// `col:5`, `line:3:5` or `file:3:5`.
  private mutating func readPlace(_ text: Substring) {
    let parts = text.split(separator: ":")
    if parts.count == 2, parts[0] == "col", let column = Int(parts[1]) {
      place.column = column
    } else if parts.count == 3, let line = Int(parts[1]), let column = Int(parts[2]) {
      if parts[0] != "line" { place.isUser = parts[0] == ClangMessages.inputName }
      (place.line, place.column) = (line, column)
    }
  }
}

/// The kinds of nodes that have locations.
private let nodeSuffixes = ["Decl", "Expr", "Stmt", "Operator", "Literal"]
