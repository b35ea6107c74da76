/// Which functions and types lead to certain words, through everything they name.
///
/// Names stand for all functions and types that have them, so it finds too much rather than too little.
struct CallGraph: Sendable {
  /// What leads to a barrier.
  let synchronising: Set<String>
  /// What leads to threadgroup memory.
  let usingThreadgroup: Set<String>

  /// Operators are called without their name: what they lead to, everything leads to.
  static let operators = "operator"

  /// By the names of function constants: what leads to their values, and what leads to whether they are defined.
  private(set) var usingConstant: [String: Set<String>] = [:]
  private(set) var askingForConstant: [String: Set<String>] = [:]

  init(_ tree: TokenTree, _ declarations: [Declaration], _ constants: FunctionConstants) {
    var users = Self.users(tree, declarations)
    Self.addQuestions(to: &users, tree, declarations, constants)
    for name in constants.names {
      usingConstant[name] = Self.closure(of: [name], users)
      askingForConstant[name] = Self.closure(of: [Self.question(name)], users)
    }
    synchronising = Self.closure(of: ["threadgroup_barrier", "simdgroup_barrier"], users)
    usingThreadgroup = Self.closure(of: [AddressSpace.threadgroup.rawValue], users)
  }

  /// For each word the functions and types in which it stands, as a default of a template's parameters, too.
  private static func users(_ tree: TokenTree, _ declarations: [Declaration]) -> [String: Set<String>] {
    var users: [String: Set<String>] = [:]
    for declaration in declarations where declaration.kind != .instantiation {
      guard let name = declaration.name.map({ tree[$0] }) else { continue }
      for index in declaration.tokens where tree.isIdentifier(index) {
        users[tree[index], default: []].insert(name)
      }
    }
    return users
  }

  private static func question(_ name: String) -> String { "\(FunctionConstants.question)(\(name))" }

  /// Who asks for a constant's definedness, as if the question were a word.
  private static func addQuestions(
    to users: inout [String: Set<String>], _ tree: TokenTree, _ declarations: [Declaration],
    _ constants: FunctionConstants
  ) {
    guard !constants.constants.isEmpty else { return }
    for declaration in declarations where declaration.kind != .instantiation {
      guard let name = declaration.name.map({ tree[$0] }) else { continue }
      for index in declaration.tokens {
        guard let asked = constants.asked(at: index) else { continue }
        users[question(tree[asked]), default: []].insert(name)
      }
    }
  }

  private static func closure(of words: Set<String>, _ users: [String: Set<String>]) -> Set<String> {
    var result = words
    var waiting = Array(words)
    while let word = waiting.popLast() {
      for user in users[word] ?? [] where result.insert(user).inserted { waiting.append(user) }
    }
    return result
  }
}
