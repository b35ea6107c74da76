/// A Swift type that stands for one element of a buffer.
///
///     func sum<T: BufferElement & Numeric>(_ buffer: Buffer, of type: T.Type) throws -> T {
///       try buffer.values(of: type).reduce(0, +)
///     }
public protocol BufferElement: BitwiseCopyable, Sendable {
  static var dtype: DType { get }
}

extension Bool: BufferElement { public static var dtype: DType { .bool } }
extension Int8: BufferElement { public static var dtype: DType { .int8 } }
extension UInt8: BufferElement { public static var dtype: DType { .uint8 } }
extension Int16: BufferElement { public static var dtype: DType { .int16 } }
extension UInt16: BufferElement { public static var dtype: DType { .uint16 } }
extension Int32: BufferElement { public static var dtype: DType { .int32 } }
extension UInt32: BufferElement { public static var dtype: DType { .uint32 } }
extension Int64: BufferElement { public static var dtype: DType { .int64 } }
extension UInt64: BufferElement { public static var dtype: DType { .uint64 } }
extension Float: BufferElement { public static var dtype: DType { .float32 } }
extension BFloat16: BufferElement { public static var dtype: DType { .bfloat16 } }

// Swift has no Float16 on Intel Macs.
#if !(os(macOS) && arch(x86_64))
  extension Float16: BufferElement { public static var dtype: DType { .float16 } }
#endif

/// MSL's `bfloat`: the upper half of a `Float`, which Swift has no type for.
///
///     let weights = try device.array(values.map(BFloat16.init))
public struct BFloat16: Sendable, Hashable, BitwiseCopyable, CustomStringConvertible {
  public var bitPattern: UInt16

  public init(bitPattern: UInt16) { self.bitPattern = bitPattern }

  /// The nearest value, ties to even; a NaN stays one.
  public init(_ value: Float) {
    let bits = value.bitPattern
    guard !value.isNaN else {
      bitPattern = UInt16(bits >> 16) | 0x40
      return
    }
    let half: UInt32 = 0x7fff + (bits >> 16 & 1)
    bitPattern = UInt16((bits &+ half) >> 16)
  }

  public var float: Float { Float(bitPattern: UInt32(bitPattern) << 16) }

  public var description: String { float.description }
}
