/// The integers that a library gives names to, so that `[[buffer(kInput)]]` can be understood.
struct NamedIntegers: Sendable {
  private var expressions: [String: [Token]] = [:]
  /// Enumerators without a value: one more than another.
  private var successors: [String: String] = [:]

  init(_ declarations: [Declaration], _ tree: TokenTree) {
    for declaration in declarations {
      switch declaration.kind {
      case .variable: addVariable(declaration, tree)
      case .type: addEnumerators(declaration, tree)
      default: break
      }
    }
  }

  /// The value of an integer constant expression; nil if it is none that is understood.
  func value(_ tokens: [Token]) -> Int? {
    var parser = ExpressionParser(tokens: tokens, names: self, depth: 0)
    return parser.parse()
  }

  fileprivate func value(named name: String, depth: Int) -> Int? {
    guard depth < 32 else { return nil }
    if let previous = successors[name] {
      return value(named: previous, depth: depth + 1).map { $0 &+ 1 }
    }
    guard let expression = expressions[name] else { return nil }
    var parser = ExpressionParser(tokens: expression, names: self, depth: depth + 1)
    return parser.parse()
  }

  mutating func define(_ name: String, _ expression: [Token]) {
    successors[name] = nil
    expressions[name] = expression
  }

  private mutating func addVariable(_ declaration: Declaration, _ tree: TokenTree) {
    let end = declaration.tokens.upperBound - 1
    guard let name = declaration.name, tree[name + 1] == "=", name + 2 < end else { return }
    expressions[tree[name]] = Array(tree.tokens[name + 2..<end])
  }

  private mutating func addEnumerators(_ declaration: Declaration, _ tree: TokenTree) {
    guard tree[declaration.start] == "enum", let body = declaration.body else { return }
    var previous: String?
    for part in tree.split(body) where !part.isEmpty {
      let name = tree[part.lowerBound]
      if let equals = part.first(where: { tree[$0] == "=" }) {
        expressions[name] = Array(tree.tokens[equals + 1..<part.upperBound])
      } else if let previous {
        successors[name] = previous
      } else {
        expressions[name] = [Token(kind: .number, text: "0", position: tree.tokens[part.lowerBound].position)]
      }
      previous = name
    }
  }
}

/// Integers, names, parentheses and the binary operators, with C's precedences.
private struct ExpressionParser {
  let tokens: [Token]
  let names: NamedIntegers
  let depth: Int
  private var position = 0

  init(tokens: [Token], names: NamedIntegers, depth: Int) {
    self.tokens = tokens
    self.names = names
    self.depth = depth
  }

  mutating func parse() -> Int? {
    guard tokens.count < 256, let value = binary(0), position == tokens.count else { return nil }
    return value
  }

  private var text: String { position < tokens.count ? tokens[position].text : "" }

  private mutating func binary(_ lowest: Int) -> Int? {
    guard var left = unary() else { return nil }
    while let (name, precedence, length) = operation(), precedence >= lowest {
      position += length
      guard let right = binary(precedence + 1), let value = apply(name, left, right) else { return nil }
      left = value
    }
    return left
  }

  /// The operator here; `>>` is two tokens.
  private func operation() -> (String, Int, Int)? {
    let isShift = text == ">" && position + 1 < tokens.count && tokens[position + 1].text == ">"
    let name = isShift ? ">>" : text
    guard let precedence = precedences[name] else { return nil }
    return (name, precedence, isShift ? 2 : 1)
  }

  private mutating func unary() -> Int? {
    guard position < tokens.count else { return nil }
    let token = tokens[position]
    position += 1
    switch (token.kind, token.text) {
    case (_, "-"): return unary().map { 0 &- $0 }
    case (_, "+"): return unary()
    case (_, "~"): return unary().map { ~$0 }
    case (_, "("):
      guard let value = binary(0), text == ")" else { return nil }
      position += 1
      return value
    case (.number, _): return integer(token.text)
    case (.identifier, _): return named(token.text)
    default: return nil
    }
  }

  private mutating func named(_ first: String) -> Int? {
    var name = first
    while text == "::", position + 1 < tokens.count {
      name = tokens[position + 1].text
      position += 2
    }
    return names.value(named: name, depth: depth)
  }

  private func integer(_ text: String) -> Int? {
    var digits = text.lowercased().replacing("'", with: "")
    while let last = digits.last, last == "u" || last == "l" { digits.removeLast() }
    if digits.hasPrefix("0x") { return Int(digits.dropFirst(2), radix: 16) }
    if digits.hasPrefix("0b") { return Int(digits.dropFirst(2), radix: 2) }
    return digits.hasPrefix("0") ? Int(digits, radix: 8) : Int(digits)
  }

  private func apply(_ name: String, _ a: Int, _ b: Int) -> Int? {
    switch name {
    case "+": a &+ b
    case "-": a &- b
    case "*": a &* b
    case "/": b == 0 ? nil : a.dividedReportingOverflow(by: b).partialValue
    case "%": b == 0 ? nil : a.remainderReportingOverflow(dividingBy: b).partialValue
    case "<<": a << b
    case ">>": a >> b
    case "&": a & b
    case "^": a ^ b
    default: a | b
    }
  }
}

private let precedences = [
  "|": 1, "^": 2, "&": 3, "<<": 4, ">>": 4, "+": 5, "-": 5, "*": 6, "/": 6, "%": 6,
]
