/// One function constant that a kernel uses.
struct MSLFunctionConstant: Hashable, Sendable {
  /// With its namespaces.
  var name: String
  var type: MTLDataType
  var index: Int
  /// Whether the kernel has no value for it unless one is given: it never asks `is_function_constant_defined`.
  var isRequired: Bool

  static let indices = 0..<65536
}

/// The values of a specialisation, by index; equal values have equal bytes.
struct MSLSpecialisation: Hashable, Sendable {
  private(set) var values: [Int: [UInt64]] = [:]

  static let none = MSLSpecialisation()

  /// Gives a constant its value: so many bytes as its type has.
  mutating func set(_ constant: MSLFunctionConstant, _ bytes: [UInt8]) {
    guard let (size, count) = constant.type.components else { return }
    values[constant.index] = (0..<count).map { component in
      let part = bytes[component * size..<(component + 1) * size]
      let bits = part.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
      return constant.type.isBool ? min(bits, 1) : bits
    }
  }

  private var sorted: [(index: Int, bits: [UInt64])] {
    values.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }

  /// The same text for the same values, whatever their order.
  var key: String {
    sorted.map { "\($0.index):" + $0.bits.map { String($0, radix: 16) }.joined(separator: ",") }
      .joined(separator: ";")
  }

  /// One line of C++ that comes before the code of a library.
  var preamble: String {
    let texts = sorted.map { index, bits in
      let words = bits.map { "0x\(String($0, radix: 16))ul" }.joined(separator: ", ")
      return "template <> struct constant_value<\(index)> { static constexpr bool is_defined = true; "
        + "static constexpr unsigned long bits[4] = {\(words)}; };"
    }
    return texts.isEmpty ? "" : "namespace mtl { \(texts.joined(separator: " ")) }"
  }
}

extension MTLDataType {
  /// The bytes of one component and how many there are, of the types that a function constant may have.
  var components: (size: Int, count: Int)? {
    for (first, _, size) in Self.constantTypes {
      let count = Int(rawValue) - Int(first.rawValue) + 1
      if (1...4).contains(count) { return (size, count) }
    }
    return nil
  }

  fileprivate var isBool: Bool { Self.bool.rawValue...Self.bool4.rawValue ~= rawValue }

  /// MSL's name of it, where it is a type that a function constant may have.
  var constantTypeName: String? {
    for (first, name, _) in Self.constantTypes {
      let count = Int(rawValue) - Int(first.rawValue) + 1
      if (1...4).contains(count) { return count == 1 ? name : "\(name)\(count)" }
    }
    return nil
  }

  /// The type of that name in MSL: `uint`, `half4`.
  init?(constantTypeName name: String) {
    let width = name.last.flatMap { "234".contains($0) ? Int(String($0)) : nil } ?? 1
    let scalar = width == 1 ? name : String(name.dropLast())
    guard let row = Self.constantTypes.first(where: { $0.name == scalar }) else { return nil }
    self.init(rawValue: row.first.rawValue + UInt(width - 1))
  }

  /// Each is followed by its vectors of 2, 3 and 4.
  private static let constantTypes: [(first: MTLDataType, name: String, size: Int)] = [
    (.float, "float", 4), (.half, "half", 2), (.bfloat, "bfloat", 2), (.bool, "bool", 1), (.char, "char", 1),
    (.uchar, "uchar", 1), (.short, "short", 2), (.ushort, "ushort", 2), (.int, "int", 4), (.uint, "uint", 4),
    (.long, "long", 8), (.ulong, "ulong", 8),
  ]
}
