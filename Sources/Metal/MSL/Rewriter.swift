/// Writes MSL as C++, in two forms.
struct Rewriter {
  enum Form: Sendable {
    /// For the check of a library: address spaces are types, so that clang finds misuse of them.
    case checked
    /// For code: address spaces are erased.
    case erased
  }

  private enum Change {
    case remove
    case replace(checked: String, erased: String)
  }

  private let tree: TokenTree
  private var changes: [Int: Change] = [:]
  /// Not in the code: its like is there already, or takes its place.
  private var onlyChecked: Set<Int> = []
  /// Tokens that need `static` before them.
  private var needsStatic: Set<Int> = []
  private(set) var errors: [Diagnostic] = []

  init(_ tree: TokenTree, _ declarations: [Declaration], _ constants: FunctionConstants) {
    self.tree = tree
    changeWords()
    change(constants)
    for declaration in declarations { change(declaration) }
    changeComponents(PropertyUses(tree, declarations))
    removeRepetitions(declarations, isMember: false)
  }

  /// The text of the library in a form, without some of its tokens.
  func text(_ form: Form, without left: Set<Int> = []) -> GeneratedText {
    var result = GeneratedText()
    for (index, token) in tree.tokens.enumerated() where token.kind != .attributes {
      if left.contains(index) || (form == .erased && onlyChecked.contains(index)) { continue }
      let isKernel = needsStatic.contains(index)
      if isKernel { result.append("static", from: token.position) }
      if token.kind == .directive {
        result.appendLine(Pragma.translated(token.text), from: token.position)
      } else {
        result.append(
          text(index, form), from: token.position, isSpaced: token.isSpaced || isKernel,
          isVerbatim: changes[index] == nil && !token.isExpanded)
      }
    }
    return result
  }

  /// The text of a part of it.
  func text(_ range: Range<Int>, _ form: Form) -> String {
    let words = range.lazy.filter { tree.tokens[$0].kind != .attributes }.map { text($0, form) }
    return words.filter { !$0.isEmpty }.joined(separator: " ")
  }

  private func text(_ index: Int, _ form: Form) -> String {
    switch changes[index] {
    case nil: tree.tokens[index].text
    case .remove: ""
    case .replace(let checked, let erased): form == .checked ? checked : erased
    }
  }

  // MARK: Words

  private mutating func changeWords() {
    for index in tree.all {
      let token = tree.tokens[index]
      if case .remove = changes[index] { continue }
      if token.kind == .number, let literal = Self.literal(token.text) {
        changes[index] = .replace(checked: literal, erased: literal)
      } else if token.text == "coherent", tree[index + 1] == "(", let inside = tree.inside(index + 1) {
        for position in index...inside.upperBound { changes[position] = .remove }
      } else if token.text == "kernel", !tree.isBalanced {
        changes[index] = .remove
      } else if token.kind == .identifier, let space = AddressSpace(rawValue: token.text) {
        changes[index] = change(of: space, index)
      }
    }
  }

  private mutating func change(of space: AddressSpace, _ index: Int) -> Change {
    switch space {
    case .device: return .replace(checked: "__attribute__((opencl_global_device))", erased: "")
    case .constant: return .replace(checked: "const __attribute__((opencl_global_host))", erased: "const")
    case .thread: return .remove
    case .threadgroup:
      guard let variable = ThreadgroupVariable(at: index, tree, tree.all) else {
        return .replace(checked: "__attribute__((opencl_local))", erased: "")
      }
      for position in variable.initialiser { changes[position] = .remove }
      return .replace(checked: "static __attribute__((opencl_local))", erased: "static __thread")
    }
  }

  /// A floating-point literal in C++: without a suffix it is a float; `h` and `bf` become literal operators.
  private static func literal(_ text: String) -> String? {
    let lower = text.lowercased()
    let isHexadecimal = lower.hasPrefix("0x")
    if isHexadecimal, !lower.contains("p") { return nil }
    if lower.hasSuffix("bf") { return text.dropLast(2) + "_bf" }
    if lower.hasSuffix("h") { return text.dropLast() + "_h" }
    let isFloating = lower.contains(".") || lower.contains("p") || (!isHexadecimal && lower.contains("e"))
    return isFloating && lower.last != "f" && lower.last != "l" ? text + "f" : nil
  }

