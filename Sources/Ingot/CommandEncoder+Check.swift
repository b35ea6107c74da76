extension CommandEncoder {
  /// Checks all arguments of a dispatch, and says whether it must wait for what came before. Encodes nothing.
  @inline(__always)
  func check(
    _ kernel: Kernel, _ buffers: DispatchBuffers, _ values: UnsafeRawBufferPointer
  ) throws(IngotError) -> Bool {
    guard kernel.deviceID == device.id else { throw foreign(kernel) }
    guard buffers.count <= kernel.arguments.count else { throw tooMany(buffers.count, for: kernel) }
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
      guard isAccepted else { try refuse(reference.takeUnretainedValue(), at: position, of: kernel) }
      given |= 1 << UInt64(position)
    }
    if !values.isEmpty { try checkValues(values, of: kernel, &given) }
    let missing = kernel.required & ~given
    guard missing == 0 else { throw kernel.missing(missing) }
    return conflicts
  }

  private func checkValues(
    _ values: UnsafeRawBufferPointer, of kernel: Kernel, _ given: inout UInt64
  ) throws(IngotError) {
    var values = PackedValues(values)
    var threadgroupMemory = kernel.staticThreadgroupMemory
    while let head = values.nextHead() {
      guard head.position < kernel.arguments.count else { throw kernel.noArgument(at: head.position) }
      let bit: UInt64 = 1 << UInt64(head.position)
      guard given & bit == 0 else { throw kernel.givenTwice(head.position) }
      given |= bit
      if kernel.rules[head.position].isBuffer {
        try kernel.checkInline(head)
        guard values.nextBytes(head.nbytes) != nil else { throw kernel.cutShort(head) }
      } else {
        try kernel.checkThreadgroupLength(head, device)
        threadgroupMemory += Threadgroup.roundedMemory(head.nbytes)
      }
    }
    guard values.isAtEnd else { throw .argument("the packed values end within a head") }
    guard threadgroupMemory <= device.maxThreadgroupMemory else {
      throw kernel.tooMuchThreadgroupMemory(threadgroupMemory, device)
    }
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
  private func foreign(_ kernel: Kernel) -> IngotError {
    .argument(
      "kernel '\(kernel.name)' belongs to another device object than \(name); compile its source on \(device.name)"
        + " as this encoder's device")
  }

  private func tooMany(_ count: Int, for kernel: Kernel) -> IngotError {
    .argument("\(count) arguments given; \(kernel.signature)")
  }

  @inline(never)
  private func refuse(_ buffer: Buffer, at position: Int, of kernel: Kernel) throws(IngotError) -> Never {
    guard buffer.deviceID == device.id else { throw refusal(of: buffer, at: position, of: kernel) }
    _ = try buffer.storage.hold()
    throw refusal(of: buffer, at: position, of: kernel)
  }

  private func refusal(of buffer: Buffer, at position: Int, of kernel: Kernel) -> IngotError {
    let argument = kernel.arguments[position]
    guard argument.kind == .buffer else {
      return .argument(
        "argument '\(argument.name)' of kernel '\(kernel.name)' is threadgroup memory; give its length in bytes, not a"
          + " buffer")
    }
    guard buffer.deviceID == device.id else {
      return .argument(
        "\(buffer) for argument '\(argument.name)' of kernel '\(kernel.name)' belongs to another device object than"
          + " \(name); make it on the encoder's device")
    }
    return .argument(kernel.mismatch(argument, buffer))
  }
}

extension Kernel {
  /// `saxpy takes x (float32), y (float32), a (float32 value)`.
  var signature: String {
    guard !arguments.isEmpty else { return "kernel '\(name)' takes none" }
    return "kernel '\(name)' takes \(arguments.map(\.summary).joined(separator: ", "))"
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
