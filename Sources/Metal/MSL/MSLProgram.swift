import CMetalRuntime
import Synchronization

/// How a library is compiled; the same text with other options is another library.
struct MSLOptions: Hashable, Sendable {
  var mathMode: MTLMathMode = .fast
  /// Whether unqualified maths functions mean those of `metal::precise`.
  var preciseFunctions = false
  /// (major << 16) + minor, as `MTLLanguageVersion`.
  var languageVersion: UInt = 196610
  var macros: [String: String] = [:]
}

/// One argument of a kernel that the host sets.
struct MSLArgument: Hashable, Sendable {
  enum Kind: UInt8, Sendable { case buffer, threadgroup }
  var name: String
  var kind: Kind
  var index: Int
  /// Of what the argument points to; `.none` for `void`.
  var dataType: MTLDataType
  /// Bytes of one element.
  var dataSize: Int
  var alignment: Int
  var access: MTLBindingAccess
  var isConstantAddressSpace: Bool
  var isUsed: Bool
}

/// What the host must know of a kernel; buffers come first, then threadgroup memory, each by index.
struct MSLKernelDescription: Hashable, Sendable {
  var name: String
  var arguments: [MSLArgument]
  /// The function constants that it may use, by index.
  var constants: [MSLFunctionConstant] = []
  /// The bound of `[[max_total_threads_per_threadgroup(n)]]`.
  var maxTotalThreads: Int?
}

/// Why a library or pipeline could not be made.
struct MSLError: Error, Hashable, Sendable {
  enum Kind: Sendable {
    /// The text is no valid MSL; the message has the compiler's lines.
    case compileFailure
    case compilerMissing
    case compilerFailed
    case cacheUnusable
    /// A variable of the environment means nothing.
    case settings
    /// The library has no such kernel, or it does not load.
    case pipeline
  }
  var kind: Kind
  var message: String
}

/// The text of a library: checked, rewritten, and the kernels in it.
final class MSLProgram: Sendable {
  let key: Digest
  let source: String
  let options: MSLOptions
  let translation: Translation
  private let compiler: MSLCompiler
  private let pipelines = Mutex<[Variant: MSLPipeline]>([:])

  private let constants = Mutex<[String: [MSLFunctionConstant]]>([:])

  private struct Variant: Hashable {
    var kernel: String
    var constants: MSLSpecialisation
  }

  init(
    compiler: MSLCompiler, key: Digest, source: String, options: MSLOptions, translation: Translation
  ) {
    self.compiler = compiler
    self.key = key
    self.source = source
    self.options = options
    self.translation = translation
  }

  /// By name. Their arguments' types, sizes and alignments are known once the pipeline is there.
  var kernels: [MSLKernelDescription] { translation.kernels.map(\.description) }

  /// Checks `source`, or finds the outcome of an earlier check in the cache.
  static func compile(source: String, options: MSLOptions) throws(MSLError) -> MSLProgram {
    try MSLCompiler.shared.program(source, options)
  }

  /// The function constants that a kernel uses; its description may have some more, which only bear the same names.
  func constants(of kernel: String) -> [MSLFunctionConstant] {
    if let known = constants.withLock({ $0[kernel] }) { return known }
    guard let translated = translation.kernels.first(where: { $0.description.name == kernel }) else {
      return []
    }
    let found = compiler.constants(self, translated)
    constants.withLock { $0[kernel] = found }
    return found
  }

  /// Compiles one kernel with the values of its function constants, or loads it from the cache.
  func pipeline(
    _ kernel: String, constants: MSLSpecialisation = .none
  ) throws(MSLError) -> MSLPipeline {
    let variant = Variant(kernel: kernel, constants: constants)
    if let known = pipelines.withLock({ $0[variant] }) { return known }
    guard let translated = translation.kernels.first(where: { $0.description.name == kernel }) else {
      let names = translation.kernels.map(\.description.name).joined(separator: ", ")
      throw MSLError(kind: .pipeline, message: "no kernel '\(kernel)' in the library; it has: \(names)")
    }
    let made = try compiler.pipeline(self, translated, constants)
    return pipelines.withLock { pipelines in
      let first = pipelines[variant] ?? made
      pipelines[variant] = first
      return first
    }
  }
}

/// A loaded kernel. The shared object stays loaded for good: its code may be running.
final class MSLPipeline: @unchecked Sendable {
  let kernel: mtl_kernel
  let description: MSLKernelDescription
  let staticThreadgroupMemoryLength: Int
  let maxTotalThreadsPerThreadgroup: Int

  init(
    kernel: mtl_kernel, description: MSLKernelDescription, staticThreadgroupMemoryLength: Int,
    maxTotalThreadsPerThreadgroup: Int
  ) {
    self.kernel = kernel
    self.description = description
    self.staticThreadgroupMemoryLength = staticThreadgroupMemoryLength
    self.maxTotalThreadsPerThreadgroup = maxTotalThreadsPerThreadgroup
  }
}
