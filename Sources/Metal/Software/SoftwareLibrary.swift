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
    guard functionNames.contains(functionName) else { return nil }
    return SoftwareFunction(library: self, name: functionName)
  }
}

final class SoftwareFunction: MTLFunction, @unchecked Sendable {
  let library: SoftwareLibrary
  let name: String
  let functionType = MTLFunctionType.kernel
  private let text = Mutex<String?>(nil)

  init(library: SoftwareLibrary, name: String) {
    self.library = library
    self.name = name
    LiveObject.functions.made()
  }

  deinit { LiveObject.functions.released() }

  var device: any MTLDevice { library.softwareDevice }

  var label: String? {
    get { text.withLock { $0 } }
    set { text.withLock { $0 = newValue } }
  }
}
