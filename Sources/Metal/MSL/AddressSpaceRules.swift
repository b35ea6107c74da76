/// Every pointer and reference type must say which address space it points to.
struct AddressSpaceRules {
  private let tree: TokenTree
  /// Names of types that have an address space in them.
  private let aliases: Set<String>
  private(set) var errors: [Diagnostic] = []

  init(_ tree: TokenTree, _ declarations: [Declaration]) {
    self.tree = tree
    aliases = Self.aliases(declarations, tree)
    for declaration in declarations { check(declaration) }
    checkTypesInExpressions()
  }

  private static func aliases(_ declarations: [Declaration], _ tree: TokenTree) -> Set<String> {
    let spaced = declarations.filter { declaration in
      declaration.kind == .alias && declaration.tokens.contains { tree.tokens[$0].isAddressSpace }
    }
    return Set(spaced.compactMap { $0.name.map { tree[$0] } })
  }

  private mutating func check(_ declaration: Declaration) {
    switch declaration.kind {
    case .function:
      checkType(declaration.start..<(declaration.name ?? declaration.start))
      for parameter in declaration.parameters.map(tree.split) ?? [] { checkType(parameter) }
      if let body = declaration.body { checkBlock(body) }
    case .variable, .alias: checkType(declaration.start..<declaration.tokens.upperBound)
    case .type where tree[declaration.start] != "enum":
      for member in DeclarationParser.members(of: declaration, tree) { check(member) }
    default: break
    }
  }

  /// Checks the operators of a type, or of a declaration up to its initialiser.
  private mutating func checkType(_ range: Range<Int>) {
    var isSpaced = false
    var isExempt = false
    for index in tree.topLevel(range) {
      let text = tree[index]
      switch text {
      case "=" where tree[range.lowerBound] == "using":
        (isSpaced, isExempt) = (false, false)
      case "=", "{", ":": return
      case "*", "&", "&&":
        if !isSpaced, !isExempt { report(index) }
        // A pointer that is itself pointed to lies in `thread` memory unless it says otherwise.
        isExempt = true
      case "(": checkDeclarator(index, isSpaced || isExempt)
      default:
        if tree.tokens[index].isAddressSpace { isSpaced = true }
        if text == "auto" || text == "decltype" || aliases.contains(text) { isExempt = true }
      }
    }
  }

  /// `float (&rows)[4]` refers to an array; `void (*f)(int)` is a function, which has no address space.
  private mutating func checkDeclarator(_ parenthesis: Int, _ isSpaced: Bool) {
    guard let inside = tree.inside(parenthesis), ["*", "&"].contains(tree[parenthesis + 1]) else { return }
    if tree[inside.upperBound + 1] == "[", !isSpaced { report(parenthesis + 1) }
  }

  private mutating func report(_ index: Int) {
    let kind = tree[index] == "*" ? "pointer" : "reference"
    errors.append(
      .error("\(kind) type must have explicit address space qualifier", at: tree.tokens[index].position))
  }
}

extension AddressSpaceRules {
  /// Finds the declarations among the statements of a block and of the blocks in it.
  private mutating func checkBlock(_ range: Range<Int>) {
    var position = range.lowerBound
    var isStart = true
    while position < range.upperBound {
      if isStart { checkStatement(position, range) }
      if tree[position] == "{", let inside = tree.inside(position) { checkBlock(inside) }
      if tree[position] == "(", let inside = tree.inside(position) { checkParentheses(position, inside) }
      isStart = endsStatement(position)
      position = tree.after(position)
    }
  }

  /// Whether a statement may begin after the token, or group, at `index`.
  private func endsStatement(_ index: Int) -> Bool {
    if [";", "{", "}", "else", "do"].contains(tree[index]) || tree.tokens[index].kind == .directive {
      return true
    }
    return tree[index] == "(" && controlWords.contains(tree[index - 1])
  }

