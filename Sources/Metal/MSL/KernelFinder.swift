/// Finds the kernels of a library and what their attributes say.
struct KernelFinder {
  private let tree: TokenTree
  private let declarations: [Declaration]
  private let integers: NamedIntegers
  /// The parameters of functions, by where they begin: templates have many instances.
  private var known: [Int: [KernelParameter]] = [:]
  private(set) var kernels: [Kernel] = []
  private(set) var errors: [Diagnostic] = []
  /// The tokens of instantiations of a template that has one already.
  private(set) var furtherInstances: Set<Int> = []

  init(_ tree: TokenTree, _ declarations: [Declaration]) {
    self.tree = tree
    self.declarations = declarations
    integers = NamedIntegers(declarations, tree)
    for declaration in declarations { add(declaration) }
    reportDuplicates()
  }

  static func isKernel(_ declaration: Declaration, _ tree: TokenTree) -> Bool {
    guard declaration.kind == .function || declaration.kind == .instantiation else { return false }
    return tree.topLevel(declaration.head).contains { index in
      tree[index] == "kernel" || tree.tokens[index].attributes.contains { $0.name == "kernel" }
    }
  }

  private mutating func add(_ declaration: Declaration) {
    guard Self.isKernel(declaration, tree) else { return }
    switch declaration.kind {
    case .function where declaration.body != nil && !declaration.isTemplate:
      guard let name = declaration.name else { return }
      append(declaration, declaration, expression: tree[name], at: tree.tokens[name].position)
    case .instantiation: addInstantiation(declaration)
    default: break
    }
  }

  /// `template [[host_name("x")]] kernel void f<float>(...);`, or without the arguments where the parameters tell them.
  private mutating func addInstantiation(_ declaration: Declaration) {
    let top = tree.topLevel(declaration.tokens)
    let position = tree.tokens[declaration.tokens.lowerBound].position
    let named = top.last { tree.isIdentifier($0) && tree[$0 + 1] == "<" } ?? declaration.name
    guard let name = named, let base = template(named: tree[name]) else {
      errors.append(.error("no kernel template to instantiate here", at: position))
      return
    }
    if known[base.parameters?.lowerBound ?? 0] != nil { furtherInstances.formUnion(declaration.tokens) }
    let arguments = tree.afterAngles(name + 1, in: declaration.tokens).map { name + 2..<$0 - 1 }
    var start = name
    while tree[start - 1] == "::", tree.isIdentifier(start - 2) { start -= 2 }
    let end = arguments.map { $0.upperBound + 1 } ?? name + 1
    let expression = (start..<end).map { tree[$0] }.joined(separator: " ")
    append(declaration, base, expression: expression, arguments, at: position)
  }

  private func template(named name: String) -> Declaration? {
    declarations.first { candidate in
      candidate.isTemplate && candidate.body != nil && candidate.name.map { tree[$0] } == name
        && Self.isKernel(candidate, tree)
    }
  }

  private mutating func append(
    _ declaration: Declaration, _ function: Declaration, expression: String, _ arguments: Range<Int>? = nil,
    at position: SourcePosition
  ) {
    let attributes = Self.attributes(declaration, tree) + Self.attributes(function, tree)
    let plain = (declaration.namespaces.filter { !$0.isEmpty } + [function.name.map { tree[$0] } ?? ""])
    let given = attributes.first { $0.name == "host_name" }.map(Self.string)
    var kernel = Kernel(
      name: given ?? plain.joined(separator: "::"), expression: expression,
      namespaces: declaration.namespaces,
      function: function, position: position, parameters: parameters(of: function))
    if declaration.kind == .instantiation, arguments == nil { kernel.deduction = declaration.parameters }
    if let bound = attributes.first(where: { $0.name == "max_total_threads_per_threadgroup" }) {
      kernel.maxTotalThreads = threadBound(bound, function, arguments)
    }
    kernels.append(kernel)
  }

  /// The bound may depend on template arguments; where they are no plain integers, there is none.
  private mutating func threadBound(
    _ attribute: Attribute, _ function: Declaration, _ arguments: Range<Int>?
  ) -> Int? {
    guard function.isTemplate else { return integer(attribute) }
    let header = function.tokens.lowerBound + 2..<function.start - 1
    let given = arguments.map { tree.split($0) } ?? []
    var names = integers
    for (order, parameter) in tree.split(header).enumerated() {
      let top = tree.topLevel(parameter)
      let equals = top.first { tree[$0] == "=" } ?? parameter.upperBound
      guard let name = top.last(where: { $0 < equals && tree.isIdentifier($0) }) else { continue }
      let value =
        order < given.count ? given[order] : min(equals + 1, parameter.upperBound)..<parameter.upperBound
      names.define(tree[name], Array(tree.tokens[value]))
    }
    return names.value(attribute.arguments)
  }

  private static func attributes(_ declaration: Declaration, _ tree: TokenTree) -> [Attribute] {
    let end = declaration.parameters?.lowerBound ?? declaration.tokens.upperBound
    return tree.tokens[declaration.tokens.lowerBound..<end].flatMap(\.attributes)
  }

  /// The text of `("a" "b")`.
  private static func string(_ attribute: Attribute) -> String {
    attribute.arguments.filter { $0.kind == .string }.map { $0.text.dropFirst().dropLast() }.joined()
  }

  private mutating func integer(_ attribute: Attribute) -> Int? {
    if let value = integers.value(attribute.arguments) { return value }
    errors.append(
      .error("'\(attribute.name)' attribute requires an integer constant", at: attribute.position))
    return nil
  }