  // MARK: Declarations

  private mutating func change(_ declaration: Declaration) {
    if KernelFinder.isKernel(declaration, tree) { changeKernel(declaration) }
    switch declaration.kind {
    case .function:
      removeMethodQualifiers(declaration)
      changeArrayParameters(declaration)
    case .type where tree[declaration.start] != "enum":
      let members = DeclarationParser.members(of: declaration, tree)
      for member in members { change(member) }
      removeRepetitions(members, isMember: true)
    default: break
    }
  }

  /// A kernel is a static function; its instantiations are checked, and made by the entry stubs.
  private mutating func changeKernel(_ declaration: Declaration) {
    for index in declaration.head where tree[index] == "kernel" { changes[index] = .remove }
    if declaration.kind == .instantiation {
      onlyChecked.formUnion(declaration.tokens)
    } else if !declaration.head.contains(where: { tree[$0] == "static" }) {
      needsStatic.insert(declaration.head.first { tree.tokens[$0].kind != .attributes } ?? declaration.start)
    }
  }

  /// `float sum() const device {`: C++ has no such functions, so that `this` fits all address spaces.
  private mutating func removeMethodQualifiers(_ declaration: Declaration) {
    guard let parameters = declaration.parameters else { return }
    var index = parameters.upperBound + 1
    while index < declaration.tokens.upperBound, !["{", ";", ":", "=", "->"].contains(tree[index]) {
      if tree.tokens[index].isAddressSpace { changes[index] = .remove }
      index += 1
    }
  }

  /// `constant int strides[2]` is a pointer, but clang wants it written as one where it has an address space.
  private mutating func changeArrayParameters(_ declaration: Declaration) {
    for parameter in declaration.parameters.map({ Parameter.parameters($0, tree) }) ?? [] {
      guard let name = parameter.name, tree[name + 1] == "[", let inside = tree.inside(name + 1) else {
        continue
      }
      guard parameter.spaces.contains(where: { $0 != .thread }) else { continue }
      changes[name] = .replace(checked: "(*\(tree[name]))", erased: tree[name])
      for index in name + 1...inside.upperBound {
        changes[index] = .replace(checked: "", erased: text(index, .erased))
      }
    }
  }

  private mutating func changeComponents(_ uses: PropertyUses) {
    for index in uses.reads {
      changes[index] = .replace(checked: "get_\(tree[index])()", erased: "get_\(tree[index])()")
    }
    // From the right: what is assigned may be an assignment.
    for assignment in uses.assignments.reversed() {
      let (checked, erased) = (spelledOut(assignment, .checked), spelledOut(assignment, .erased))
      changes[assignment.operation] = .replace(checked: checked, erased: erased)
      let end = (text(assignment.end, .checked), text(assignment.end, .erased))
      changes[assignment.end] = .replace(checked: ")" + end.0, erased: ")" + end.1)
    }
  }

  /// `= v.x + (` for the `+=` of `v.x += y`.
  private func spelledOut(_ assignment: PropertyUses.Assignment, _ form: Form) -> String {
    let operation = tree[assignment.operation].dropLast()
    let owner = text(assignment.target.lowerBound..<assignment.component, form)
    let component = tree[assignment.component]
    let value = assignment.isVector ? "get_\(component)()" : component
    return "= \(owner) \(value) \(operation) ("
  }

  // MARK: Function constants

  /// The check knows no values of them, so that they are no constant expressions there, as in Metal.
  private mutating func change(_ constants: FunctionConstants) {
    for constant in constants.constants {
      let (name, index) = (tree[constant.token], constant.index)
      for position in constant.declaration.start..<constant.token
      where FunctionConstants.specifiers.contains(tree[position]) {
        changes[position] = .remove
        guard tree[position] == "constant" else { continue }
        changes[position] = .replace(
          checked: "extern const __attribute__((opencl_global_host))", erased: "MTL_CONSTANT")
      }
      // Without its semicolon it is nothing but an error.
      guard constant.isComplete else { continue }
      changes[constant.declaration.tokens.upperBound - 1] = .replace(
        checked: "; extern const bool \(Self.definedness)\(name);",
        erased: " MTL_CONSTANT_VALUE(\(index), \(constant.typeText)); MTL_CONSTANT bool "
          + "\(Self.definedness)\(name) MTL_CONSTANT_IS_DEFINED(\(index));")
    }
    for index in tree.all {
      guard let name = constants.asked(at: index) else { continue }
      changes[index] = .remove
      changes[name] = .replace(
        checked: Self.definedness + tree[name], erased: Self.definedness + tree[name])
    }
  }

