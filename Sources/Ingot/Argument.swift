/// What a kernel argument is given: a buffer, a value, or a length of threadgroup memory.
///
///     try encoder.dispatch(saxpy, x, y, .float(2), grid: x.count)
///
/// Values are copied into the command buffer; they can stand only for `constant` and `const device` arguments.
public struct Argument: Sendable {
  enum Content: Sendable {
    case buffer(Buffer)
    case scalar(DType, bits: UInt64)
    case bytes([UInt8], of: DType?)
    case threadgroup(nbytes: Int)
    case unrepresentable(String)
  }

  let content: Content

  public static func buffer(_ buffer: Buffer) -> Argument { Argument(content: .buffer(buffer)) }
}

/// What can be given as a kernel argument: `Buffer`, `Argument`, and every `BufferElement` as a value.
public protocol ArgumentConvertible {
  var asArgument: Argument { get }
}

extension Argument: ArgumentConvertible {
  public var asArgument: Argument { self }
}

extension Buffer: ArgumentConvertible {
  public var asArgument: Argument { .buffer(self) }
}

extension ArgumentConvertible where Self: BufferElement {
  public var asArgument: Argument { Argument(scalar: self) }
}

extension Bool: ArgumentConvertible {}
extension Int8: ArgumentConvertible {}
extension UInt8: ArgumentConvertible {}
extension Int16: ArgumentConvertible {}
extension UInt16: ArgumentConvertible {}
extension Int32: ArgumentConvertible {}
extension UInt32: ArgumentConvertible {}
extension Int64: ArgumentConvertible {}
extension UInt64: ArgumentConvertible {}
extension Float: ArgumentConvertible {}
extension BFloat16: ArgumentConvertible {}

// These are found behind a leading dot: `.float(2)`, `.uint32(count)`.
extension ArgumentConvertible where Self == Argument {
  /// Rounded to float32; a number beyond its range is refused by the dispatch, as by the others of these.
  public static func float(_ value: some BinaryFloatingPoint) -> Argument {
    rounded(Float(value), of: value) { $0.isFinite }
  }
  public static func float(_ value: some BinaryInteger) -> Argument { Argument(scalar: Float(value)) }
  public static func bfloat16(_ value: some BinaryFloatingPoint) -> Argument {
    rounded(BFloat16(Float(value)), of: value) { $0.float.isFinite }
  }
  public static func bfloat16(_ value: some BinaryInteger) -> Argument {
    Argument(scalar: BFloat16(Float(value)))
  }
  public static func int8(_ value: some BinaryInteger) -> Argument { Argument(Int8.self, value) }
  public static func uint8(_ value: some BinaryInteger) -> Argument { Argument(UInt8.self, value) }
  public static func int16(_ value: some BinaryInteger) -> Argument { Argument(Int16.self, value) }
  public static func uint16(_ value: some BinaryInteger) -> Argument { Argument(UInt16.self, value) }
  public static func int32(_ value: some BinaryInteger) -> Argument { Argument(Int32.self, value) }
  public static func uint32(_ value: some BinaryInteger) -> Argument { Argument(UInt32.self, value) }
  public static func int64(_ value: some BinaryInteger) -> Argument { Argument(Int64.self, value) }
  public static func uint64(_ value: some BinaryInteger) -> Argument { Argument(UInt64.self, value) }
  public static func bool(_ value: Bool) -> Argument { Argument(scalar: value) }
  /// The bytes of a value of any plain type, for `struct` and vector arguments; a struct has the padding of its stride.
  public static func bytes<T: BitwiseCopyable>(of value: T) -> Argument { bytes(of: CollectionOfOne(value)) }
  /// The bytes of several values of a plain type, for arrays of structs and vectors.
  public static func bytes<T: BitwiseCopyable>(of values: some Collection<T>) -> Argument {
    Argument(content: .bytes(Argument.bytes(of: values), of: nil))
  }
  /// Numbers for an argument that is an array: `constant float *weights`.
  ///
  /// Up to 4096 bytes go inline, more to memory of the pool, which the submission gives back.
  public static func array<T: BufferElement>(_ values: [T]) -> Argument {
    Argument(content: .bytes(Argument.bytes(of: values), of: T.dtype))
  }
  /// Threadgroup memory, in bytes; rounded up to the 16 that Metal asks for.
  public static func threadgroup(bytes: Int) -> Argument { Argument(content: .threadgroup(nbytes: bytes)) }
}

#if !(os(macOS) && arch(x86_64))
  extension Float16: ArgumentConvertible {}

  extension ArgumentConvertible where Self == Argument {
    public static func half(_ value: some BinaryFloatingPoint) -> Argument {
      rounded(Float16(value), of: value) { $0.isFinite }
    }
    public static func half(_ value: some BinaryInteger) -> Argument { half(Double(value)) }
  }
#endif

extension ArgumentConvertible where Self == Argument {
  /// A number that was rounded, unless that has made it infinite.
  @inline(__always)
  fileprivate static func rounded<T: BufferElement, V: BinaryFloatingPoint>(
    _ rounded: T, of value: V, isFinite: (T) -> Bool
  ) -> Argument {
    if isFinite(rounded) || !value.isFinite { return Argument(scalar: rounded) }
    return Argument(content: .unrepresentable("\(value) is beyond the range of \(T.dtype.name)"))
  }
}

extension Argument {
  /// Each value with the padding of its stride, as C lays out arrays.
  fileprivate static func bytes<T: BitwiseCopyable>(of values: some Collection<T>) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: values.count * MemoryLayout<T>.stride)
    bytes.withUnsafeMutableBytes { target in
      for (index, value) in values.enumerated() {
        withUnsafeBytes(of: value) {
          UnsafeMutableRawBufferPointer(rebasing: target[(index * MemoryLayout<T>.stride)...]).copyMemory(
            from: $0)
        }
      }
    }
    return bytes
  }

  init<T: BufferElement>(scalar value: T) {
    var bits: UInt64 = 0
    withUnsafeMutableBytes(of: &bits) { $0.storeBytes(of: value, as: T.self) }
    self.init(content: .scalar(T.dtype, bits: bits))
  }

  /// A number that `T` cannot hold becomes an argument that the dispatch refuses: this cannot throw.
  init<T: BufferElement & FixedWidthInteger>(_ type: T.Type, _ value: some BinaryInteger) {
    if let exact = T(exactly: value) {
      self.init(scalar: exact)
    } else {
      self.init(
        content: .unrepresentable("\(value) is no \(T.dtype.name), which holds \(T.min) to \(T.max)"))
    }
  }
}
