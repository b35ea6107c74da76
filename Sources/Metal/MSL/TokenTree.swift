/// The tokens of a library with their brackets matched and their attribute lists folded into one token each.
struct TokenTree: Sendable {
  let tokens: [Token]
  /// The index of the bracket that matches the one at this index; -1 for others, and for brackets without a match.
  private let partners: [Int]
  /// Names that a `<` after them makes a template's arguments of, whatever stands in between.
  private let templateNames: Set<String>
  /// Whether every bracket has its match, not too deep inside others. Where not, clang has the better words for it.
  let isBalanced: Bool

  init(_ raw: [Token]) {
    tokens = Self.foldAttributes(raw)
    templateNames = Self.declaredTemplates(tokens)
    var partners = [Int](repeating: -1, count: tokens.count)
    isBalanced = Self.match(tokens, into: &partners)
    self.partners = partners
  }

  var all: Range<Int> { 0..<tokens.count }

  subscript(index: Int) -> String {
    tokens.indices.contains(index) && tokens[index].kind != .string ? tokens[index].text : ""
  }

  func isIdentifier(_ index: Int) -> Bool {
    tokens.indices.contains(index) && tokens[index].kind == .identifier
  }

  /// The index after the group that begins at `index`, or after the token there if it begins none.
  func after(_ index: Int) -> Int {
    partners[index] > index ? partners[index] + 1 : index + 1
  }

  /// The index of the bracket that matches the one at `index`.
  func partner(of index: Int) -> Int? { partners[index] >= 0 ? partners[index] : nil }

  /// What stands between the bracket at `index` and its match.
  func inside(_ index: Int) -> Range<Int>? {
    partners[index] > index ? index + 1..<partners[index] : nil
  }

  /// How far a name, a type or the like may reach, in tokens: bounds the work on texts that are no programs.
  static let reach = 512

  /// The index after the `>` that closes the `<` at `index`; nil if it is a comparison.
  func afterAngles(_ index: Int, in range: Range<Int>) -> Int? {
    let isCertain = isTemplateName(self[index - 1])
    var depth = 0
    var position = index
    while position < min(range.upperBound, index + Self.reach) {
      switch self[position] {
      case "<":
        depth += 1
        if depth > 32 { return nil }
      case ">":
        depth -= 1
        if depth == 0 { return position + 1 }
      case "&&", "||":
        if !isCertain { return nil }
      case ";", "{", "}", ")", "]": return nil
      default: break
      }
      position = after(position)
    }
    return nil
  }

  private func isTemplateName(_ text: String) -> Bool {
    text == "template" || text.hasSuffix("_t") || text.hasSuffix("_v") || text.hasSuffix("_cast")
      || templateNames.contains(text)
  }

  /// Cuts a range at its top-level commas; commas inside template arguments do not count.
  func split(_ range: Range<Int>) -> [Range<Int>] {
    var parts: [Range<Int>] = []
    var start = range.lowerBound
    var position = start
    while position < range.upperBound {
      if self[position] == "," {
        parts.append(start..<position)
        start = position + 1
      }
      position = (self[position] == "<" ? afterAngles(position, in: range) : nil) ?? after(position)
    }
    if start < range.upperBound || !parts.isEmpty { parts.append(start..<range.upperBound) }
    return parts
  }

  /// The indices of a range that lie outside of all brackets and of template arguments.
  func topLevel(_ range: Range<Int>) -> [Int] {
    var result: [Int] = []
    var position = range.lowerBound
    while position < range.upperBound {
      result.append(position)
      position = (self[position] == "<" ? afterAngles(position, in: range) : nil) ?? after(position)
    }
    return result
  }

  /// The names in `template <...> struct Name` and `template <...> using Name`, and the library's.
  private static func declaredTemplates(_ tokens: [Token]) -> Set<String> {
    var names: Set<String> = [
      "enable_if", "conditional", "bool_constant", "integral_constant", "vec", "array",
    ]
    for index in tokens.indices.dropFirst().dropLast() where tokens[index - 1].text == ">" {
      if ["struct", "class", "union", "using"].contains(tokens[index].text) {
        names.insert(tokens[index + 1].text)
      }
    }
    return names
  }

  private static func match(_ tokens: [Token], into partners: inout [Int]) -> Bool {
    var open: [Int] = []
    for (index, token) in tokens.enumerated() where token.kind == .punctuation {
      switch token.text {
      case "(", "[", "{":
        open.append(index)
        if open.count > depthLimit { return false }
      case ")", "]", "}":
        guard let start = open.popLast(), closers[tokens[start].text] == token.text else { return false }
        partners[start] = index
        partners[index] = start
      default: break
      }
    }
    return open.isEmpty
  }

  /// Of nested brackets; clang's own.
  private static let depthLimit = 256
  private static let closers = ["(": ")", "[": "]", "{": "}"]
}

extension TokenTree {
  private static func foldAttributes(_ raw: [Token]) -> [Token] {
    var result: [Token] = []
    result.reserveCapacity(raw.count)
    var index = 0
    while index < raw.count {
      guard let end = endOfAttributes(raw, index) else {
        result.append(raw[index])
        index += 1
        continue
      }
      var token = Token(kind: .attributes, text: "", position: raw[index].position)
      token.attributes = attributes(Array(raw[index + 2..<end - 2]))
      result.append(token)
      index = end
    }
    return result
  }

  /// The index after the `]]` that closes the `[[` at `start`.
  private static func endOfAttributes(_ raw: [Token], _ start: Int) -> Int? {
    guard raw[start].text == "[", start + 1 < raw.count, raw[start + 1].text == "[" else { return nil }
    var depth = 0
    for index in start..<min(raw.count, start + reach) where raw[index].kind == .punctuation {
      if raw[index].text == "[" { depth += 1 }
      if raw[index].text == "]" { depth -= 1 }
      if depth == 0 { return raw[index - 1].text == "]" && index - start >= 3 ? index + 1 : nil }
    }
    return nil
  }

  private static func attributes(_ tokens: [Token]) -> [Attribute] {
    let tree = TokenTree(unfolded: tokens)
    return tree.split(tree.all).compactMap { part in
      guard var next = part.first else { return nil }
      var name = tokens[next].text
      let position = tokens[next].position
      next += 1
      if next + 1 < part.upperBound, tokens[next].text == "::" {
        name += "::" + tokens[next + 1].text
        next += 2
      }
      let hasArguments = next < part.upperBound && tokens[next].text == "("
      let arguments = hasArguments ? tree.inside(next).map { Array(tokens[$0]) } ?? [] : []
      return Attribute(name: name, position: position, arguments: arguments)
    }
  }

  private init(unfolded: [Token]) {
    tokens = unfolded
    templateNames = []
    var partners = [Int](repeating: -1, count: unfolded.count)
    isBalanced = Self.match(unfolded, into: &partners)
    self.partners = partners
  }
}
