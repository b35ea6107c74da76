/// A value for a function constant: scalars of a type, or plain numbers, which take the type of the constant.
///
///     let kernel = try library.kernel("step", constants: ["n": 4, "scale": 0.5, 7: Float(1), "shape": [2, 3]])
public struct ConstantValue: Sendable, Hashable {
  enum Content: Sendable, Hashable {
    /// Scalars one after another.
    case typed(DType, [UInt8])
    case integers([Int128])
    case reals([Double])
    /// What cannot be a value, and why: making it cannot throw.
    case unrepresentable(String)
  }

  let content: Content

  /// Whole numbers without a type, one for each component.
  public static func integers(_ values: some Sequence<some BinaryInteger>) -> ConstantValue {
    let exact = values.map { Int128(exactly: $0) }
    guard !exact.contains(nil) else {
      return ConstantValue(content: .unrepresentable("a number of more than 128 bits"))
    }
    return ConstantValue(content: .integers(exact.compactMap(\.self)))
  }

  /// Numbers without a type, one for each component.
  public static func reals(_ values: some Sequence<Double>) -> ConstantValue {
    ConstantValue(content: .reals(Array(values)))
  }

  /// Scalars of a dtype, from their bytes; as many as go into them.
  public static func typed(_ dtype: DType, bytes: [UInt8]) -> ConstantValue {
    // A bool is 0 or 1, so that equal values are equal bytes.
    ConstantValue(content: .typed(dtype, dtype == .bool ? bytes.map { min($0, 1) } : bytes))
  }
}

/// What can be given for a function constant: `ConstantValue`, every `BufferElement` (which has a type), vectors of them,
/// `Int` and `Double` (which take the constant's), and arrays of these for vectors.
public protocol ConstantConvertible: Sendable {
  var asConstant: ConstantValue { get }
}

extension ConstantValue: ConstantConvertible {
  public var asConstant: ConstantValue { self }
}

extension Int: ConstantConvertible {
  public var asConstant: ConstantValue { .integers(CollectionOfOne(self)) }
}

extension Double: ConstantConvertible {
  public var asConstant: ConstantValue { .reals(CollectionOfOne(self)) }
}

extension ConstantConvertible where Self: BufferElement {
  public var asConstant: ConstantValue {
    withUnsafeBytes(of: self) { .typed(Self.dtype, bytes: Array($0)) }
  }
}

extension Bool: ConstantConvertible {}
extension Int8: ConstantConvertible {}
extension UInt8: ConstantConvertible {}
extension Int16: ConstantConvertible {}
extension UInt16: ConstantConvertible {}
extension Int32: ConstantConvertible {}
extension UInt32: ConstantConvertible {}
extension Int64: ConstantConvertible {}
extension UInt64: ConstantConvertible {}
extension Float: ConstantConvertible {}
extension BFloat16: ConstantConvertible {}
#if !(os(macOS) && arch(x86_64))
  extension Float16: ConstantConvertible {}
#endif

extension ConstantConvertible where Self: SIMD, Scalar: BufferElement {
  public var asConstant: ConstantValue {
    let size = scalarCount * Scalar.dtype.size
    return withUnsafeBytes(of: self) { .typed(Scalar.dtype, bytes: Array($0.prefix(size))) }
  }
}

extension SIMD2: ConstantConvertible where Scalar: BufferElement {}
extension SIMD3: ConstantConvertible where Scalar: BufferElement {}
extension SIMD4: ConstantConvertible where Scalar: BufferElement {}

extension Array: ConstantConvertible where Element: ConstantConvertible {
  /// The elements' components one after another.
  public var asConstant: ConstantValue {
    let parts = map(\.asConstant.content)
    var (bytes, integers, reals, dtypes) = ([UInt8](), [Int128](), [Double](), Set<DType>())
    for part in parts {
      switch part {
      case .typed(let dtype, let part):
        dtypes.insert(dtype)
        bytes += part
      case .integers(let part): integers += part
      case .reals(let part): reals += part
      case .unrepresentable: return ConstantValue(content: part)
      }
    }
    switch (dtypes.count, integers.isEmpty, reals.isEmpty) {
    case (1, true, true): return .typed(dtypes.first!, bytes: bytes)
    case (0, false, true): return ConstantValue(content: .integers(integers))
    case (0, true, false): return ConstantValue(content: .reals(reals))
    case (0, true, true): return ConstantValue(content: .unrepresentable("an empty array"))
    default: return ConstantValue(content: .unrepresentable("an array of several types"))
    }
  }
}

extension ConstantValue: CustomStringConvertible {
  public var description: String {
    switch content {
    case .typed(let dtype, let bytes): dtype.metalName(width: bytes.count / dtype.size)
    case .integers(let values): values.count == 1 ? "\(values[0])" : "\(values)"
    case .reals(let values): values.count == 1 ? "\(values[0])" : "\(values)"
    case .unrepresentable(let what): what
    }
  }
}
