extension Kernel {
  /// Metal copies at most so many bytes for one inline argument; a longer value goes to memory of the pool.
  static let inlineLimit = 4096

  /// Bytes of the longest value: who has more has a buffer.
  static let valueLimit = 1 << 30

  /// Checks a value that is given in place of a buffer.
  func checkValue(_ head: PackedValues.Head) throws(IngotError) {
    let argument = arguments[head.position]
    guard argument.takesInline else {
      throw .argument(
        "argument '\(argument.name)' of kernel '\(name)' is written through, so it needs a buffer; only constant and"
          + " const device arguments take a value")
    }
    guard (1...Self.valueLimit).contains(head.nbytes) else { throw badLength(head.nbytes, of: argument) }
    guard head.dtype == 0 || DType(rawValue: Int32(head.dtype)) != nil else {
      throw .argument("\(head.dtype) is no dtype (argument '\(argument.name)' of kernel '\(name)')")
    }
    try checkType(head, argument)
  }

  func badLength(_ nbytes: Int, of argument: KernelArgument) -> IngotError {
    .argument(
      "\(nbytes) bytes given for argument '\(argument.name)' of kernel '\(name)'; a value has 1 to \(Self.valueLimit), put"
        + " more into a buffer")
  }

  private func checkType(_ head: PackedValues.Head, _ argument: KernelArgument) throws(IngotError) {
    // A typed value for `uchar` is a number: it must be one byte, unlike a buffer, which may be anything.
    if argument.width == 1, let expected = argument.dtype, let dtype = DType(rawValue: Int32(head.dtype)) {
      guard dtype == expected else {
        throw .argument(
          "argument '\(argument.name)' of kernel '\(name)' is \(expected.name), but the value is \(dtype.name)"
        )
      }
    }
    guard head.nbytes % max(1, argument.nbytes) == 0 else {
      throw .argument(
        "argument '\(argument.name)' of kernel '\(name)' is \(argument.elementName) of \(argument.nbytes) bytes, but"
          + " the value has \(head.nbytes)")
    }
  }

  /// Checks a length that is given for threadgroup memory.
  func checkThreadgroupLength(_ head: PackedValues.Head, _ device: Device) throws(IngotError) {
    let argument = arguments[head.position]
    guard head.nbytes > 0 else {
      throw .argument(
        "0 bytes given for threadgroup memory '\(argument.name)' of kernel '\(name)'; give its length")
    }
    guard head.dtype == 0 else {
      throw .argument(
        "argument '\(argument.name)' of kernel '\(name)' is threadgroup memory; give its length in bytes, not a value"
      )
    }
    guard head.nbytes <= device.maxThreadgroupMemory else {
      throw tooMuchThreadgroupMemory(head.nbytes, device)
    }
  }

  func tooMuchThreadgroupMemory(_ nbytes: Int, _ device: Device) -> IngotError {
    .argument(
      "kernel '\(name)' would use \(nbytes) bytes of threadgroup memory, \(staticThreadgroupMemory) of them its own;"
        + " \(device.name) has \(device.maxThreadgroupMemory)")
  }
}
