/// A function constant of a kernel, as Metal's reflection describes it (`MTLFunctionConstant`).
///
///     for constant in try library.constants(of: "softmax") { print(constant.name, constant.index, constant.dtype) }
public struct FunctionConstant: Sendable, Hashable {
  public let name: String
  /// The n of `[[function_constant(n)]]`.
  public let index: Int
  /// Of its scalars.
  public let dtype: DType
  /// Scalars in it: 4 for `float4`.
  public let width: Int
  /// Whether the kernel cannot be made without a value for it.
  public let isRequired: Bool
}

/// What a function constant is called by: its name, or its index.
public enum ConstantName: Sendable, Hashable, ExpressibleByStringLiteral, ExpressibleByIntegerLiteral,
  CustomStringConvertible
{
  case name(String)
  case index(Int)

  public init(stringLiteral value: String) { self = .name(value) }
  public init(integerLiteral value: Int) { self = .index(value) }

  public var description: String {
    switch self {
    case .name(let name): "'\(name)'"
    case .index(let index): "\(index)"
    }
  }
}

/// A function constant with the value that a kernel was made with.
///
///     let kernel = try library.kernel("step", constants: ["n": 4])
///     print(kernel.constants[0].values(of: Int32.self) ?? [])
public struct KernelConstant: Sendable, Hashable {
  /// Empty where the value was given by index and Metal does not tell the name.
  public let name: String
  /// nil where the value was given by name and Metal does not tell the index.
  public let index: Int?
  public let dtype: DType
  public let width: Int
  /// The scalars one after another.
  public let bytes: [UInt8]

  /// The scalars; nil if they are of another type.
  public func values<T: BufferElement>(of type: T.Type) -> [T]? {
    guard T.dtype == dtype else { return nil }
    return bytes.withUnsafeBytes { memory in
      (0..<width).map { memory.loadUnaligned(fromByteOffset: $0 * dtype.size, as: T.self) }
    }
  }
}

extension DType {
  /// MSL's name of a scalar or vector, for example `float3`.
  func metalName(width: Int) -> String {
    let scalar =
      switch self {
      case .bool: "bool"
      case .int8: "char"
      case .uint8: "uchar"
      case .int16: "short"
      case .uint16: "ushort"
      case .int32: "int"
      case .uint32: "uint"
      case .int64: "long"
      case .uint64: "ulong"
      case .float16: "half"
      case .bfloat16: "bfloat"
      case .float32: "float"
      }
    return width == 1 ? scalar : "\(scalar)\(width)"
  }
}

extension FunctionConstant: CustomStringConvertible {
  public var description: String { "\(name) (index \(index), \(dtype.metalName(width: width)))" }
}

extension KernelConstant: CustomStringConvertible {
  public var description: String { "\(index.map(String.init) ?? name):\(code)\(valueText)" }

  /// A letter or two for the type, so that labels of pipelines stay short.
  private var code: String {
    switch dtype {
    case .bool: "b"
    case .int8: "c"
    case .uint8: "uc"
    case .int16: "s"
    case .uint16: "us"
    case .int32: "i"
    case .uint32: "u"
    case .int64: "l"
    case .uint64: "ul"
    case .float16: "h"
    case .bfloat16: "bf"
    case .float32: "f"
    }
  }

  private var valueText: String {
    let scalars = (0..<width).map { dtype.text(of: bytes[$0 * dtype.size..<($0 + 1) * dtype.size]) }
    return width == 1 ? scalars[0] : "\(width)(\(scalars.joined(separator: ",")))"
  }
}

extension DType {
  /// A scalar in words.
  fileprivate func text(of bytes: ArraySlice<UInt8>) -> String {
    let bits = bytes.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    return switch self {
    case .bool, .uint8, .uint16, .uint32, .uint64: "\(bits)"
    case .int8: "\(Int8(truncatingIfNeeded: bits))"
    case .int16: "\(Int16(truncatingIfNeeded: bits))"
    case .int32: "\(Int32(truncatingIfNeeded: bits))"
    case .int64: "\(Int64(bitPattern: bits))"
    case .float16: "\(Half.float(UInt16(bits)))"
    case .bfloat16: "\(BFloat16(bitPattern: UInt16(bits)))"
    case .float32: "\(Float(bitPattern: UInt32(bits)))"
    }
  }
}
