/// The type of a buffer's elements: what MSL and NumPy share.
///
/// There is no `float64` and no complex type, because MSL has none.
public enum DType: Int32, Sendable, CaseIterable {
  case bool = 1
  case int8 = 2
  case uint8 = 3
  case int16 = 4
  case uint16 = 5
  case int32 = 6
  case uint32 = 7
  case int64 = 8
  case uint64 = 9
  case float16 = 10
  case bfloat16 = 11
  case float32 = 12

  /// Bytes of one element.
  public var size: Int {
    switch self {
    case .bool, .int8, .uint8: 1
    case .int16, .uint16, .float16, .bfloat16: 2
    case .int32, .uint32, .float32: 4
    case .int64, .uint64: 8
    }
  }

  /// NumPy's name, for example `"float32"`.
  public var name: String { String(describing: self) }
}
