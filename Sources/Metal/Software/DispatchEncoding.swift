import CMetalRuntime

// Dispatches: checked against the kernel as the validation layer does, then written into the stream.
extension SoftwareComputeCommandEncoder {
  func dispatchThreads(_ threadsPerGrid: MTLSize, threadsPerThreadgroup: MTLSize) {
    encode(threadsPerGrid, threadsPerThreadgroup, countsThreadgroups: false)
  }

  func dispatchThreadgroups(_ threadgroupsPerGrid: MTLSize, threadsPerThreadgroup: MTLSize) {
    encode(threadgroupsPerGrid, threadsPerThreadgroup, countsThreadgroups: true)
  }

  func dispatchThreadgroups(
    indirectBuffer: any MTLBuffer, indirectBufferOffset: Int, threadsPerThreadgroup: MTLSize
  ) {
    let method: StaticString = "-[MTLDebugComputeCommandEncoder dispatchThreadgroupsWithIndirectBuffer:]"
    let buffer = use(indirectBuffer)
    guard indirectBufferOffset >= 0, indirectBufferOffset % 4 == 0 else {
      misuse(method, "indirectBufferOffset(\(indirectBufferOffset)) must be a multiple of 4.")
    }
    let size = MemoryLayout<MTLDispatchThreadgroupsIndirectArguments>.size
    guard indirectBufferOffset <= buffer.length - size else {
      misuse(
        method, "indirectBufferOffset(\(indirectBufferOffset)) + \(size) must be <= length(\(buffer.length))."
      )
    }
    let dispatch = encode(MTLSizeMake(1, 1, 1), threadsPerThreadgroup, countsThreadgroups: true)
    dispatch.pointee.indirect = UnsafeRawPointer(buffer.address + indirectBufferOffset)
    dispatch.pointee.indirectResource = buffer.identity
  }

  @inline(__always)
  @discardableResult
  private func encode(
    _ size: MTLSize, _ group: MTLSize, countsThreadgroups: Bool
  ) -> UnsafeMutablePointer<DispatchCommand> {
    guard isEncoding, let facts else { dispatchIsMisplaced() }
    if trace != nil { traceDispatch(size, group, countsThreadgroups) }
    let threads = checkedProduct(group)
    guard threads > 0, threads <= facts.pointee.maxTotalThreads, checkedSize(size),
      facts.pointee.usedBuffers & ~bound == 0, threadgroupMemoryFits(facts)
    else { dispatchIsWrong(size, group) }
    return append(facts, size, group, countsThreadgroups)
  }

  @inline(__always)
  private func append(
    _ facts: UnsafeMutablePointer<KernelFacts>, _ size: MTLSize, _ group: MTLSize, _ countsThreadgroups: Bool
  ) -> UnsafeMutablePointer<DispatchCommand> {
    let present = facts.pointee.buffers & bound
    let presentThreadgroups = facts.pointee.threadgroups & boundThreadgroups
    let extra =
      present.nonzeroBitCount * MemoryLayout<DispatchArgument>.stride
      + presentThreadgroups.nonzeroBitCount * MemoryLayout<UInt32>.stride
    let record = DispatchCommand(
      kernel: facts.pointee.kernel, arguments: present, written: facts.pointee.writtenBuffers,
      threadgroupArguments: presentThreadgroups, countsThreadgroups: countsThreadgroups,
      size: words(size), threadsPerThreadgroup: words(group))
    let dispatch = stream.pointee.append(record, extra: extra)
    writeArguments(facts, present, to: DispatchCommand.arguments(of: dispatch))
    if presentThreadgroups != 0 {
      writeThreadgroupLengths(presentThreadgroups, to: DispatchCommand.threadgroupLengths(of: dispatch))
    }
    return dispatch
  }

  @inline(__always)
  private func writeArguments(
    _ facts: UnsafeMutablePointer<KernelFacts>, _ present: UInt32,
    to arguments: UnsafeMutablePointer<DispatchArgument>
  ) {
    var rest = present
    var argument = arguments
    while rest != 0 {
      let index = rest.trailingZeroBitCount
      rest &= rest - 1
      let slot = slots[index]
      let demand = facts.pointee.demands[index]
      if UInt(bitPattern: slot.address) & UInt(demand.alignmentMask) != 0 || slot.rest < demand.size {
        argumentIsWrong(index)
      }
      argument.initialize(to: DispatchArgument(address: slot.address, resource: slot.resource))
      argument += 1
    }
  }

  private func writeThreadgroupLengths(_ present: UInt32, to lengths: UnsafeMutablePointer<UInt32>) {
    var rest = present
    var length = lengths
    while rest != 0 {
      length.initialize(to: threadgroupLengths[rest.trailingZeroBitCount])
      length += 1
      rest &= rest - 1
    }
  }

  @inline(__always)
  private func threadgroupMemoryFits(_ facts: UnsafeMutablePointer<KernelFacts>) -> Bool {
    facts.pointee.threadgroups == 0
      || facts.pointee.usedThreadgroups & ~boundThreadgroups == 0
        && threadgroupMemory(facts) <= commandBuffer.softwareDevice.maxThreadgroupMemoryLength
  }

