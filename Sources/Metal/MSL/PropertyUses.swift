/// Vector components in templates, where the user declares operators.
///
/// Components are properties to clang, and in a template it confuses `v.x += y` and `v.xy * 2` with the operators that
/// it sees outside of classes. There they are written as `v.x = v.x + (y)` and `v.get_xy() * 2`.
struct PropertyUses {
  struct Assignment: Sendable {
    /// What is assigned to.
    var target: Range<Int>
    /// The token that names the components.
    var component: Int
    /// Whether they are several.
    var isVector: Bool
    /// The token `+=`.
    var operation: Int
    /// The token after what is assigned.
    var end: Int
  }

  private let tree: TokenTree
  /// Names that the user gave to something: members that look like components may be these.
  private var declaredNames: Set<String> = []
  private(set) var assignments: [Assignment] = []
  /// The names of components that are read.
  private(set) var reads: Set<Int> = []

  init(_ tree: TokenTree, _ declarations: [Declaration]) {
    self.tree = tree
    let hasOperators = declarations.contains { declaration in
      declaration.kind == .function && declaration.name.map { tree[$0] == CallGraph.operators } == true
    }
    guard hasOperators else { return }
    declaredNames = Set(tree.all.lazy.filter { ![".", "->"].contains(tree[$0 - 1]) }.map { tree[$0] })
    for declaration in declarations where declaration.isTemplate {
      for index in declaration.body ?? 0..<0 where isComponents(index) { add(index, declaration) }
    }
  }

  private func isComponents(_ index: Int) -> Bool {
    let name = tree[index]
    guard tree[index - 1] == ".", tree.isIdentifier(index), (1...4).contains(name.utf8.count) else {
      return false
    }
    return name.allSatisfy { "xyzw".contains($0) } || name.allSatisfy { "rgba".contains($0) }
  }

  private mutating func add(_ index: Int, _ declaration: Declaration) {
    let next = tree[index + 1]
    if compoundAssignments.contains(next) {
      addAssignment(index + 1, declaration)
    } else if !["=", "(", "++", "--"].contains(next), isVector(index) {
      reads.insert(index)
    }
  }

  private func isVector(_ index: Int) -> Bool {
    tree[index].utf8.count > 1 && !declaredNames.contains(tree[index])
  }

  private mutating func addAssignment(_ operation: Int, _ declaration: Declaration) {
    var start = operation - 2
    while start > declaration.tokens.lowerBound, let before = operand(before: start) { start = before }
    // What has effects is not to be done twice.
    let hasEffects = (start..<operation).contains { ["(", "++", "--", "="].contains(tree[$0]) }
    guard start < operation - 2, !hasEffects else { return }
    var end = operation + 1
    while end < declaration.tokens.upperBound, ![";", ",", ")"].contains(tree[end]) { end = tree.after(end) }
    let name = operation - 1
    assignments.append(
      Assignment(
        target: start..<operation, component: name, isVector: isVector(name), operation: operation,
        end: end))
  }

  /// The start of what stands before a `.`, `->` or `[`, if it belongs to the same operand.
  private func operand(before index: Int) -> Int? {
    if tree[index - 1] == "]" { return tree.partner(of: index - 1) }
    if tree.isIdentifier(index - 1), [".", "->", "[", "::"].contains(tree[index]) { return index - 1 }
    if [".", "->", "::"].contains(tree[index - 1]), tree.isIdentifier(index) { return index - 1 }
    return nil
  }
}

private let compoundAssignments: Set<String> = ["+=", "-=", "*=", "/=", "%=", "&=", "|=", "^="]
