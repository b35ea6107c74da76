/// What C++ has and Metal has not, and where Metal wants its variables.
struct LanguageRules {
  private let tree: TokenTree
  private(set) var errors: [Diagnostic] = []

  init(_ tree: TokenTree, _ declarations: [Declaration]) {
    self.tree = tree
    checkWords()
    for declaration in declarations { check(declaration) }
    checkCallsOfKernels(declarations)
  }

  private mutating func report(_ message: String, _ index: Int) {
    errors.append(.error(message, at: tree.tokens[index].position))
  }

  // MARK: Words

  private mutating func checkWords() {
    for index in tree.all where tree.tokens[index].kind == .identifier {
      switch tree[index] {
      case "double":
        report(
          tree[index - 1] == "long" ? "'long double' is not supported in Metal" : notSupported(index), index)
      case "long" where tree[index + 1] == "long": report("'long long' is not supported in Metal", index)
      case "virtual": report("virtual functions are not supported in Metal", index)
      case "goto", "thread_local", "new", "typeid", "dynamic_cast": report(notSupported(index), index)
      case "delete" where tree[index - 1] != "=": report(notSupported(index), index)
      case "try" where tree[index + 1] == "{": report("cannot use 'try' with exceptions disabled", index)
      case "throw": report("cannot use 'throw' with exceptions disabled", index)
      case "asm", "__asm", "__asm__": report("inline assembly is not supported in Metal", index)
      case "requires", "concept", "consteval", "constinit", "char8_t", "co_await", "co_yield", "co_return":
        report("'\(tree[index])' is not supported in Metal, which is C++14", index)
      case "__float128", "__int128", "_Complex", "_BitInt": report(notSupported(index), index)
      case "vertex", "fragment": checkStage(index)
      default: break
      }
    }
    for index in tree.all where tree.tokens[index].kind == .number { checkNumber(index) }
    for attribute in tree.tokens.flatMap(\.attributes) where stages.contains(attribute.name) {
      errors.append(.error(Self.noStage(attribute.name), at: attribute.position))
    }
  }

  /// `1LL` and `1.0L` are of types that Metal has not.
  private mutating func checkNumber(_ index: Int) {
    let text = tree[index].lowercased()
    if text.hasSuffix("ll") || text.hasSuffix("llu") {
      report("'long long' is not supported in Metal", index)
    } else if text.hasSuffix("l"), !text.hasPrefix("0x"), text.contains(where: { $0 == "." || $0 == "e" }) {
      report("'long double' is not supported in Metal", index)
    }
  }

  private func notSupported(_ index: Int) -> String { "'\(tree[index])' is not supported in Metal" }

  /// `vertex float4 main(...)`: only where the word begins a function.
  private mutating func checkStage(_ index: Int) {
    let begins = ["", ";", "}", ">"].contains(tree[index - 1])
    if begins, tree.isIdentifier(index + 1) { report(Self.noStage(tree[index]), index) }
  }

  private static func noStage(_ name: String) -> String {
    "'\(name)' functions are not supported: the software Metal has the compute part only"
  }

  // MARK: Variables

  private mutating func check(_ declaration: Declaration) {
    checkForAuto(declaration)
    switch declaration.kind {
    case .variable: checkProgramScope(declaration)
    case .function: checkBody(declaration)
    case .type where tree[declaration.start] != "enum":
      for member in DeclarationParser.members(of: declaration, tree) { checkMember(member) }
    default: break
    }
  }

  private mutating func checkProgramScope(_ declaration: Declaration) {
    guard let name = declaration.name else { return }
    let attributes = tree.tokens[declaration.tokens].flatMap(\.attributes).map(\.name)
    if attributes.contains(where: { Builtin(rawValue: $0) != nil || $0 == "buffer" }) {
      return report("program scope built-ins and buffers are not supported by the software Metal yet", name)
    }
    if !declaration.head.contains(where: { tree[$0] == "constant" }) {
      report("program scope variable must reside in constant address space", name)
    }
  }

  private mutating func checkMember(_ member: Declaration) {
    if member.kind == .variable, let name = member.name,
      member.head.contains(where: { tree[$0] == "static" }),
      !member.head.contains(where: { tree[$0] == "constant" })
    {
      report("static data member must reside in constant address space", name)
    } else if member.kind != .variable {
      check(member)
    }
  }

  /// In C++14 only lambdas have parameters of such a type.
  private mutating func checkForAuto(_ declaration: Declaration) {
    for index in declaration.tokens.lowerBound..<declaration.start where tree[index] == "auto" {
      report("'auto' not allowed in template parameter until C++17", index)
    }
    for index in declaration.parameters ?? 0..<0 where tree[index] == "auto" {
      report("'auto' not allowed in function prototype", index)
    }
  }

