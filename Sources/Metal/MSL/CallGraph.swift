/// Which words the code of a function can reach, through everything it names.
///
/// Names stand for all functions and types that have them, so it finds too much rather than too little.
struct CallGraph: Sendable {
  /// The words in the functions and types of each name.
  private var words: [String: Set<String>] = [:]
  /// Operators are called without their name.
  private var wordsOfOperators: Set<String> = []

  init(_ tree: TokenTree, _ declarations: [Declaration]) {
    for declaration in declarations { add(declaration, tree) }
  }

  private mutating func add(_ declaration: Declaration, _ tree: TokenTree) {
    guard let name = declaration.name, declaration.kind != .instantiation else { return }
    let range = declaration.start..<declaration.tokens.upperBound
    let found = Set(range.lazy.filter { tree.isIdentifier($0) }.map { tree[$0] })
    if tree[name] == "operator" {
      wordsOfOperators.formUnion(found)
    } else {
      words[tree[name], default: []].formUnion(found)
    }
  }

  /// All words that `name` and `others` lead to.
  func reachable(from name: String, _ others: [String] = []) -> Set<String> {
    var result = wordsOfOperators
    var waiting = [name] + others + wordsOfOperators
    while let next = waiting.popLast() {
      for word in words[next] ?? [] where result.insert(word).inserted { waiting.append(word) }
    }
    return result
  }
}