  private mutating func reportDuplicates() {
    var names: Set<String> = []
    for kernel in kernels where !names.insert(kernel.name).inserted {
      errors.append(.error("redefinition of kernel '\(kernel.name)'", at: kernel.position))
    }
  }
}

extension KernelFinder {
  private mutating func parameters(of function: Declaration) -> [KernelParameter] {
    guard let range = function.parameters else { return [] }
    if let known = known[range.lowerBound] { return known }
    var result: [KernelParameter] = []
    for each in Parameter.parameters(range, tree) { result.append(parameter(each)) }
    assignIndices(&result)
    known[range.lowerBound] = result
    return result
  }

  private mutating func parameter(_ parameter: Parameter) -> KernelParameter {
    let position = tree.tokens[parameter.name ?? parameter.tokens.lowerBound].position
    let name = parameter.name.map { tree[$0] } ?? ""
    let space = parameter.spaces.first ?? spaceOfAlias(parameter)
    let role = role(of: parameter, space, at: position)
    return KernelParameter(
      parameter: parameter, name: name, position: position, role: role, space: space,
      condition: parameter.attributes.first { $0.name == FunctionConstants.attribute }
        .flatMap(FunctionConstants.condition))
  }

  /// The role that the attributes and address space give; index -1 where none is given.
  private mutating func role(
    of parameter: Parameter, _ space: AddressSpace?, at position: SourcePosition
  ) -> KernelParameter.Role {
    let condition = parameter.attributes.first { $0.name == FunctionConstants.attribute }
    for attribute in parameter.attributes where attribute.name != FunctionConstants.attribute {
      if let builtin = Builtin(rawValue: attribute.name) {
        guard let condition else { return .builtin(builtin) }
        return refuse(
          "'\(condition.name)' attribute only applies to buffers and threadgroup memory here",
          condition.position)
      }
      switch attribute.name {
      case "buffer" where space == .thread || space == .threadgroup,
        "threadgroup" where space == .thread || space == .device || space == .constant:
        return refuse("invalid type '\(parameter.type)' for \(attribute.name) declaration", position)
      case "buffer": return slot(attribute, limit: 31).map { .buffer($0) } ?? .invalid
      case "threadgroup": return slot(attribute, limit: 31).map { .threadgroup($0) } ?? .invalid
      case "texture", "sampler", "stage_in", "payload", "imageblock_data":
        let place = tree.tokens[parameter.tokens.lowerBound].position
        return refuse("'\(attribute.name)' arguments are not supported by the software Metal yet", place)
      default: return refuse("unknown attribute '\(attribute.name)'", attribute.position)
      }
    }
    switch space {
    case .device, .constant: return .buffer(-1)
    case .threadgroup: return .threadgroup(-1)
    case .thread: return refuse("invalid type '\(parameter.type)' for buffer declaration", position)
    // A pointer without an address space is reported where its `*` stands.
    case nil where parameter.isIndirect: return .invalid
    case nil:
      return refuse("invalid type '\(parameter.type)' for input declaration in a kernel function", position)
    }
  }

  private mutating func refuse(_ message: String, _ position: SourcePosition) -> KernelParameter.Role {
    errors.append(.error(message, at: position))
    return .invalid
  }

  private mutating func slot(_ attribute: Attribute, limit: Int) -> Int? {
    guard let value = integer(attribute) else { return nil }
    guard !(0..<limit).contains(value) else { return value }
    let position = attribute.arguments.first?.position ?? attribute.position
    errors.append(
      .error(
        "'\(attribute.name)' attribute parameter is out of bounds: must be between 0 and \(limit - 1)",
        at: position))
    return nil
  }

  /// The address space of `typedef device float *Pointer`.
  private func spaceOfAlias(_ parameter: Parameter) -> AddressSpace? {
    let words = Set(parameter.type.split(separator: " ").map(String.init))
    let alias = declarations.first { declaration in
      declaration.kind == .alias && declaration.name.map { words.contains(tree[$0]) } == true
    }
    return alias?.tokens.lazy.compactMap { AddressSpace(rawValue: tree[$0]) }.first
  }

  /// Gives parameters without an index the next free one.
  private mutating func assignIndices(_ parameters: inout [KernelParameter]) {
    var buffers: Set<Int> = []
    var threadgroups: Set<Int> = []
    for parameter in parameters {
      switch parameter.role {
      case .buffer(let index) where index >= 0: reserve(index, "buffer", &buffers, parameter)
      case .threadgroup(let index) where index >= 0: reserve(index, "threadgroup", &threadgroups, parameter)
      default: break
      }
    }
    for order in parameters.indices {
      switch parameters[order].role {
      case .buffer(-1): parameters[order].role = .buffer(nextFree("buffer", &buffers, parameters[order]))
      case .threadgroup(-1):
        parameters[order].role = .threadgroup(nextFree("threadgroup", &threadgroups, parameters[order]))
      default: break
      }
    }
  }

  private mutating func reserve(
    _ index: Int, _ kind: String, _ used: inout Set<Int>, _ parameter: KernelParameter
  ) {
    if used.insert(index).inserted { return }
    errors.append(
      .error("cannot reserve '\(kind)' resource location at index \(index)", at: parameter.position))
  }

  private mutating func nextFree(_ kind: String, _ used: inout Set<Int>, _ parameter: KernelParameter) -> Int
  {
    if let index = (0..<31).first(where: { !used.contains($0) }) {
      used.insert(index)
      return index
    }
    errors.append(.error("no '\(kind)' resource location is left: there are 31", at: parameter.position))
    return 0
  }
}
