// swift-format-ignore-file: AlwaysUseLowerCamelCase, for the C names

// ingot.h, section "Library and kernel": function constants.
import CIngot
import Ingot

@c @implementation
public func ingot_library_count_constants(
  _ library: OpaquePointer?, _ name: UnsafePointer<CChar>?, _ count: UnsafeMutablePointer<UInt64>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let library: Library = try object(library)
    let result = try required(count, "count")
    result.pointee = try UInt64(clamping: library.constants(of: Text.read(name, "name")).count)
  }
}

@c @implementation
public func ingot_library_get_constant(
  _ library: OpaquePointer?, _ name: UnsafePointer<CChar>?, _ position: UInt64,
  _ info: UnsafeMutablePointer<ingot_constant_info>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let library: Library = try object(library)
    let name = try Text.read(name, "name")
    let result = try Struct(info, "info")
    let constants = try library.constants(of: name)
    guard position < constants.count else { throw none(position, name, constants.count) }
    result.fill(ingot_constant_info(constants[Int(position)]))
  }
}

@c @implementation
public func ingot_library_get_specialised_kernel(
  _ library: OpaquePointer?, _ name: UnsafePointer<CChar>?, _ constants: UnsafePointer<ingot_constant>?,
  _ constant_count: UInt64, _ kernel: UnsafeMutablePointer<OpaquePointer?>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let library: Library = try object(library)
    let name = try Text.read(name, "name")
    let result = try required(kernel, "kernel")
    let values = try values(constants, constant_count)
    result.pointee = try handle(library.kernel(name, constants: values))
  }
}

private func values(
  _ constants: UnsafePointer<ingot_constant>?, _ count: UInt64
) throws(IngotError) -> [(key: ConstantName, value: ConstantValue)] {
  guard count > 0 else { return [] }
  guard count <= UInt64(INGOT_MAX_CONSTANTS) else {
    throw IngotError(
      .argument, "constant_count is \(count); at most \(INGOT_MAX_CONSTANTS) can be given at a time")
  }
  guard let constants else { throw .null("constants") }
  var values: [(key: ConstantName, value: ConstantValue)] = []
  for constant in UnsafeBufferPointer(start: constants, count: Int(count)) {
    let name = constant.name.map { ConstantName.name(String(cString: $0)) }
    try values.append((key: name ?? .index(Int(constant.index)), value: value(constant)))
  }
  return values
}

private func value(_ constant: ingot_constant) throws(IngotError) -> ConstantValue {
  let words = constant.value
  let all = [words.0, words.1, words.2, words.3]
  guard (1...4).contains(constant.width) else {
    throw IngotError(.argument, "the width of a constant is \(constant.width); it is 1 to 4")
  }
  let scalars = all.prefix(Int(constant.width))
  switch Int(constant.kind) {
  case INGOT_CONSTANT_TYPED:
    let dtype = try element(constant.dtype)
    let bytes = scalars.flatMap { word in withUnsafeBytes(of: word) { Array($0.prefix(dtype.size)) } }
    return .typed(dtype, bytes: bytes)
  case INGOT_CONSTANT_INTEGER: return .integers(scalars.map { Int64(bitPattern: $0) })
  case INGOT_CONSTANT_UNSIGNED: return .integers(scalars)
  case INGOT_CONSTANT_REAL: return .reals(scalars.map { Double(bitPattern: $0) })
  default:
    throw IngotError(
      .argument, "the kind of a constant is \(constant.kind); it is one of INGOT_CONSTANT_*, 0 to 3")
  }
}

@c @implementation
public func ingot_kernel_get_constant(
  _ kernel: OpaquePointer?, _ position: UInt64, _ info: UnsafeMutablePointer<ingot_constant_info>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let kernel: Kernel = try object(kernel)
    let result = try Struct(info, "info")
    guard position < kernel.constants.count else {
      throw none(position, kernel.label, kernel.constants.count)
    }
    result.fill(ingot_constant_info(kernel.constants[Int(position)]))
  }
}

private func none(_ position: UInt64, _ kernel: String, _ count: Int) -> IngotError {
  IngotError(
    .argument, "no function constant \(position): kernel '\(kernel)' has \(count), counted from 0")
}

extension ingot_constant_info {
  fileprivate init(_ constant: FunctionConstant) {
    self.init()
    index = UInt32(clamping: constant.index)
    dtype = constant.dtype.rawValue
    width = UInt32(clamping: constant.width)
    is_required = constant.isRequired ? 1 : 0
    Text.write(constant.name, toMember: &name)
  }

  fileprivate init(_ constant: KernelConstant) {
    self.init()
    index = constant.index.map { UInt32(clamping: $0) } ?? .max
    dtype = constant.dtype.rawValue
    width = UInt32(clamping: constant.width)
    is_required = 1
    Text.write(constant.name, toMember: &name)
    let size = constant.dtype.size
    withUnsafeMutableBytes(of: &value) { words in
      for (place, byte) in constant.bytes.enumerated() { words[place / size * 8 + place % size] = byte }
    }
  }
}
