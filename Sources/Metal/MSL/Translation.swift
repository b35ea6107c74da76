/// A library in C++.
struct Translation: Sendable {
  /// The library without address spaces; entry stubs come after it.
  var code: String
  /// By name.
  var kernels: [TranslatedKernel]
}

struct TranslatedKernel: Sendable {
  var description: MSLKernelDescription
  var form: EntryStub.Form
  var stub: String
}

/// From tokens to C++.
struct Translator {
  let source: SourceText
  /// What clang checks.
  private(set) var checked: GeneratedText
  /// Of libraries with many instances of their kernels: the same with one of each.
  let sample: GeneratedText?
  private(set) var code: GeneratedText
  private(set) var kernels: [TranslatedKernel] = []
  private(set) var report = DiagnosticReport()
  /// Whether something in it may point to `thread` memory.
  let namesThreadMemory: Bool

  init(_ source: SourceText, _ tokens: [Token]) {
    self.source = source
    let tree = TokenTree(tokens)
    namesThreadMemory = tokens.contains { $0.text == AddressSpace.thread.rawValue }
    // Without matching brackets there are no declarations to be found; clang tells what is wrong.
    let declarations = tree.isBalanced ? DeclarationParser.declarations(of: tree) : []
    let constants = FunctionConstants(tree, declarations)
    let rewriter = Rewriter(tree, declarations, constants)
    checked = rewriter.text(.checked)
    code = rewriter.text(.erased)
    let finder = KernelFinder(tree, declarations)
    let isLarge = finder.kernels.count > 32
    sample = isLarge ? rewriter.text(.checked, without: finder.furtherInstances) : nil
    report.add(
      LanguageRules(tree, declarations).errors, AddressSpaceRules(tree, declarations).errors, finder.errors,
      rewriter.errors, constants.errors)
    for constant in constants.constants {
      LibraryCheck.append(constant, to: &checked, at: tree.tokens[constant.token].position)
    }
    let graph = CallGraph(tree, declarations, constants)
    var words: [Int: Set<String>] = [:]
    for (order, kernel) in finder.kernels.enumerated() {
      if kernel.isValid { LibraryCheck.append(kernel, rewriter, to: &checked, order) }
      var translated = Self.translated(kernel, EntryStub(kernel, graph, tree, rewriter), &words, tree)
      translated.description.constants = constants.used(by: kernel, graph)
      kernels.append(translated)
    }
    kernels.sort { $0.description.name < $1.description.name }
  }

  var translation: Translation { Translation(code: code.text, kernels: kernels) }

  /// `words` are those of the bodies seen so far: templates have many instances.
  private static func translated(
    _ kernel: Kernel, _ stub: EntryStub, _ words: inout [Int: Set<String>], _ tree: TokenTree
  ) -> TranslatedKernel {
    let body = kernel.function.body ?? 0..<0
    let used = words[body.lowerBound] ?? Set(body.lazy.map { tree[$0] })
    words[body.lowerBound] = used
    let arguments = kernel.hostParameters.map {
      argument($0.parameter, isUsed: used.contains($0.parameter.name))
    }
    let description = MSLKernelDescription(
      name: kernel.name, arguments: arguments, maxTotalThreads: kernel.maxTotalThreads)
    return TranslatedKernel(description: description, form: stub.form, stub: stub.text)
  }

  /// What is known without a compiler; the rest stands in the shared object.
  private static func argument(_ parameter: KernelParameter, isUsed: Bool) -> MSLArgument {
    let (kind, index): (MSLArgument.Kind, Int) =
      switch parameter.role {
      case .threadgroup(let index): (.threadgroup, index)
      case .buffer(let index): (.buffer, index)
      default: (.buffer, 0)
      }
    return MSLArgument(
      name: parameter.name, kind: kind, index: index, dataType: .none, dataSize: 0, alignment: 0,
      access: .readWrite, isConstantAddressSpace: parameter.space == .constant, isUsed: isUsed)
  }
}

extension Translation {
  var record: [UInt8] {
    var writer = RecordWriter()
    writer.put(code)
    writer.put(kernels.count)
    for kernel in kernels { kernel.put(&writer) }
    return writer.record
  }

  init?(record: [UInt8]) {
    guard var reader = RecordReader(record), let code = reader.string(), let count = reader.count() else {
      return nil
    }
    self.code = code
    kernels = []
    for _ in 0..<count {
      guard let kernel = TranslatedKernel(&reader) else { return nil }
      kernels.append(kernel)
    }
  }
}

extension TranslatedKernel {
  fileprivate func put(_ writer: inout RecordWriter) {
    writer.put(description.name)
    writer.put(description.maxTotalThreads ?? -1)
    writer.put(Int(form.rawValue))
    writer.put(stub)
    writer.put(description.arguments.count)
    for argument in description.arguments {
      writer.put(argument.name)
      writer.put(Int(argument.kind.rawValue))
      writer.put(argument.index)
      writer.put((argument.isConstantAddressSpace ? 1 : 0) + (argument.isUsed ? 2 : 0))
    }
    writer.put(description.constants.count)
    for constant in description.constants { constant.put(&writer) }
  }

  fileprivate init?(_ reader: inout RecordReader) {
    guard let name = reader.string(), let bound = reader.int(),
      let form = reader.int().flatMap({ EntryStub.Form(rawValue: UInt8(truncatingIfNeeded: $0)) }),
      let stub = reader.string(), let count = reader.count()
    else { return nil }
    var arguments: [MSLArgument] = []
    for _ in 0..<count {
      guard let name = reader.string(),
        let kind = reader.int().flatMap({ MSLArgument.Kind(rawValue: UInt8(truncatingIfNeeded: $0)) }),
        let index = reader.int(), let flags = reader.int()
      else { return nil }
      arguments.append(
        MSLArgument(
          name: name, kind: kind, index: index, dataType: .none, dataSize: 0, alignment: 0,
          access: .readWrite,
          isConstantAddressSpace: flags & 1 != 0, isUsed: flags & 2 != 0))
    }
    guard let constants = [MSLFunctionConstant](&reader) else { return nil }
    self.form = form
    self.stub = stub
    description = MSLKernelDescription(
      name: name, arguments: arguments, constants: constants, maxTotalThreads: bound < 0 ? nil : bound)
  }
}

extension MSLFunctionConstant {
  fileprivate func put(_ writer: inout RecordWriter) {
    writer.put(name)
    writer.put(Int(type.rawValue))
    writer.put(index)
    writer.put(isRequired ? 1 : 0)
  }
}

extension [MSLFunctionConstant] {
  fileprivate init?(_ reader: inout RecordReader) {
    guard let count = reader.count() else { return nil }
    self = []
    for _ in 0..<count {
      guard let name = reader.string(),
        let type = reader.int().flatMap({ MTLDataType(rawValue: UInt(truncatingIfNeeded: $0)) }),
        let index = reader.int(), let isRequired = reader.int()
      else { return nil }
      append(MSLFunctionConstant(name: name, type: type, index: index, isRequired: isRequired != 0))
    }
  }
}
