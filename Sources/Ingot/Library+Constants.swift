import Metal

/// Function constants.
extension Library {
  /// The function constants of a kernel (`MTLFunction.functionConstantsDictionary`), by index; empty if it has none.
  ///
  ///     for constant in try library.constants(of: "softmax") where constant.isRequired { print(constant) }
  ///
  /// Throws `.argument` if there is no such kernel, `.pipeline` if Metal does not tell.
  public func constants(of name: String) throws(IngotError) -> [FunctionConstant] {
    guard let constants = try slot(name).declared(name, in: metalLibrary) else {
      throw IngotError(.pipeline, "Metal does not tell the function constants of kernel '\(name)'")
    }
    return constants
  }

  /// The kernel of that name with values for its function constants, by their names or indices
  /// (`makeFunction(name:constantValues:)`). Each set of values is one pipeline, made at the first call.
  ///
  ///     let kernel = try library.kernel("softmax", constants: ["causal": true, "head_size": 128, 3: Float(0.5)])
  ///
  /// Throws `.argument` with the constants there are for values that are missing, unknown or of another type, `.pipeline`
  /// if Metal cannot make it.
  public func kernel(
    _ name: String, constants: [ConstantName: any ConstantConvertible]
  ) throws(IngotError) -> Kernel {
    try kernel(name, constants: constants.map { (key: $0.key, value: $0.value.asConstant) })
  }

  package func kernel(
    _ name: String, constants: [(key: ConstantName, value: ConstantValue)]
  ) throws(IngotError) -> Kernel {
    let slot = try slot(name)
    if constants.isEmpty { return try kernel(name) }
    let declared = try slot.declared(name, in: metalLibrary)
    let values = try ConstantResolution(kernel: name, declared: declared).resolve(constants)
    let variant = variants.value(for: Variant(kernel: name, constants: values)) { Once() }
    return try variant.value { () throws(IngotError) in
      try withAutoreleasePool { () throws(IngotError) in try makeKernel(name, constants: values) }
    }
  }

  struct Variant: Hashable {
    let kernel: String
    let constants: [KernelConstant]
  }

  /// One kernel with its constants; what is kept of it.
  final class Slot: Sendable {
    let kernel = Once<Kernel>()
    private let constants = Once<Declared>()

    /// Its function constants by index; nil where Metal does not tell.
    func declared(_ name: String, in library: any MTLLibrary) throws(IngotError) -> [FunctionConstant]? {
      try constants.value { () throws(IngotError) in
        withAutoreleasePool { Declared(library.makeFunction(name: name)) }
      }.constants
    }
  }

  final class Declared: Sendable {
    let constants: [FunctionConstant]?

    init(_ function: (any MTLFunction)?) {
      constants = function?.functionConstantsDictionary.values.compactMap(FunctionConstant.init)
        .sorted { $0.index < $1.index }
    }
  }

  /// The function, which makes a pipeline: Metal ends the process for one whose constants have no values.
  func function(_ name: String, _ constants: [KernelConstant]?) throws(IngotError) -> any MTLFunction {
    let plain = constants == nil ? metalLibrary.makeFunction(name: name) : nil
    if let plain, plain.functionConstantsDictionary.isEmpty { return plain }
    let declared = try slot(name).declared(name, in: metalLibrary)
    let values =
      if let constants { constants } else {
        try ConstantResolution(kernel: name, declared: declared).resolve([])
      }
    do {
      return try metalLibrary.makeFunction(name: name, constantValues: MTLFunctionConstantValues(values))
    } catch {
      throw IngotError(
        .pipeline, "Metal does not specialise kernel '\(name)': \(Platform.text(of: error))")
    }
  }
}

extension FunctionConstant {
  init?(_ constant: MTLFunctionConstant) {
    guard let (dtype, width) = constant.type.scalars else { return nil }
    self.init(
      name: constant.name, index: constant.index, dtype: dtype, width: width, isRequired: constant.required)
  }
}

extension MTLFunctionConstantValues {
  convenience init(_ constants: [KernelConstant]) {
    self.init()
    for constant in constants {
      guard let type = MTLDataType(constant.dtype, width: constant.width) else { continue }
      // Metal may read as much of a vector of three as it takes in memory.
      let bytes = constant.bytes + [UInt8](repeating: 0, count: constant.dtype.size)
      bytes.withUnsafeBytes { value in
        if let index = constant.index {
          setConstantValue(value.baseAddress!, type: type, index: index)
        } else {
          setConstantValue(value.baseAddress!, type: type, withName: constant.name)
        }
      }
    }
  }
}
