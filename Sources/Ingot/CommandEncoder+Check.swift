extension CommandEncoder {
  /// Checks all arguments of a dispatch, and says whether it must wait for what came before. Encodes nothing.
  @inline(__always)
  func check(
    _ kernel: Kernel, _ buffers: DispatchBuffers, _ values: UnsafeRawBufferPointer
  ) throws(IngotError) -> Bool {
    guard kernel.deviceID == device.id else { throw foreign(kernel) }
    guard buffers.count <= kernel.arguments.count else { throw kernel.tooMany(buffers.count) }
    let isTracked = self.isTracked && dispatchCount > 0
    var given: UInt64 = 0
    var conflicts = isTracked && hazards.isFull
    for position in 0..<buffers.count {
      guard let reference = buffers[position] else { continue }
      let rule = kernel.rules[position]
      let isAccepted = reference._withUnsafeGuaranteedRef { buffer in
        guard buffer.deviceID == device.id, uses.hold(buffer.storage, encoder: id) else { return false }
        if isTracked && !conflicts {
          let (start, end) = buffer.addresses
          conflicts = hazards.conflicts(start, end, writes: rule.writes)
        }
        return rule.accepts(buffer)
      }
      guard isAccepted else { try kernel.refuse(reference.takeUnretainedValue(), at: position) }
      given |= 1 << UInt64(position)
    }
    let hasLongValues = values.isEmpty ? false : try kernel.checkValues(values, &given, on: device)
    let missing = kernel.required & ~given
    guard missing == 0 else { throw kernel.missing(missing) }
    if hasLongValues { try keepLongValues(values, of: kernel) }
    return conflicts
  }
}

extension Kernel {
  /// Checks the values of a dispatch, and notes what they are given for; whether one is too long to go inline.
  func checkValues(
    _ values: UnsafeRawBufferPointer, _ given: inout UInt64, on device: Device
  ) throws(IngotError) -> Bool {
    var values = PackedValues(values)
    var threadgroupMemory = staticThreadgroupMemory
    var hasLongValues = false
    while let head = values.nextHead() {
      guard head.position < arguments.count else { throw noArgument(at: head.position) }
      let bit: UInt64 = 1 << UInt64(head.position)
      guard given & bit == 0 else { throw givenTwice(head.position) }
      given |= bit
      let rule = rules[head.position]
      if rule.isBuffer {
        // Most values are numbers of the right type.
        if head.dtype == 0 || (head.dtype, head.nbytes) != rule.value { try checkValue(head) }
        guard values.nextBytes(head.nbytes) != nil else { throw cutShort(head) }
        if head.nbytes > Kernel.inlineLimit { hasLongValues = true }
      } else {
        try checkThreadgroupLength(head, device)
        threadgroupMemory += Threadgroup.roundedMemory(head.nbytes)
      }
    }
    guard values.isAtEnd else { throw .argument("the packed values end within a head") }
    guard threadgroupMemory <= device.maxThreadgroupMemory else {
      throw tooMuchThreadgroupMemory(threadgroupMemory, device)
    }
    return hasLongValues
  }
}

extension ArgumentRule {
  @inline(__always)
  func accepts(_ buffer: Buffer) -> Bool {
    isBuffer && (dtype == nil || dtype == buffer.dtype)
      && (buffer.storage.base &+ buffer.offset) & misalignment == 0
      && (divisor == 1 || buffer.nbytes % divisor == 0) && !(writes && buffer.isReadOnly)
  }
}

// What is wrong, in words. None of it is on the hot path.
extension CommandEncoder {
  func foreign(_ kernel: Kernel) -> IngotError {
    .argument(
      "kernel '\(kernel.name)' belongs to another device object than \(name); compile its source on \(device.name)"
        + " as this encoder's device")
  }
}

extension Kernel {
  /// `saxpy takes x (float32), y (float32), a (float32 value)`.
  var signature: String {
    guard !arguments.isEmpty else { return "kernel '\(name)' takes none" }
    return "kernel '\(name)' takes \(arguments.map(\.summary).joined(separator: ", "))"
  }

  func tooMany(_ count: Int) -> IngotError { .argument("\(count) arguments given; \(signature)") }

  /// Throws why the argument at a position does not take a buffer.
  @inline(never)
  func refuse(_ buffer: Buffer, at position: Int) throws(IngotError) -> Never {
    let argument = arguments[position]
    guard buffer.deviceID == deviceID else {
      throw .argument(
        "\(buffer) for argument '\(argument.name)' of kernel '\(name)' belongs to another device object than the kernel;"
          + " make it on the kernel's device")
    }
    _ = try buffer.storage.hold()
    guard argument.kind == .buffer else {
      throw .argument(
        "argument '\(argument.name)' of kernel '\(name)' is threadgroup memory; give its length in bytes, not a buffer"
      )
    }
    throw .argument(mismatch(argument, buffer))
  }

  func missing(_ missing: UInt64) -> IngotError {
    let names = arguments.indices.filter { missing & 1 << UInt64($0) != 0 }.map { "'\(arguments[$0].name)'" }
    return .argument("\(names.joined(separator: ", ")) not given; \(signature)")
  }

  fileprivate func mismatch(_ argument: KernelArgument, _ buffer: Buffer) -> String {
    let place = "argument '\(argument.name)' of kernel '\(name)'"
    if let dtype = argument.acceptedDType, dtype != buffer.dtype {
      return "\(place) is \(dtype.name), but the buffer holds \(buffer.dtype.name)"
    }
    if argument.access.contains(.write), buffer.isReadOnly {
      return "\(place) is written by the kernel, but \(buffer) is read-only; give its .copy()"
    }
    if (buffer.storage.base + buffer.offset) % max(1, argument.alignment) != 0 {
      return
        "\(place) (\(argument.elementName)) must begin at a multiple of \(argument.alignment) bytes, but \(buffer) is a"
        + " window that begins at byte \(buffer.offset); give its .copy()"
    }
    return
      "\(place) is made of elements of \(argument.nbytes) bytes, which \(buffer.nbytes) bytes are no multiple of"
  }

  fileprivate func noArgument(at position: Int) -> IngotError {
    .argument("a value is given for argument number \(position), counted from 0; \(signature)")
  }

  fileprivate func givenTwice(_ position: Int) -> IngotError {
    .argument("argument '\(arguments[position].name)' of kernel '\(name)' is given twice")
  }

  fileprivate func cutShort(_ head: PackedValues.Head) -> IngotError {
    .argument("the packed values end before the \(head.nbytes) bytes of '\(arguments[head.position].name)'")
  }
}

extension KernelArgument {
  /// What a message calls the type of an element.
  var elementName: String {
    guard let dtype else { return nbytes > 1 ? "\(nbytes)-byte struct" : "bytes" }
    return width > 1 ? "\(dtype.name) x \(width)" : dtype.name
  }

  fileprivate var summary: String {
    switch kind {
    case .threadgroup: "\(name) (threadgroup memory)"
    case .buffer: "\(name) (\(elementName)\(takesInline ? ", or a value" : "")\(isUsed ? "" : ", unused"))"
    }
  }
}
