import Synchronization

extension SoftwareDevice {
  func makeDefaultLibrary() -> (any MTLLibrary)? { nil }

  func makeLibrary(source: String, options: MTLCompileOptions?) throws -> any MTLLibrary {
    let options = options ?? MTLCompileOptions()
    trace?.line("device makeLibrary source=\(source.utf8.count) bytes")
    do {
      let program = try MSLProgram.compile(source: source, options: MSLOptions(options))
      return SoftwareLibrary(device: self, program: program, options: options)
    } catch {
      throw MTLLibraryError(error)
    }
  }
}

extension MSLOptions {
  init(_ options: MTLCompileOptions) {
    self.init(
      mathMode: options.mathMode, preciseFunctions: options.mathFloatingPointFunctions == .precise,
      languageVersion: options.languageVersion.rawValue)
  }
}

extension MTLLibraryError {
  init(_ error: MSLError) {
    self.init(error.kind == .compileFailure ? .compileFailure : .internal, error.message)
  }
}

final class SoftwareLibrary: MTLLibrary, @unchecked Sendable {
  let softwareDevice: SoftwareDevice
  let program: MSLProgram
  let maxTotalThreads: Int
  let functionNames: [String]
  let installName: String?
  let type: MTLLibraryType
  private let name = Mutex<String?>(nil)

  init(device: SoftwareDevice, program: MSLProgram, options: MTLCompileOptions) {
    softwareDevice = device
    self.program = program
    functionNames = program.kernels.map(\.name)
    maxTotalThreads = options.maxTotalThreadsPerThreadgroup
    installName = options.installName
    type = options.libraryType
    LiveObject.libraries.made()
  }

  deinit { LiveObject.libraries.released() }

  var device: any MTLDevice { softwareDevice }

  var label: String? {
    get { name.withLock { $0 } }
    set { name.withLock { $0 = newValue } }
  }

  func makeFunction(name functionName: String) -> (any MTLFunction)? {
    softwareDevice.trace?.line("library makeFunction name=\(functionName)")
    guard let kernel = kernel(functionName) else { return nil }
    return SoftwareFunction(
      library: self, kernel, constants: kernel.constants.isEmpty ? MSLSpecialisation.none : nil)
  }

  func makeFunction(
    name functionName: String, constantValues: MTLFunctionConstantValues
  ) throws -> any MTLFunction {
    guard let kernel = kernel(functionName) else {
      throw MTLLibraryError(.functionNotFound, "function '\(functionName)' is not in the library")
    }
    let constants = try kernel.specialisation(constantValues)
    softwareDevice.trace?.line("library makeFunction name=\(functionName) constantValues=\(constants.key)")
    return SoftwareFunction(library: self, kernel, constants: constants)
  }

  /// With the function constants that it uses.
  private func kernel(_ name: String) -> MSLKernelDescription? {
    guard var kernel = program.kernels.first(where: { $0.name == name }) else { return nil }
    kernel.constants = program.constants(of: name)
    return kernel
  }
}

extension MSLKernelDescription {
  /// What the values make of the kernel's function constants. Where Metal passes over a value that belongs to none of
  /// them, its validation layer does not, and neither does this.
  fileprivate func specialisation(
    _ given: MTLFunctionConstantValues
  ) throws(MTLLibraryError) -> MSLSpecialisation {
    var result = MSLSpecialisation()
    var (indexed, named) = given.values()
    for constant in constants {
      let byName = named.removeValue(forKey: constant.name)
      let value = indexed.removeValue(forKey: constant.index) ?? byName
      if let value {
        try check(value.type, constant)
        result.set(constant, value.bytes)
      } else if constant.isRequired {
        throw failure("function constant \(constant.text) of function '\(name)' has no value")
      }
    }
    if let stray = indexed.keys.min().map(String.init) ?? named.keys.min().map({ "'\($0)'" }) {
      throw failure("function '\(name)' has no function constant \(stray)")
    }
    return result
  }

  private func check(_ type: MTLDataType, _ constant: MSLFunctionConstant) throws(MTLLibraryError) {
    guard type == constant.type else {
      throw failure(
        "function constant \(constant.text) of function '\(name)' is given a value of type \(type)")
    }
  }

  private func failure(_ text: String) -> MTLLibraryError { MTLLibraryError(.compileFailure, text) }
}

extension MSLFunctionConstant {
  fileprivate var text: String { "'\(name)' (index \(index), type \(type.constantTypeName ?? "?"))" }
}

final class SoftwareFunction: MTLFunction, @unchecked Sendable {
  let library: SoftwareLibrary
  /// Nil while the function has constants without values: then it makes no pipeline state.
  let constants: MSLSpecialisation?
  let functionType = MTLFunctionType.kernel
  private let kernel: MSLKernelDescription
  private let text = Mutex<String?>(nil)

  init(library: SoftwareLibrary, _ kernel: MSLKernelDescription, constants: MSLSpecialisation?) {
    self.library = library
    self.kernel = kernel
    self.constants = constants
    LiveObject.functions.made()
  }

  deinit { LiveObject.functions.released() }

  var device: any MTLDevice { library.softwareDevice }
  var name: String { kernel.name }

  var functionConstantsDictionary: [String: MTLFunctionConstant] {
    guard constants == nil else { return [:] }
    return Dictionary(
      kernel.constants.map { ($0.name, MTLFunctionConstant($0)) }, uniquingKeysWith: { first, _ in first })
  }

  var label: String? {
    get { text.withLock { $0 } }
    set { text.withLock { $0 = newValue } }
  }
}
