/// Brings the values that were given together with the function constants that a kernel has.
struct ConstantResolution {
  let kernel: String
  /// Those of the kernel; nil where Metal does not tell.
  let declared: [FunctionConstant]?

  /// The constants with their values, by index and then by name, the same for whatever order they were given in.
  func resolve(_ given: [(key: ConstantName, value: ConstantValue)]) throws(IngotError) -> [KernelConstant] {
    var result: [KernelConstant] = []
    for (key, value) in given {
      let constant = try resolve(key, value)
      guard !result.contains(where: { $0.name == constant.name && $0.index == constant.index }) else {
        throw .argument("function constant \(key) of kernel '\(kernel)' is given twice")
      }
      result.append(constant)
    }
    let missing = (declared ?? []).filter { constant in
      constant.isRequired && !result.contains { $0.index == constant.index }
    }
    guard missing.isEmpty else {
      throw .argument(
        "kernel '\(kernel)' needs values for its function constants \(list(missing)): give them as constants")
    }
    return result.sorted { ($0.index ?? .max, $0.name) < ($1.index ?? .max, $1.name) }
  }

  private func resolve(_ key: ConstantName, _ value: ConstantValue) throws(IngotError) -> KernelConstant {
    guard declared != nil else { return try undeclared(key, value) }
    let constant = try constant(key)
    let bytes = try ConstantConversion(constant: constant, kernel: kernel).bytes(value)
    return KernelConstant(
      name: constant.name, index: constant.index, dtype: constant.dtype, width: constant.width, bytes: bytes)
  }

  private func constant(_ key: ConstantName) throws(IngotError) -> FunctionConstant {
    let declared = declared ?? []
    switch key {
    case .index(let index): if let found = declared.first(where: { $0.index == index }) { return found }
    case .name(let name):
      if let found = declared.first(where: { $0.name == name }) { return found }
      if let meant = Suggestion.nearest(to: name, among: declared.map(\.name)) {
        throw unknown(key, " Did you mean '\(meant)'?")
      }
    }
    throw unknown(key, "")
  }

  private func unknown(_ key: ConstantName, _ suggestion: String) -> IngotError {
    let names = declared.map { $0.isEmpty ? "none" : list($0) } ?? "some that Metal does not tell"
    return .argument("kernel '\(kernel)' has no function constant \(key); it has \(names).\(suggestion)")
  }

  private func list(_ constants: [FunctionConstant]) -> String {
    constants.map(\.description).joined(separator: ", ")
  }

  /// Without reflection the value must say its type.
  private func undeclared(_ key: ConstantName, _ value: ConstantValue) throws(IngotError) -> KernelConstant {
    guard case .typed(let dtype, let bytes) = value.content else {
      throw .argument(
        "Metal does not tell the types of the function constants of kernel '\(kernel)', so that \(value) for \(key) must"
          + " have one: give Int32, Float and the like, or in Python a NumPy scalar")
    }
    let width = bytes.count / dtype.size
    guard (1...4).contains(width), bytes.count % dtype.size == 0 else {
      throw .argument("\(bytes.count) bytes of \(dtype.name) are no value of a function constant (\(key))")
    }
    switch key {
    case .name(let name):
      return KernelConstant(name: name, index: nil, dtype: dtype, width: width, bytes: bytes)
    case .index(let index):
      guard (0..<65536).contains(index) else { throw unknown(key, "") }
      return KernelConstant(name: "", index: index, dtype: dtype, width: width, bytes: bytes)
    }
  }
}

/// Makes a value one of a constant's type.
struct ConstantConversion {
  let constant: FunctionConstant
  let kernel: String

  func bytes(_ value: ConstantValue) throws(IngotError) -> [UInt8] {
    switch value.content {
    case .unrepresentable(let what): throw refused(what)
    case .typed(let dtype, let bytes):
      guard dtype == constant.dtype, bytes.count == constant.width * dtype.size else {
        throw refused("\(value)")
      }
      return bytes
    case .integers(let values):
      try check(values.count)
      var bytes: [UInt8] = []
      for value in values { bytes += try self.bytes(value) }
      return bytes
    case .reals(let values):
      try check(values.count)
      var bytes: [UInt8] = []
      for value in values { bytes += try self.bytes(value) }
      return bytes
    }
  }

  private func check(_ count: Int) throws(IngotError) {
    guard count == constant.width else { throw refused("\(count) numbers") }
  }

  private func bytes(_ value: Int128) throws(IngotError) -> [UInt8] {
    if let range = constant.dtype.integers {
      guard range.contains(value) else { throw outside(value, "\(range.lowerBound) to \(range.upperBound)") }
      return little(UInt64(truncatingIfNeeded: value), constant.dtype.size)
    }
    // A count that loses its last digits is a mistake, unlike a fraction that does.
    guard let real = Double(exactly: value), let bits = constant.dtype.bits(real), bits.isExact else {
      throw outside(value, "no such whole number")
    }
    return little(bits.pattern, constant.dtype.size)
  }

  private func bytes(_ value: Double) throws(IngotError) -> [UInt8] {
    guard constant.dtype.integers == nil else { throw refused("the real number \(value)") }
    guard let bits = constant.dtype.bits(value) else { throw outside(value, "nothing so large") }
    return little(bits.pattern, constant.dtype.size)
  }

  private func little(_ bits: UInt64, _ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: bits >> (8 * $0)) }
  }

  private func refused(_ what: String) -> IngotError {
    .argument("function constant \(constant) of kernel '\(kernel)' was given \(what)")
  }

  private func outside(_ value: some CustomStringConvertible, _ holds: String) -> IngotError {
    .argument(
      "\(value) is no \(constant.dtype.metalName(width: 1)), which holds \(holds) (function constant \(constant) of kernel"
        + " '\(kernel)')")
  }
}

extension DType {
  /// The whole numbers it holds; nil for floating point.
  fileprivate var integers: ClosedRange<Int128>? {
    switch self {
    case .bool: 0...1
    case .int8, .int16, .int32, .int64: -(1 << (8 * size - 1))...(1 << (8 * size - 1)) - 1
    case .uint8, .uint16, .uint32, .uint64: 0...(1 << (8 * size)) - 1
    case .float16, .bfloat16, .float32: nil
    }
  }

  /// The nearest floating-point number, and whether it is the same one; nil where a finite number would be infinite.
  fileprivate func bits(_ value: Double) -> (pattern: UInt64, isExact: Bool)? {
    let (pattern, back): (UInt64, Float) =
      switch self {
      case .float16: (UInt64(Half.bits(value)), Half.float(Half.bits(value)))
      case .bfloat16:
        (UInt64(BFloat16(Float(value)).bitPattern), BFloat16(Float(value)).float)
      default: (UInt64(Float(value).bitPattern), Float(value))
      }
    guard back.isFinite || !value.isFinite else { return nil }
    return (pattern, Double(back) == value)
  }
}
