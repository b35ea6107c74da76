/// A declaration at namespace scope, or a member of a class.
struct Declaration: Sendable {
  enum Kind: Sendable {
    case function, type, variable, alias
    /// `template void f<float>(...);`
    case instantiation
    /// `using namespace`, `static_assert`, a stray semicolon.
    case other
  }
  var kind: Kind
  var tokens: Range<Int>
  /// The namespaces around it, from the outermost; an unnamed one is "".
  var namespaces: [String]
  /// The first token after `template <...>`.
  var start: Int
  /// The token that names it.
  var name: Int?
  /// Of a function: what stands between the parentheses.
  var parameters: Range<Int>?
  /// Of a function, class or enumeration: what stands between the braces.
  var body: Range<Int>?

  var isTemplate: Bool { start > tokens.lowerBound && kind != .instantiation }
  /// What stands before the parameters, the body or the end.
  var head: Range<Int> {
    let end = parameters?.lowerBound ?? body?.lowerBound ?? tokens.upperBound
    return start..<max(end, start)
  }
}

/// Cuts a scope into its declarations.
struct DeclarationParser {
  private let tree: TokenTree
  private var declarations: [Declaration] = []

  private init(_ tree: TokenTree) { self.tree = tree }

  static func declarations(of tree: TokenTree) -> [Declaration] {
    var parser = DeclarationParser(tree)
    parser.parse(tree.all, [])
    return parser.declarations
  }

  /// The members of a class.
  static func members(of declaration: Declaration, _ tree: TokenTree) -> [Declaration] {
    guard declaration.kind == .type, let body = declaration.body else { return [] }
    var parser = DeclarationParser(tree)
    parser.parse(body, declaration.namespaces)
    return parser.declarations
  }

  private mutating func parse(_ range: Range<Int>, _ namespaces: [String]) {
    var position = range.lowerBound
    while position < range.upperBound {
      if tree.tokens[position].kind == .directive || tree[position] == "}" {
        position += 1
      } else if let end = labelEnd(position, range) {
        position = end
      } else if let (name, brace) = namespaceHead(position, range), let inside = tree.inside(brace) {
        parse(inside, namespaces + name)
        position = tree.after(brace)
      } else {
        let end = declarationEnd(position, range)
        declarations.append(declaration(position..<end, namespaces))
        position = end
      }
    }
  }

  /// `public:` and the like.
  private func labelEnd(_ position: Int, _ range: Range<Int>) -> Int? {
    let isLabel = ["public", "private", "protected"].contains(tree[position]) && tree[position + 1] == ":"
    return isLabel ? position + 2 : nil
  }

  /// The names and the brace of `namespace a::b {` or `extern "C" {`.
  private func namespaceHead(_ start: Int, _ range: Range<Int>) -> ([String], Int)? {
    var position = tree[start] == "inline" ? start + 1 : start
    if tree[position] == "extern", position + 2 < range.upperBound, tree.tokens[position + 1].kind == .string
    {
      return tree[position + 2] == "{" ? ([], position + 2) : nil
    }
    guard tree[position] == "namespace" else { return nil }
    var names: [String] = []
    position += 1
    while position < range.upperBound, tree[position] != "{" {
      if tree[position] == "=" || tree[position] == ";" { return nil }
      if tree.isIdentifier(position) { names.append(tree[position]) }
      position += 1
    }
    return position < range.upperBound ? (names.isEmpty ? [""] : names, position) : nil
  }

  /// A declaration ends at its semicolon, or at the brace that closes a function's body.
  private func declarationEnd(_ start: Int, _ range: Range<Int>) -> Int {
    var position = start
    while position < range.upperBound {
      if tree[position] == ";" { return position + 1 }
      if tree[position] == "{", isFunctionBody(at: position, from: start) { return tree.after(position) }
      position = tree.after(position)
    }
    return range.upperBound
  }

  /// Whether the brace opens the body of a function rather than a class or an initialiser.
  private func isFunctionBody(at brace: Int, from start: Int) -> Bool {
    guard brace - start < 8 * TokenTree.reach else { return false }
    let head = afterTemplateHeaders(start, start..<brace)..<brace
    guard let parameters = parameterList(head) else { return false }
    let top = tree.topLevel(head)
    if top.contains(where: { $0 < parameters && tree[$0] == "=" }) { return false }
    // In `S(int a) : x{a} {`, the first brace is an initialiser.
    let isInitialised = top.contains { $0 > parameters && tree[$0] == ":" }
    let previous = tree[brace - 1]
    return !isInitialised || previous == ")" || previous == "}"
  }

  private func afterTemplateHeaders(_ start: Int, _ range: Range<Int>) -> Int {
    var position = start
    while tree[position] == "template", tree[position + 1] == "<" {
      guard let end = tree.afterAngles(position + 1, in: range) else { break }
      position = end
    }
    return position
  }

