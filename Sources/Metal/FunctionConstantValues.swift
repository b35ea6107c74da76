// swift-format-ignore-file: AlwaysUseLowerCamelCase, for Apple's names

/// Values for the function constants of a kernel, to be given to `makeFunction(name:constantValues:)`.
open class MTLFunctionConstantValues {
  struct Value: Hashable {
    var type: MTLDataType
    var bytes: [UInt8]
  }

  private var indexed: [Int: Value] = [:]
  private var named: [String: Value] = [:]

  public init() {}

  /// Copies a value of the type from `value`; a vector of three takes three components of it.
  open func setConstantValue(_ value: UnsafeRawPointer, type: MTLDataType, index: Int) {
    Self.check(index, "-[MTLFunctionConstantValues setConstantValue:type:atIndex:]")
    indexed[index] = Self.value(
      value, type, 0, "-[MTLFunctionConstantValues setConstantValue:type:atIndex:]")
  }

  open func setConstantValue(_ value: UnsafeRawPointer, type: MTLDataType, withName name: String) {
    named[name] = Self.value(
      value, type, 0, "-[MTLFunctionConstantValues setConstantValue:type:withName:]")
  }

  /// Copies one value for each index from an array; a vector of three takes as much of it as one of four.
  open func setConstantValues(_ values: UnsafeRawPointer, type: MTLDataType, range: Range<Int>) {
    for (place, index) in range.enumerated() {
      Self.check(index, "-[MTLFunctionConstantValues setConstantValues:type:withRange:]")
      indexed[index] = Self.value(
        values, type, place, "-[MTLFunctionConstantValues setConstantValues:type:withRange:]")
    }
  }

  /// Forgets all values.
  open func reset() {
    indexed = [:]
    named = [:]
  }

  /// What is set so far.
  func values() -> (indexed: [Int: Value], named: [String: Value]) { (indexed, named) }

  private static func check(_ index: Int, _ method: StaticString) {
    if MSLFunctionConstant.indices.contains(index) { return }
    misuse(method, "index(\(index)) must be < \(MSLFunctionConstant.indices.upperBound)")
  }

  private static func value(
    _ values: UnsafeRawPointer, _ type: MTLDataType, _ place: Int, _ method: StaticString
  ) -> Value {
    guard let (size, count) = type.components else {
      misuse(method, "\(type) is no type of a function constant")
    }
    let stride = size * (count == 3 ? 4 : count)
    return Value(
      type: type, bytes: Array(UnsafeRawBufferPointer(start: values + place * stride, count: size * count)))
  }
}

/// A function constant that a function needs, as `MTLFunction.functionConstantsDictionary` lists it.
open class MTLFunctionConstant {
  public let name: String
  public let type: MTLDataType
  public let index: Int
  /// Whether the function cannot be made without a value for it.
  public let required: Bool

  init(_ constant: MSLFunctionConstant) {
    name = constant.name
    type = constant.type
    index = constant.index
    required = constant.isRequired
  }
}