  private mutating func checkBody(_ function: Declaration) {
    guard let body = function.body else { return }
    let isKernel = KernelFinder.isKernel(function, tree)
    for index in body {
      if tree[index] == "static", !isFollowedByConstant(index, body) {
        report("static local variable must reside in constant address space", index)
      } else if tree[index] == "threadgroup", let variable = ThreadgroupVariable(at: index, tree, body) {
        if !isKernel {
          report(
            "non-kernel function variable cannot be declared in threadgroup address space", variable.name)
        }
      }
    }
  }

  private func isFollowedByConstant(_ index: Int, _ body: Range<Int>) -> Bool {
    let near = index + 1..<min(body.upperBound, index + 64)
    let end = near.first { ["=", ";", "{", "("].contains(tree[$0]) } ?? near.upperBound
    return (index..<end).contains { tree[$0] == "constant" }
  }

  // MARK: Kernels

  /// Only the host calls kernels.
  private mutating func checkCallsOfKernels(_ declarations: [Declaration]) {
    let functions = declarations.filter { $0.kind == .function }
    let kernels = names(of: functions.filter { KernelFinder.isKernel($0, tree) })
    let others = names(of: functions.filter { !KernelFinder.isKernel($0, tree) })
    for function in functions {
      for index in function.body ?? 0..<0 where kernels.contains(tree[index]) && tree.isIdentifier(index) {
        let hasArguments = tree[index + 1] == "<" && tree.afterAngles(index + 1, in: tree.all) != nil
        let isCall = tree[index + 1] == "(" || hasArguments
        guard isCall, ![".", "->", "::"].contains(tree[index - 1]), !others.contains(tree[index]) else {
          continue
        }
        guard !isDeclared(tree[index], in: function) else { continue }
        report("kernel function '\(tree[index])' cannot be called: only the host starts kernels", index)
      }
    }
  }

  private func names(of functions: [Declaration]) -> Set<String> {
    Set(functions.compactMap { $0.name.map { tree[$0] } })
  }

  /// Whether a parameter or a variable of the function has the name.
  private func isDeclared(_ name: String, in function: Declaration) -> Bool {
    let range = (function.parameters?.lowerBound ?? function.tokens.lowerBound)..<function.tokens.upperBound
    return range.contains { index in
      tree[index] == name && tree.isIdentifier(index - 1) && ![".", "->", "::"].contains(tree[index - 1])
        && tree[index - 1] != "return" && tree[index - 1] != "else"
    }
  }
}

private let stages: Set<String> = ["vertex", "fragment", "mesh", "object", "intersection"]

/// A variable in threadgroup memory, as opposed to a pointer to it.
struct ThreadgroupVariable: Sendable {
  var name: Int
  /// Its initialiser, with the `=`; threadgroup memory begins with undefined contents all the same.
  var initialiser: Range<Int>

  /// The variable that the `threadgroup` at `index` declares; nil if it belongs to a pointer, reference or alias.
  init?(at index: Int, _ tree: TokenTree, _ range: Range<Int>) {
    var start = index
    while start > max(range.lowerBound, index - 64),
      ![";", "{", "}", "(", ",", "<"].contains(tree[start - 1])
    {
      if tree[start - 1] == ")", let open = tree.partner(of: start - 1), tree[open - 1] != "alignas" { break }
      start = tree.partner(of: start - 1).map { $0 < start ? $0 : start - 1 } ?? start - 1
    }
    guard !["typedef", "using", "typename"].contains(tree[start]), !["(", ",", "<"].contains(tree[start - 1])
    else {
      return nil
    }
    var last: Int?
    let near = index..<min(range.upperBound, index + 64)
    let end = near.first { tree[$0] == ";" } ?? near.upperBound
    for position in tree.topLevel(index + 1..<end) {
      let text = tree[position]
      if ["*", "&", "&&", "(", ")", ">"].contains(text) { return nil }
      if ["=", "[", "{", ","].contains(text) { break }
      if tree.isIdentifier(position) { last = position }
    }
    guard let last else { return nil }
    name = last
    initialiser = Self.initialiser(after: last, tree, range)
  }

  private static func initialiser(after name: Int, _ tree: TokenTree, _ range: Range<Int>) -> Range<Int> {
    var start = name + 1
    while start < range.upperBound, tree[start] == "[" { start = tree.after(start) }
    guard tree[start] == "=" || tree[start] == "{" else { return start..<start }
    var end = start
    while end < range.upperBound, ![";", ","].contains(tree[end]) { end = tree.after(end) }
    return start..<end
  }
}