  private func threadgroupMemory(_ facts: UnsafeMutablePointer<KernelFacts>) -> Int {
    var total = facts.pointee.staticThreadgroupLength
    for index in 0..<SoftwareComputeCommandEncoder.slotCount
    where facts.pointee.threadgroups & boundThreadgroups & 1 << UInt32(index) != 0 {
      total += Int(threadgroupLengths[index])
    }
    return total
  }
}

@inline(__always)
private func words(_ size: MTLSize) -> (UInt32, UInt32, UInt32) {
  (
    UInt32(truncatingIfNeeded: size.width), UInt32(truncatingIfNeeded: size.height),
    UInt32(truncatingIfNeeded: size.depth)
  )
}

/// Each from 1 to what 32 bits hold.
@inline(__always)
private func checkedSize(_ size: MTLSize) -> Bool {
  size.width > 0 && size.height > 0 && size.depth > 0 && (size.width | size.height | size.depth) >> 32 == 0
}

/// The product of sizes up to 1024 each, else 0.
@inline(__always)
private func checkedProduct(_ size: MTLSize) -> Int {
  guard checkedSize(size), (size.width | size.height | size.depth) < 2048 else { return 0 }
  return size.width &* size.height &* size.depth
}

// What was wrong, found out only when it is; never returns.
extension SoftwareComputeCommandEncoder {
  private static let method: StaticString =
    "-[MTLDebugComputeCommandEncoder dispatchThreads:threadsPerThreadgroup:]"

  @inline(never)
  private func dispatchIsMisplaced() -> Never {
    checkEncoding(SoftwareComputeCommandEncoder.method)
    misuse(
      SoftwareComputeCommandEncoder.method, "No compute pipeline state is set: setComputePipelineState first."
    )
  }

  @inline(never)
  private func dispatchIsWrong(_ size: MTLSize, _ group: MTLSize) -> Never {
    let method = SoftwareComputeCommandEncoder.method
    guard checkedSize(size) else {
      misuse(method, "the grid (\(describe(size))) must not be empty, nor a side of it above 4294967295.")
    }
    guard checkedSize(group) else {
      misuse(method, "threadsPerThreadgroup(\(describe(group))) must not be empty.")
    }
    let facts = self.facts!.pointee
    let (product, limit) = (describe(group), facts.maxTotalThreads)
    guard checkedProduct(group) > 0, checkedProduct(group) <= limit else {
      misuse(
        "-[MTLDebugComputeCommandEncoder _validateThreadsPerThreadgroup:]",
        "(threadsPerThreadgroup.width * height * depth)(\(product)) must be <= \(limit).")
    }
    misuse(method, missingBinding(facts) ?? threadgroupMemoryText(facts))
  }

  private func missingBinding(_ facts: KernelFacts) -> String? {
    let buffers = facts.usedBuffers & ~bound
    if buffers != 0 {
      let index = buffers.trailingZeroBitCount
      return "\(function): missing Buffer binding at index \(index) for \(argumentName(.buffer, index))[0]."
    }
    let threadgroups = facts.usedThreadgroups & ~boundThreadgroups
    guard threadgroups != 0 else { return nil }
    let index = threadgroups.trailingZeroBitCount
    let name = argumentName(.threadgroup, index)
    return "\(function): missing Threadgroup Memory binding at index \(index) for \(name)[0]."
  }

  private func threadgroupMemoryText(_ facts: KernelFacts) -> String {
    let total = threadgroupMemory(self.facts!)
    let limit = commandBuffer.softwareDevice.maxThreadgroupMemoryLength
    return
      "\(function): threadgroup memory (\(total) bytes, \(facts.staticThreadgroupLength) of them static) "
      + "must be <= \(limit)."
  }

  @inline(never)
  private func argumentIsWrong(_ index: Int) -> Never {
    let (slot, demand) = (slots[index], facts!.pointee.demands[index])
    let name = argumentName(.buffer, index)
    guard slot.rest < demand.size else {
      misuse(
        SoftwareComputeCommandEncoder.method,
        "\(function): the offset into the buffer \(name) that is bound at buffer index \(index) must be a multiple "
          + "of \(demand.alignmentMask + 1) but was set to \(slot.offset).")
    }
    misuse(
      SoftwareComputeCommandEncoder.method,
      "\(function): argument \(name)[0] from Buffer(\(index)) with offset(\(slot.offset)) and "
        + "length(\(slot.offset + slot.rest)) has space for \(slot.rest) bytes, but argument has a "
        + "length(\(demand.size)).")
  }

  private var function: String { "Compute Function(\(pipeline!.takeUnretainedValue().functionName))" }

  private func argumentName(_ kind: MSLArgument.Kind, _ index: Int) -> String {
    let arguments = pipeline!.takeUnretainedValue().arguments
    return arguments.first { $0.kind == kind && $0.index == index }?.name ?? "?"
  }

  private func describe(_ size: MTLSize) -> String { "\(size.width) x \(size.height) x \(size.depth)" }

  @inline(never)
  private func traceDispatch(_ size: MTLSize, _ group: MTLSize, _ countsThreadgroups: Bool) {
    let method = countsThreadgroups ? "dispatchThreadgroups" : "dispatchThreads"
    trace?.line("encoder \(id) \(method) \(describe(size)) threadsPerThreadgroup=\(describe(group))")
  }
}