  private mutating func checkParentheses(_ parenthesis: Int, _ inside: Range<Int>) {
    switch tree[parenthesis - 1] {
    case "for": checkStatement(inside.lowerBound, inside)
    case "if", "while", "switch":
      if let end = operatorsEnd(inside.lowerBound, inside), tree[end + 1] == "=" {
        checkType(inside.lowerBound..<end)
      }
    case "]":
      for parameter in tree.split(inside) { checkType(parameter) }
    default: break
    }
    checkLambdas(inside)
  }

  private mutating func checkLambdas(_ range: Range<Int>) {
    for index in range where tree[index] == "{" && (tree[index - 1] == ")" || tree[index - 1] == "]") {
      if let inside = tree.inside(index) { checkBlock(inside) }
    }
  }

  private mutating func checkStatement(_ start: Int, _ range: Range<Int>) {
    if tree[start] == "using" || tree[start] == "typedef" {
      let end = (start..<range.upperBound).first { tree[$0] == ";" } ?? range.upperBound
      return checkType(start..<end)
    }
    guard let end = operatorsEnd(start, range) else { return }
    if ["=", ";", ",", "[", "{", ":", ")"].contains(tree[end + 1]) || end + 1 == range.upperBound {
      checkType(start..<end)
    }
  }

  /// The index of the name in `const float *name`; nil if there is no type with operators and a name here.
  private func operatorsEnd(_ start: Int, _ range: Range<Int>) -> Int? {
    var position = start
    var hasType = false
    var hasOperator = false
    while position < range.upperBound {
      let text = tree[position]
      if text == "<", hasType, let end = tree.afterAngles(position, in: range) {
        position = end
        continue
      }
      if ["*", "&", "&&"].contains(text) {
        guard hasType else { return nil }
        hasOperator = true
      } else if tree.isIdentifier(position), !statementWords.contains(text) {
        let isQualifier = tree.tokens[position].isAddressSpace || qualifiers.contains(text)
        if hasOperator, !isQualifier { return position }
        let continuesName = tree[position - 1] == "::"
        if hasType, !isQualifier, !continuesName, !multiwordTypes.contains(tree[position - 1]) { return nil }
        hasType = hasType || !isQualifier
      } else if text != "::" {
        return nil
      }
      position += 1
    }
    return nil
  }
}

extension AddressSpaceRules {
  /// Casts `(float *)`, `sizeof(float *)` and template arguments `<float *>`: nothing but a type ends in a star.
  private mutating func checkTypesInExpressions() {
    for index in tree.all {
      if tree[index] == "(", let inside = tree.inside(index) {
        checkIfType(inside)
      } else if tree[index] == "<", let end = tree.afterAngles(index, in: tree.all) {
        for part in tree.split(index + 1..<end - 1) { checkIfType(part) }
      }
    }
  }

  private mutating func checkIfType(_ range: Range<Int>) {
    guard let last = range.last(where: { !qualifiers.contains(tree[$0]) && !tree.tokens[$0].isAddressSpace })
    else {
      return
    }
    // A parameter list of a declaration is checked there, name or not.
    guard ["*", "&", "&&"].contains(tree[last]), tree.split(range).count == 1, last > range.lowerBound else {
      return
    }
    let isPlain = tree.topLevel(range).allSatisfy {
      tree.isIdentifier($0) || ["::", "<", "*", "&", "&&"].contains(tree[$0])
    }
    if isPlain { checkType(range) }
  }
}

private let controlWords: Set<String> = ["for", "if", "while", "switch"]
private let qualifiers: Set<String> = [
  "const", "volatile", "constexpr", "static", "typename", "struct", "restrict", "__restrict", "coherent",
]
private let multiwordTypes: Set<String> = ["unsigned", "signed", "long", "short", "const"]
private let statementWords: Set<String> = [
  "return", "delete", "throw", "goto", "case", "else", "do", "new", "sizeof", "using", "typedef", "operator",
]
