/// Finds the function constants of a library: `constant int n [[function_constant(0)]];`.
struct FunctionConstants {
  static let attribute = "function_constant"
  static let question = "is_function_constant_defined"

  struct Constant: Sendable {
    /// With its namespaces, as the host knows it.
    var name: String
    /// The token that names it.
    var token: Int
    var typeText: String
    var type: MTLDataType
    var index: Int
    var declaration: Declaration
    var isComplete: Bool
  }

  private let tree: TokenTree
  private let aliases: [Declaration]
  private let integers: NamedIntegers
  private(set) var constants: [Constant] = []
  private(set) var errors: [Diagnostic] = []
  /// Names that the condition of an argument may have: those of constants, and of what may be made of them.
  private var conditions: Set<String> = []

  init(_ tree: TokenTree, _ declarations: [Declaration]) {
    self.tree = tree
    aliases = declarations.filter { $0.kind == .alias }
    integers = NamedIntegers(declarations, tree)
    guard tree.tokens.contains(where: Self.mentions) else { return }
    for declaration in declarations where declaration.kind == .variable {
      if let name = declaration.name { conditions.insert(tree[name]) }
      if attribute(of: declaration) != nil { add(declaration) }
    }
    reportDuplicates()
    checkPlaces(declarations)
    for index in tree.all where tree[index] == Self.question { checkQuestion(index) }
    for function in declarations where function.kind == .function { checkConditions(function) }
  }

  private static func mentions(_ token: Token) -> Bool {
    token.text == question || token.attributes.contains { $0.name == attribute }
  }

  /// The last parts of their names.
  var names: Set<String> { Set(constants.map { tree[$0.token] }) }

  private mutating func report(_ message: String, _ position: SourcePosition) {
    errors.append(.error(message, at: position))
  }

  // MARK: Declarations

  private func attribute(of declaration: Declaration) -> Attribute? {
    tree.topLevel(declaration.tokens).flatMap { tree.tokens[$0].attributes }
      .first { $0.name == Self.attribute }
  }

  private mutating func add(_ declaration: Declaration) {
    guard let name = declaration.name, let attribute = attribute(of: declaration),
      isPlain(declaration, name)
    else { return }
    let index = index(attribute) ?? -1
    let text = typeTokens(declaration, name).map { tree[$0] }.joined(separator: " ")
    guard !declaration.isTemplate, let type = type(text, depth: 0) else {
      return report(
        "invalid type '\(text)' for a function constant: it must be a scalar or a vector",
        tree.tokens[name].position)
    }
    let scope = declaration.namespaces.filter { !$0.isEmpty } + [tree[name]]
    constants.append(
      Constant(
        name: scope.joined(separator: "::"), token: name, typeText: text, type: type, index: index,
        declaration: declaration, isComplete: tree[declaration.tokens.upperBound - 1] == ";"))
  }

  private mutating func index(_ attribute: Attribute) -> Int? {
    guard let value = integers.value(attribute.arguments) else {
      report("'\(Self.attribute)' attribute requires an integer constant", attribute.position)
      return nil
    }
    guard !MSLFunctionConstant.indices.contains(value) else { return value }
    report(
      "'\(Self.attribute)' attribute parameter is out of bounds: must be between 0 and "
        + "\(MSLFunctionConstant.indices.upperBound - 1)",
      attribute.arguments.first?.position ?? attribute.position)
    return nil
  }

  /// Whether it declares this one name and leaves the value to the host.
  private mutating func isPlain(_ declaration: Declaration, _ name: Int) -> Bool {
    let next = tree.topLevel(name + 1..<declaration.tokens.upperBound)
      .first { tree.tokens[$0].kind != .attributes }
    switch next.map({ tree[$0] }) {
    // Without a semicolon clang tells best what is missing.
    case ";", nil: return true
    case "=", "{", "(":
      report("function constant '\(tree[name])' cannot have an initializer", tree.tokens[name].position)
    case ",":
      report(
        "function constants are declared one by one: give '\(tree[name])' a declaration of its own",
        tree.tokens[name].position)
    default:
      report(
        "invalid type for function constant '\(tree[name])': it must be a scalar or a vector",
        tree.tokens[name].position)
    }
    return false
  }

  private func typeTokens(_ declaration: Declaration, _ name: Int) -> [Int] {
    (declaration.start..<name).filter {
      tree.tokens[$0].kind != .attributes && !Self.specifiers.contains(tree[$0])
    }
  }

  static let specifiers: Set<String> = ["constant", "const", "constexpr", "static", "extern", "inline"]

  private mutating func reportDuplicates() {
    var first: [Int: Constant] = [:]
    for constant in constants {
      if constant.index >= 0, let other = first[constant.index] {
        report(
          "function constant '\(constant.name)' has index \(constant.index), as '\(other.name)' has",
          tree.tokens[constant.token].position)
      }
      first[constant.index] = constant
    }
  }

  // MARK: Types

