/// What a replay gives to arguments in place of what was recorded.
///
///     try graph.replay(
///       .buffer(x, with: y), .argument("a", with: .float(3)), .argument("out", of: 2, with: z))
///
/// Of several that mean one argument the most precise holds: one of a certain dispatch, then a name, then a buffer;
/// of these the last.
public struct Replacement: Sendable {
  enum Place: Sendable {
    case buffer(Buffer)
    case name(String)
    case argument(String, dispatch: Int)
  }

  let place: Place
  let value: Argument

  /// The kernels' argument of this name, in every dispatch that has it: all must have been recorded with the same value.
  public static func argument(_ name: String, with value: Argument) -> Replacement {
    Replacement(place: .name(name), value: value)
  }

  public static func argument(_ name: String, with value: some ArgumentConvertible) -> Replacement {
    argument(name, with: value.asArgument)
  }

  /// The argument of one dispatch, counted from 0; copies and fills count too, barriers do not.
  ///
  /// A copy has `source` and `destination`, a fill `buffer` and `value`.
  public static func argument(_ name: String, of dispatch: Int, with value: Argument) -> Replacement {
    Replacement(place: .argument(name, dispatch: dispatch), value: value)
  }

  public static func argument(_ name: String, of dispatch: Int, with value: some ArgumentConvertible)
    -> Replacement
  {
    argument(name, of: dispatch, with: value.asArgument)
  }

  /// A buffer, wherever the graph uses it, copies, fills and barriers included: the same bytes as the same dtype.
  public static func buffer(_ recorded: Buffer, with other: Buffer) -> Replacement {
    Replacement(place: .buffer(recorded), value: .buffer(other))
  }
}

extension Argument {
  /// The bytes of one or several scalars of `dtype`, or with none those of a struct, a vector or an array of such.
  ///
  /// Throws `.argument` if they are no whole number of scalars.
  public static func value(_ bytes: UnsafeRawBufferPointer, dtype: DType?) throws(IngotError) -> Argument {
    if let dtype, bytes.isEmpty || bytes.count % dtype.size != 0 {
      throw .argument("\(bytes.count) bytes are given for \(dtype.name), which has \(dtype.size)")
    }
    return Argument(content: .bytes(Array(bytes), of: dtype))
  }
}

extension Argument {
  /// Those of a value; nil for anything else.
  var bytes: [UInt8]? {
    switch content {
    case .scalar(let dtype, let bits): withUnsafeBytes(of: bits) { Array($0.prefix(dtype.size)) }
    case .bytes(let bytes, _): bytes
    default: nil
    }
  }

  /// Of a head of packed values.
  var dtype: Int {
    switch content {
    case .scalar(let dtype, _): Int(dtype.rawValue)
    case .bytes(_, let dtype): Int(dtype?.rawValue ?? 0)
    default: 0
    }
  }
}
