/// Function templates that only their address spaces tell apart where they are called, which the erased form has not.
///
/// What differs in nothing else is one declaration twice: the `Rewriter` sees to that. Here are those of which the erased
/// form would choose another one than Metal: `f(constant T *)` and `f(device T *)` for a `device const float *`.
struct SpaceOverloads {
  private struct Candidate {
    let parameters: [Parameter]
    /// The words that stand for template arguments, and others.
    let words: Set<String>
  }

  private let tree: TokenTree
  private(set) var errors: [Diagnostic] = []

  init(_ tree: TokenTree, _ declarations: [Declaration]) {
    self.tree = tree
    var candidates: [String: [Candidate]] = [:]
    for declaration in declarations where declaration.kind == .function && declaration.isTemplate {
      guard let candidate = candidate(declaration), let name = declaration.name else { continue }
      let key = "\(declaration.namespaces) \(tree[name]) \(candidate.parameters.count)"
      if candidates[key, default: []].contains(where: { isAmbiguous($0, candidate) }) {
        report(name)
      }
      candidates[key, default: []].append(candidate)
    }
  }

  private func candidate(_ declaration: Declaration) -> Candidate? {
    guard declaration.body != nil, let range = declaration.parameters else { return nil }
    let header = declaration.tokens.lowerBound..<declaration.start
    return Candidate(
      parameters: Parameter.parameters(range, tree),
      words: Set(header.filter { tree.isIdentifier($0) }.map { tree[$0] }))
  }

  /// Whether one call could be for both, to the same kind of memory or another.
  private func isAmbiguous(_ one: Candidate, _ other: Candidate) -> Bool {
    let pairs = zip(one.parameters, other.parameters)
    let differ = pairs.contains { $0.isIndirect && $1.isIndirect && $0.spaces != $1.spaces }
    let isSame = pairs.allSatisfy { $0.erasedType == $1.erasedType }
    let fit = pairs.allSatisfy {
      $0.erasedType == $1.erasedType || isOpen($0, one.words) || isOpen($1, other.words)
    }
    return differ && fit && !isSame
  }

  /// Whether its type is for template arguments to say.
  private func isOpen(_ parameter: Parameter, _ words: Set<String>) -> Bool {
    parameter.tokens.contains {
      $0 != parameter.name && words.contains(tree[$0]) && !Self.fixed.contains(tree[$0])
    }
  }

  private static let fixed: Set<String> = [
    "template", "typename", "class", "int", "uint", "bool", "short", "ushort", "long", "ulong", "const",
  ]

  private mutating func report(_ name: Int) {
    errors.append(
      .error(
        "'\(tree[name])' is told from an earlier template by address spaces only, for some arguments: the software Metal"
          + " does not support that yet", at: tree.tokens[name].position))
  }
}