  /// Before the name of a function constant, the name of what tells whether it is defined.
  private static let definedness = "mtl_is_defined_"

  // MARK: Repetitions

  /// Declarations that differ in nothing but address spaces are one in the erased form.
  private mutating func removeRepetitions(_ declarations: [Declaration], isMember: Bool) {
    errors += SpaceOverloads(tree, declarations).errors
    var seen: [String: String] = [:]
    for declaration in declarations where declaration.body != nil {
      guard let signature = signature(declaration) else { continue }
      let content = erased(Array(declaration.tokens))
      guard let first = seen[signature] else {
        seen[signature] = content
        continue
      }
      if first == content {
        remove(declaration, everywhere: isMember)
      } else if isOverloadedOnSpaces(declaration, isMember) {
        let name = declaration.name.map { tree[$0] } ?? ""
        let position = tree.tokens[declaration.name ?? declaration.start].position
        let message =
          "'\(name)' differs from an earlier declaration only in address spaces, but does something else: "
          + "the software Metal does not support that yet"
        errors.append(.error(message, at: position))
      }
    }
  }

  private mutating func remove(_ declaration: Declaration, everywhere: Bool) {
    if everywhere {
      for index in declaration.tokens { changes[index] = .remove }
    } else {
      onlyChecked.formUnion(declaration.tokens)
    }
    needsStatic.subtract(declaration.tokens)
  }

  /// Where it does not, a repeated signature is an error that clang finds.
  private func isOverloadedOnSpaces(_ declaration: Declaration, _ isMember: Bool) -> Bool {
    let end = declaration.body?.lowerBound ?? declaration.tokens.upperBound
    return (declaration.tokens.lowerBound..<end).contains { tree.tokens[$0].isAddressSpace }
  }

  /// What declarations of the same thing have in common after erasure.
  private func signature(_ declaration: Declaration) -> String? {
    guard declaration.kind == .function || declaration.kind == .type, let name = declaration.name else {
      return nil
    }
    let scope = declaration.namespaces.joined(separator: "::")
    let template = declaration.tokens.lowerBound..<declaration.start
    let head = erased(Array(template) + Array(declaration.head))
    guard let range = declaration.parameters else { return "\(scope) \(head)" }
    let parameters = Parameter.parameters(range, tree).map(\.erasedType).joined(separator: ", ")
    return "\(scope) \(head) \(parameters) \(isConst(declaration))"
  }

  private func erased(_ indices: [Int]) -> String {
    indices.map { text($0, .erased) }.filter { !$0.isEmpty }.joined(separator: " ")
  }

  private func isConst(_ declaration: Declaration) -> Bool {
    guard let parameters = declaration.parameters, let body = declaration.body else { return false }
    return (parameters.upperBound..<body.lowerBound).contains { tree[$0] == "const" }
  }
}

/// Metal's own pragmas in clang's words; the others pass.
enum Pragma {
  static func translated(_ line: String) -> String {
    let words = line.replacing("(", with: " ").replacing(")", with: " ").split(separator: " ")
    guard words.count >= 5, words[1] == "METAL", words[2] == "fp" else { return line }
    switch (words[3], words[4]) {
    case ("contract", let mode): return "#pragma clang fp contract(\(mode))"
    case ("math_mode", "safe"): return "#pragma clang fp contract(off) reassociate(off) reciprocal(off)"
    case ("math_mode", "relaxed"), ("math_mode", "fast"):
      return "#pragma clang fp contract(fast) reassociate(on) reciprocal(on)"
    default: return line
    }
  }
}