  /// What a type is called in reflection; the check of the library makes sure that clang agrees.
  private func type(_ text: String, depth: Int) -> MTLDataType? {
    var words = text.split(separator: " ").map(String.init)
    while words.first == "metal" || words.first == "::" { words.removeFirst() }
    let name = Self.written[words.joined(separator: " ")] ?? words.joined(separator: " ")
    if let type = MTLDataType(constantTypeName: name) { return type }
    if words.count == 6, words[0] == "vec", words[1] == "<", words[3] == ",", words[5] == ">",
      ["2", "3", "4"].contains(words[4])
    {
      return MTLDataType(constantTypeName: (Self.written[words[2]] ?? words[2]) + words[4])
    }
    guard depth < 16, let last = words.last, !words.contains("<") else { return nil }
    return meaning(of: last).flatMap { type($0, depth: depth + 1) }
  }

  /// What `typedef uint Count;` or `using Count = uint;` stands for.
  private func meaning(of name: String) -> String? {
    guard let alias = aliases.last(where: { $0.name.map { tree[$0] } == name && !$0.isTemplate }) else {
      return nil
    }
    let end = alias.tokens.upperBound - 1
    let equals = tree.topLevel(alias.tokens).first { tree[$0] == "=" }
    let range = equals.map { $0 + 1..<end } ?? alias.start + 1..<end
    let words = range.filter {
      $0 != alias.name && tree.tokens[$0].kind != .attributes && tree[$0] != "const"
    }
    return words.map { tree[$0] }.joined(separator: " ")
  }

  /// Other ways to write the names of scalar types.
  private static let written = [
    "unsigned": "uint", "unsigned int": "uint", "signed": "int", "signed int": "int",
    "unsigned char": "uchar", "signed char": "char", "unsigned short": "ushort", "signed short": "short",
    "unsigned long": "ulong", "signed long": "long", "int8_t": "char", "uint8_t": "uchar", "int16_t": "short",
    "uint16_t": "ushort", "int32_t": "int", "uint32_t": "uint", "int64_t": "long", "uint64_t": "ulong",
    "size_t": "ulong", "ptrdiff_t": "long",
  ]

  // MARK: Uses

  /// The attribute means something at program scope and at functions' parameters; clang would pass over it elsewhere.
  private mutating func checkPlaces(_ declarations: [Declaration]) {
    var places: Set<Int> = []
    for declaration in declarations {
      if declaration.kind == .variable { places.formUnion(tree.topLevel(declaration.tokens)) }
      if let parameters = declaration.parameters { places.formUnion(parameters) }
    }
    for index in tree.all where !places.contains(index) {
      for attribute in tree.tokens[index].attributes where attribute.name == Self.attribute {
        report(
          "'\(Self.attribute)' attribute only applies to program scope variables and parameters of functions",
          attribute.position)
      }
    }
  }

  /// `is_function_constant_defined(a::b)`: the token `b`.
  func asked(at index: Int) -> Int? {
    guard tree[index] == Self.question, tree[index + 1] == "(", let inside = tree.inside(index + 1),
      let last = inside.last, tree[index - 1] != "::",
      inside.allSatisfy({ tree.isIdentifier($0) || tree[$0] == "::" })
    else { return nil }
    return names.contains(tree[last]) ? last : nil
  }

  private mutating func checkQuestion(_ index: Int) {
    guard asked(at: index) == nil, tree[index - 1] != "::" else { return }
    let inside = tree.inside(index + 1).map { $0.map { tree[$0] }.joined() } ?? ""
    report(
      "'\(Self.question)' wants the name of a function constant, not '\(inside)'", tree.tokens[index].position
    )
  }

  /// `[[buffer(1), function_constant(has_bias)]]`: the name must be one of a program scope constant.
  private mutating func checkConditions(_ function: Declaration) {
    for attribute in (function.parameters ?? 0..<0).flatMap({ tree.tokens[$0].attributes })
    where attribute.name == Self.attribute
      && Self.condition(attribute).map({ conditions.contains($0.last) }) != true
    {
      let text = attribute.arguments.map(\.text).joined()
      report(
        "'\(Self.attribute)' attribute of a parameter wants the name of a function constant, not '\(text)'",
        attribute.position)
    }
  }

  /// The condition that the attribute of a parameter names, in C++, and the last part of the name.
  static func condition(_ attribute: Attribute) -> (text: String, last: String)? {
    guard let last = attribute.arguments.last, last.kind == .identifier,
      attribute.arguments.allSatisfy({ $0.kind == .identifier || $0.text == "::" })
    else { return nil }
    return (attribute.arguments.map(\.text).joined(separator: " "), last.text)
  }
}

extension FunctionConstants {
  /// Those that lead to a kernel, by index.
  func used(by kernel: Kernel, _ graph: CallGraph) -> [MSLFunctionConstant] {
    let names = kernel.names(tree)
    return constants.compactMap { constant in
      let word = tree[constant.token]
      guard graph.usingConstant[word].map({ !$0.isDisjoint(with: names) }) == true else { return nil }
      let isAsked = graph.askingForConstant[word].map { !$0.isDisjoint(with: names) } == true
      return MSLFunctionConstant(
        name: constant.name, type: constant.type, index: constant.index, isRequired: !isAsked)
    }.sorted { $0.index < $1.index }
  }
}
