import Glibc
import Synchronization

/// What a compilation works with.
struct CompilerRun: Sendable {
  let toolchain: Toolchain
  let options: MSLOptions
  let cache: CacheDirectory
  private let timeLimit: Int
  private let started: ProcessCounter

  init(
    _ toolchain: Toolchain, _ options: MSLOptions, _ cache: CacheDirectory, timeLimit: Int,
    _ started: ProcessCounter
  ) {
    self.toolchain = toolchain
    self.options = options
    self.cache = cache
    self.timeLimit = timeLimit
    self.started = started
  }

  /// Where the headers stand while clang reads them.
  var headerDirectory: String { "headers-\(MetalHeaders.digest.text.prefix(16))" }
  private var includeDirectory: String { "includes-1" }

  // MARK: Libraries

  /// Preprocesses, rewrites and checks a library.
  func translate(
    _ text: String, header: (PrecompiledHeader.Kind) throws(MSLError) -> PrecompiledHeader
  ) throws(MSLError) -> Translation {
    let source = SourceText(text)
    let translator = Translator(source, try tokens(source))
    var report = translator.report
    let checkHeader = try header(.check)
    let dumpsAtOnce = translator.namesThreadMemory && translator.sample == nil
    let outcome = try check(translator.checked, checkHeader, dumping: dumpsAtOnce)
    let messages = ClangMessages(locate: translator.checked.source)
    for group in messages.groups(in: outcome.text) { report.add(group) }
    if report.isEmpty, translator.namesThreadMemory {
      let text = translator.sample ?? translator.checked
      let dump = dumpsAtOnce ? outcome : try check(text, checkHeader, dumping: true)
      report.add(AddressSpaceConversions(dump: dump.output, locate: text.source).errors)
    }
    if report.isEmpty, !outcome.succeeded { try checkCode(translator, header(.code), &report) }
    if !report.isEmpty { throw MSLError(kind: .compileFailure, message: report.text(source)) }
    return translator.translation
  }

  /// `dumping` also gives the syntax tree.
  private func check(
    _ text: GeneratedText, _ header: PrecompiledHeader, dumping: Bool
  ) throws(MSLError) -> Outcome {
    let dump = dumping ? ["-Xclang", "-ast-dump"] : []
    return try clang(header.arguments + ["-fsyntax-only"] + dump + ["-"], input: text.text)
  }

  /// Where all that the check found comes from its form, the code is checked in its place.
  private func checkCode(
    _ translator: Translator, _ header: PrecompiledHeader, _ report: inout DiagnosticReport
  ) throws(MSLError) {
    let outcome = try clang(header.arguments + ["-fsyntax-only", "-"], input: translator.code.text)
    let messages = ClangMessages(locate: translator.code.source)
    for group in messages.groups(in: outcome.text) { report.add(group) }
    if report.isEmpty, !outcome.succeeded { throw failure("checking a library failed", outcome) }
  }

  /// The tokens of a source after preprocessing.
  private func tokens(_ source: SourceText) throws(MSLError) -> [Token] {
    let preprocessor = Preprocessor(source)
    if let tokens = preprocessor.tokensWithoutMacros(options) { return tokens }
    try cache.makeDirectory(includeDirectory, MetalHeaders.names.sorted().map { ($0, []) })
    let arguments = CompilerFlags.preprocess(options, headers: cache.file(includeDirectory))
    let outcome = try clang(arguments, input: source.bytes)
    if !outcome.succeeded {
      var report = DiagnosticReport()
      let messages = ClangMessages { SourcePosition(line: $0, column: $1) }
      for group in messages.groups(in: outcome.text) { report.add(group) }
      if report.isEmpty, let error = ClangMessages.errorInMacros(outcome.text) {
        let names = options.macros.keys.sorted().joined(separator: ", ")
        throw MSLError(kind: .compileFailure, message: "preprocessor macros (\(names)): error: \(error)")
      }
      guard !report.isEmpty else { throw failure("preprocessing failed", outcome) }
      throw MSLError(kind: .compileFailure, message: report.text(source))
    }
    // As clang writes them.
    let headers = cache.file(includeDirectory).replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
    var report = DiagnosticReport()
    report.add(
      preprocessor.refusedDirectives,
      preprocessor.foreignIncludes(ofPreprocessed: outcome.output, headers: headers))
    guard report.isEmpty else {
      throw MSLError(kind: .compileFailure, message: report.text(source))
    }
    return preprocessor.tokens(ofPreprocessed: outcome.output, options)
  }

  // MARK: Pipelines

