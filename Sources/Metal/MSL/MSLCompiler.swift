import Synchronization

/// Compiles MSL, or finds what was compiled before, in memory or on disk.
final class MSLCompiler: Sendable {
  static let shared = MSLCompiler(.process)

  let environment: MSLEnvironment
  private let state = Mutex(State())
  private let processes = ProcessCounter()

  private struct State {
    var toolchain: Toolchain?
    /// The most recently used last.
    var programs: [(key: Digest, program: MSLProgram)] = []
    /// Precompiled headers that are whole, as far as this process has seen.
    var headers: Set<String> = []
  }

  init(_ environment: MSLEnvironment) { self.environment = environment }

  /// Programs started so far.
  var startedProcesses: Int { processes.count }

  private func run(_ options: MSLOptions, _ toolchain: Toolchain, _ cache: CacheDirectory) -> CompilerRun {
    CompilerRun(toolchain, options, cache, timeLimit: environment.timeLimit, processes)
  }

  // MARK: Libraries

  func program(_ text: String, _ options: MSLOptions) throws(MSLError) -> MSLProgram {
    let toolchain = try toolchain()
    let key = Digest(
      parts: ["library", text, BuildIdentity.text, CompilerFlags.check.joined(separator: " ")]
        + Self.parts(options) + surroundings(toolchain))
    if let known = recall(key) { return known }
    let cache = try CacheDirectory(environment)
    let name = "\(key.text).library"
    let translation: Translation
    if let record = cache.read(name), let known = Translation(record: record) {
      cache.touch(name)
      translation = known
    } else {
      let run = self.run(options, toolchain, cache)
      prepareCode(run)
      translation = try run.translate(text) { kind throws(MSLError) in try header(kind, run) }
      try cache.write(name, translation.record)
      cache.schedulePruning()
    }
    let program = MSLProgram(
      compiler: self, key: key, source: text, options: options, translation: translation)
    remember(program, key)
    return program
  }

  private static func parts(_ options: MSLOptions) -> [String] {
    let numbers = "\(options.mathMode.rawValue) \(options.preciseFunctions) \(options.languageVersion)"
    return [numbers] + options.macros.sorted { $0.key < $1.key }.flatMap { [$0.key, $0.value] }
  }

  /// What else decides about the outcome of a compilation.
  private func surroundings(_ toolchain: Toolchain) -> [String] {
    [toolchain.identity, HostProcessor.description, MetalHeaders.digest.text]
  }

  private func toolchain() throws(MSLError) -> Toolchain {
    if let known = state.withLock(\.toolchain) { return known }
    if let mistake = environment.mistake { throw MSLError(kind: .settings, message: mistake) }
    let found = try Toolchain.find(environment)
    state.withLock { $0.toolchain = found }
    return found
  }

  private func recall(_ key: Digest) -> MSLProgram? {
    state.withLock { state in
      guard let index = state.programs.firstIndex(where: { $0.key == key }) else { return nil }
      let found = state.programs.remove(at: index)
      state.programs.append(found)
      return found.program
    }
  }

  private func remember(_ program: MSLProgram, _ key: Digest) {
    state.withLock { state in
      if state.programs.count >= Self.programLimit { state.programs.removeFirst() }
      state.programs.append((key, program))
    }
  }

  private static let programLimit = 64

  // MARK: Pipelines

  func pipeline(
    _ program: MSLProgram, _ kernel: TranslatedKernel, _ constants: MSLSpecialisation
  ) throws(MSLError) -> MSLPipeline {
    let toolchain = try toolchain()
    let flags = CompilerFlags.code(program.options).joined(separator: " ")
    let key = Digest(
      parts: ["pipeline", program.key.text, kernel.description.name, flags, constants.key])
    let cache = try CacheDirectory(environment)
    if let known = SharedObject(key, cache) { return try known.load(kernel, cache) }
    let run = self.run(program.options, toolchain, cache)
    let built = try run.build(program, kernel, constants, key, header: header(.code, run))
    cache.schedulePruning()
    return try built.load(kernel, cache)
  }

  // MARK: Function constants

  /// Those of a kernel that its code refers to; all that its names lead to where that cannot be told.
  func constants(_ program: MSLProgram, _ kernel: TranslatedKernel) -> [MSLFunctionConstant] {
    let all = kernel.description.constants
    if all.isEmpty { return [] }
    do {
      let uses = try uses(program, kernel)
      return all.compactMap { constant in
        guard uses.values.contains(constant.index) || uses.questions.contains(constant.index) else {
          return nil
        }
        var constant = constant
        constant.isRequired = !uses.questions.contains(constant.index)
        return constant
      }
    } catch {
      return all
    }
  }

  private func uses(_ program: MSLProgram, _ kernel: TranslatedKernel) throws(MSLError) -> ConstantUses {
    let toolchain = try toolchain()
    let flags = CompilerFlags.code(program.options).joined(separator: " ")
    let key = Digest(parts: ["constants", program.key.text, kernel.description.name, flags])
    let cache = try CacheDirectory(environment)
    let name = "\(key.text).constants"
    if let record = cache.read(name), let known = ConstantUses(record: record) {
      cache.touch(name)
      return known
    }
    let run = self.run(program.options, toolchain, cache)
    let found = try run.uses(program, kernel, header: header(.code, run))
    try cache.write(name, found.record)
    cache.schedulePruning()
    return found
  }

  // MARK: Headers

  /// The precompiled header for a kind of compilation; made if it is not there or not whole.
  private func header(_ kind: PrecompiledHeader.Kind, _ run: CompilerRun) throws(MSLError)
    -> PrecompiledHeader
  {
    let header = PrecompiledHeader(kind, run, surroundings: surroundings(run.toolchain))
    if state.withLock({ $0.headers.contains(header.name) }), header.exists {
      header.touch()
      return header
    }
    if !header.isWhole { try header.build() }
    state.withLock { _ = $0.headers.insert(header.name) }
    return header
  }

  /// Whoever compiles a library will soon want a pipeline: makes the header for it meanwhile.
  private func prepareCode(_ run: CompilerRun) {
    let header = PrecompiledHeader(.code, run, surroundings: surroundings(run.toolchain))
    guard !header.exists else { return }
    header.buildInBackground()
  }
}