  /// The index of the parenthesis that opens a function's parameters.
  private func parameterList(_ head: Range<Int>) -> Int? {
    let top = tree.topLevel(head)
    for (order, index) in top.enumerated() where tree[index] == "(" && order > 0 {
      let previous = top[order - 1]
      if top[..<order].contains(where: { tree[$0] == "operator" }) {
        // `operator()(...)`: the first pair belongs to the name.
        if tree[previous] == "operator" { continue }
        return index
      }
      let isName = tree.isIdentifier(previous) && !notNames.contains(tree[previous])
      let isTemplateName = tree[index - 1] == ">"
      if isName || isTemplateName { return isPointerDeclarator(index) ? nil : index }
    }
    return nil
  }

  /// `void (*f)(int)` and `float (&x)[4]` declare no function.
  private func isPointerDeclarator(_ parenthesis: Int) -> Bool {
    guard ["*", "&"].contains(tree[parenthesis + 1]), let inside = tree.inside(parenthesis) else {
      return false
    }
    return ["(", "["].contains(tree[tree.after(parenthesis)]) && !inside.contains { tree[$0] == "," }
  }

  private func declaration(_ range: Range<Int>, _ namespaces: [String]) -> Declaration {
    let isInstantiation = tree[range.lowerBound] == "template" && tree[range.lowerBound + 1] != "<"
    let start = isInstantiation ? range.lowerBound + 1 : afterTemplateHeaders(range.lowerBound, range)
    var result = Declaration(kind: .other, tokens: range, namespaces: namespaces, start: start)
    let rest = start..<range.upperBound
    let keyword = firstWord(rest)
    if isInstantiation {
      result.kind = .instantiation
      if let parenthesis = parameterList(rest) {
        result.parameters = tree.inside(parenthesis)
        result.name = lastIdentifier(tree.topLevel(start..<parenthesis + 1))
      }
    } else if keyword == "using" || keyword == "typedef" {
      result.kind = .alias
      result.name = keyword == "using" ? nameOfUsing(rest) : lastIdentifier(tree.topLevel(rest))
    } else if let parenthesis = parameterList(start..<headEnd(rest)), keyword != "static_assert" {
      describeFunction(&result, parenthesis, rest)
    } else if typeKeywords.contains(keyword),
      let brace = tree.topLevel(rest).first(where: { tree[$0] == "{" })
    {
      describeType(&result, brace, rest)
    } else if !["static_assert", "friend", "namespace"].contains(keyword), range.count > 1 {
      describeVariable(&result, rest)
    }
    return result
  }

  /// The first token that is no attribute or specifier.
  private func firstWord(_ range: Range<Int>) -> String {
    range.lazy.map { tree[$0] }.first { !$0.isEmpty && !leadingSpecifiers.contains($0) } ?? ""
  }

  /// Where the initialiser begins, if there is one.
  private func headEnd(_ range: Range<Int>) -> Int {
    let top = tree.topLevel(range)
    let equals = top.firstIndex { tree[$0] == "=" && tree[$0 - 1] != "operator" }
    return equals.map { top[$0] } ?? range.upperBound
  }

  private func describeFunction(_ result: inout Declaration, _ parenthesis: Int, _ range: Range<Int>) {
    result.kind = .function
    result.parameters = tree.inside(parenthesis)
    let top = tree.topLevel(range.lowerBound..<parenthesis + 1)
    result.name = top.firstIndex { tree[$0] == "operator" }.map { top[$0] } ?? lastIdentifier(top)
    let last = range.upperBound - 1
    if tree[last] == "}", let brace = tree.partner(of: last) { result.body = brace + 1..<last }
  }

  private func describeType(_ result: inout Declaration, _ brace: Int, _ range: Range<Int>) {
    result.kind = .type
    result.body = tree.inside(brace)
    let head = tree.topLevel(range.lowerBound..<brace)
    let colon = head.firstIndex { tree[$0] == ":" } ?? head.endIndex
    result.name = lastIdentifier(Array(head[..<colon]), except: typeKeywords)
  }

  private func describeVariable(_ result: inout Declaration, _ range: Range<Int>) {
    let top = tree.topLevel(range)
    let keyword = firstWord(range)
    let end = top.first { ["=", "[", "{", ";", ",", ":"].contains(tree[$0]) } ?? range.upperBound
    let words = top.filter { $0 < end && tree.isIdentifier($0) }
    // `struct S;` declares a type, `struct S s;` a variable.
    if typeKeywords.contains(keyword), words.count <= 2 { return }
    guard words.count >= 2 else { return }
    result.kind = .variable
    result.name = words.last
  }

  private func nameOfUsing(_ range: Range<Int>) -> Int? {
    let top = tree.topLevel(range)
    guard let equals = top.firstIndex(where: { tree[$0] == "=" }) else { return nil }
    return lastIdentifier(Array(top[..<equals]))
  }

  private func lastIdentifier(_ indices: [Int], except: Set<String> = []) -> Int? {
    indices.last { tree.isIdentifier($0) && !except.contains(tree[$0]) && tree[$0] != "final" }
  }
}

private let typeKeywords: Set<String> = ["struct", "class", "union", "enum"]
private let leadingSpecifiers: Set<String> = [
  "static", "inline", "constexpr", "extern", "const", "constant", "device", "thread", "threadgroup", "kernel",
]
/// Words before a parenthesis that are no function's name.
private let notNames: Set<String> = [
  "alignas", "decltype", "noexcept", "__attribute__", "explicit", "requires", "sizeof", "__declspec",
]