  /// Compiles and links one kernel, and puts it into the cache.
  func build(
    _ program: MSLProgram, _ kernel: TranslatedKernel, _ constants: MSLSpecialisation, _ key: Digest,
    header: PrecompiledHeader
  ) throws(MSLError) -> SharedObject {
    let object = cache.temporaryFile(".o")
    let library = cache.temporaryFile(".so")
    let usage = object.dropLast(2) + ".su"
    defer { for file in [object, library, String(usage)] { unlink(file) } }
    let text = [constants.preamble, program.translation.code, kernel.stub].joined(separator: "\n")
    let compiled = try clang(header.arguments + ["-fstack-usage", "-c", "-", "-o", object], input: text)
    guard compiled.succeeded else { throw codeFailure(program, kernel, compiled) }
    let linked = try start(toolchain.linker, CompilerFlags.link(object, library), input: [])
    guard linked.succeeded, let bytes = readFile(library) else { throw failure("linking failed", linked) }
    if let symbol = DynamicSymbols.undefined(in: bytes).first(where: { !MathLibraries.define($0) }) {
      throw .undefined(symbol, in: kernel)
    }
    let stack = StackUsage.bytes(readFile(String(usage)) ?? [])
    return try SharedObject.add(library, bytes, stack: stack, key, cache)
  }

  /// Which function constants the code of a kernel refers to.
  func uses(
    _ program: MSLProgram, _ kernel: TranslatedKernel, header: PrecompiledHeader
  ) throws(MSLError) -> ConstantUses {
    let text = [ConstantUses.preamble, program.translation.code, kernel.stub].joined(separator: "\n")
    let outcome = try clang(header.arguments + ["-O1", "-S", "-", "-o", "-"], input: text)
    guard outcome.succeeded else { throw failure("looking for function constants failed", outcome) }
    return ConstantUses(assembly: outcome.output)
  }

  /// The check let pass what the compiler of the code did not: told in the user's lines if it can be.
  private func codeFailure(_ program: MSLProgram, _ kernel: TranslatedKernel, _ outcome: Outcome) -> MSLError
  {
    let source = SourceText(program.source)
    guard let tokens = try? tokens(source) else { return failure("compiling a kernel failed", outcome) }
    let code = Translator(source, tokens).code
    var report = DiagnosticReport()
    // One line stands before the code.
    let messages = ClangMessages { code.source(line: $0 - 1, column: $1) }
    for group in messages.groups(in: outcome.text) { report.add(group) }
    guard !report.isEmpty else {
      return failure("compiling kernel '\(kernel.description.name)' failed", outcome)
    }
    return MSLError(kind: .compileFailure, message: report.text(source))
  }

  // MARK: Processes

  struct Outcome {
    var succeeded: Bool
    var end: ChildProcess.Outcome.End
    var output: [UInt8]
    /// What was said.
    var text: String
  }

  func clang(_ arguments: [String], input: String) throws(MSLError) -> Outcome {
    try clang(arguments, input: Array(input.utf8))
  }

  func clang(_ arguments: [String], input: [UInt8] = []) throws(MSLError) -> Outcome {
    try start(toolchain.clang, arguments, input: input)
  }

  private func start(_ program: String, _ arguments: [String], input: [UInt8]) throws(MSLError) -> Outcome {
    let process = ChildProcess(
      program: program, arguments: arguments, input: input, timeLimit: timeLimit)
    started.add()
    do {
      let outcome = try process.run()
      if outcome.end == .timedOut {
        throw MSLError(
          kind: .compilerFailed,
          message:
            "\(program) took longer than \(timeLimit) s and was stopped; INGOT_COMPILE_TIMEOUT "
            + "sets the limit in seconds")
      }
      return Outcome(
        succeeded: outcome.succeeded, end: outcome.end, output: outcome.output,
        text: String(decoding: outcome.errors, as: UTF8.self))
    } catch let error as SystemError {
      throw MSLError(kind: .compilerFailed, message: "\(program) does not start: \(error.message)")
    } catch let error as MSLError {
      throw error
    } catch {
      fatalError("no other errors are thrown")
    }
  }

  /// A failure that is not the user's: with what the program said.
  func failure(_ what: String, _ outcome: Outcome) -> MSLError {
    var said = outcome.text.isEmpty ? "it said nothing" : outcome.text
    switch outcome.end {
    case .exited(let status): if outcome.text.isEmpty { said += " and exited with status \(status)" }
    case .killed(let signal): said += "; signal \(signal) ended it: is the text nested very deeply?"
    case .timedOut: break
    }
    return MSLError(kind: .compilerFailed, message: "\(what) (\(toolchain.clang)): \(said)")
  }
}

/// How many programs were started; a warm cache needs none.
final class ProcessCounter: Sendable {
  private let started = Atomic(0)
  var count: Int { started.load(ordering: .relaxed) }
  func add() { started.add(1, ordering: .relaxed) }
}

/// Reads what -fstack-usage writes: a line for each function, with its bytes in the second column.
private enum StackUsage {
  /// What one thread may need: every function at once, and the C library's functions below them.
  static func bytes(_ report: [UInt8]) -> Int {
    let lines = String(decoding: report, as: UTF8.self).split(separator: "\n")
    let sizes = lines.compactMap { line in line.split(separator: "\t").dropFirst().first.flatMap { Int($0) } }
    return sizes.reduce(0, +) + 8192
  }
}
