import CMetalRuntime

/// Writes dispatches into the command buffer's stream. `setBuffer`, `setBytes` and the dispatches are called tens of
/// thousands of times a second: they look at plain memory and allocate nothing.
final class SoftwareComputeCommandEncoder: SoftwareCommandEncoder, MTLComputeCommandEncoder {
  static let slotCount = Int(MTL_BUFFER_SLOTS)
  static let maxInlineBytes = 4096

  let dispatchType: MTLDispatchType
  /// Of the pipeline state that is set, which the command buffer keeps alive.
  private(set) var facts: UnsafeMutablePointer<KernelFacts>?
  private(set) var pipeline: Unmanaged<SoftwareComputePipelineState>?
  /// Which slots are bound; the memory of the others means nothing.
  private(set) var bound: UInt32 = 0
  private(set) var boundThreadgroups: UInt32 = 0
  let slots: UnsafeMutablePointer<Slot>
  let threadgroupLengths: UnsafeMutablePointer<UInt32>

  /// What a slot of the buffer table points to.
  struct Slot: BitwiseCopyable {
    var address: UnsafeMutableRawPointer
    /// Bytes from `address` to the end.
    var rest: Int
    /// Bytes from the beginning to `address`.
    var offset: Int
    var resource: ResourceIdentity
  }

  init(
    commandBuffer: SoftwareCommandBuffer, stream: UnsafeMutablePointer<CommandStream>,
    dispatchType: MTLDispatchType
  ) {
    self.dispatchType = dispatchType
    let count = SoftwareComputeCommandEncoder.slotCount
    slots = stream.pointee.allocate(count * MemoryLayout<Slot>.stride).assumingMemoryBound(to: Slot.self)
    threadgroupLengths = stream.pointee.allocate(count * 4).assumingMemoryBound(to: UInt32.self)
    super.init(commandBuffer: commandBuffer, stream: stream)
  }

  func setComputePipelineState(_ state: any MTLComputePipelineState) {
    checkEncoding("-[MTLDebugComputeCommandEncoder setComputePipelineState:]")
    let state = own(state, as: SoftwareComputePipelineState.self)
    trace?.line("encoder \(id) setComputePipelineState \(state.functionName)")
    commandBuffer.use(state, state.lastUser)
    facts = state.facts
    pipeline = .passUnretained(state)
  }

  func setBytes(_ bytes: UnsafeRawPointer, length: Int, index: Int) {
    let method: StaticString = "-[MTLDebugComputeCommandEncoder setBytes:length:atIndex:]"
    checkEncoding(method)
    checkIndex(index, method)
    guard length > 0, length <= SoftwareComputeCommandEncoder.maxInlineBytes else {
      misuse(method, length > 0 ? "length(\(length)) must be <= 4096." : "length(\(length)) must be > 0.")
    }
    trace?.line("encoder \(id) setBytes length=\(length) index=\(index)")
    let copy = stream.pointee.allocate(length)
    copy.copyMemory(from: bytes, byteCount: length)
    slots[index] = Slot(address: copy, rest: length, offset: 0, resource: .none)
    bound |= 1 << UInt32(truncatingIfNeeded: index)
  }

  func setBuffer(_ buffer: (any MTLBuffer)?, offset: Int, index: Int) {
    let method: StaticString = "-[MTLDebugComputeCommandEncoder setBuffer:offset:atIndex:]"
    checkEncoding(method)
    checkIndex(index, method)
    guard let buffer else { return unbind(index) }
    let own = use(buffer)
    trace?.line("encoder \(id) setBuffer buffer \(own.id) offset=\(offset) index=\(index)")
    guard offset >= 0, offset < own.length else {
      misuse(method, "offset(\(offset)) must be < [buffer length](\(own.length)).")
    }
    slots[index] = Slot(
      address: own.address + offset, rest: own.length - offset, offset: offset, resource: own.identity)
    bound |= 1 << UInt32(truncatingIfNeeded: index)
  }

  private func unbind(_ index: Int) {
    trace?.line("encoder \(id) setBuffer nil index=\(index)")
    bound &= ~(1 << UInt32(truncatingIfNeeded: index))
  }

  func setBufferOffset(_ offset: Int, index: Int) {
    let method: StaticString = "-[MTLDebugComputeCommandEncoder setBufferOffset:atIndex:]"
    checkEncoding(method)
    checkIndex(index, method)
    trace?.line("encoder \(id) setBufferOffset offset=\(offset) index=\(index)")
    guard bound & 1 << UInt32(index) != 0, slots[index].resource != .none else {
      misuse(method, "there is no buffer at index(\(index)): set one before its offset.")
    }
    let length = slots[index].offset + slots[index].rest
    guard offset >= 0, offset < length else {
      misuse(method, "offset(\(offset)) must be < [buffer length](\(length)).")
    }
    slots[index].address += offset - slots[index].offset
    slots[index].rest = length - offset
    slots[index].offset = offset
  }

  func setBuffers(_ buffers: [(any MTLBuffer)?], offsets: [Int], range: Range<Int>) {
    guard buffers.count >= range.count, offsets.count >= range.count else {
      misuse(
        "-[MTLDebugComputeCommandEncoder setBuffers:offsets:withRange:]",
        "range(\(range)) is longer than buffers(\(buffers.count)) or offsets(\(offsets.count))")
    }
    for (position, index) in range.enumerated() {
      setBuffer(buffers[position], offset: offsets[position], index: index)
    }
  }

  func setThreadgroupMemoryLength(_ length: Int, index: Int) {
    let method: StaticString = "-[MTLDebugComputeCommandEncoder setThreadgroupMemoryLength:atIndex:]"
    checkEncoding(method)
    checkIndex(index, method)
    trace?.line("encoder \(id) setThreadgroupMemoryLength length=\(length) index=\(index)")
    let limit = commandBuffer.softwareDevice.maxThreadgroupMemoryLength
    guard length % 16 == 0 else { misuse(method, "length(\(length)) must be a multiple of 16 bytes.") }
    guard length >= 0, length <= limit else { misuse(method, "length(\(length)) must be <= \(limit).") }
    threadgroupLengths[index] = UInt32(length)
    let bit: UInt32 = 1 << UInt32(index)
    if length > 0 { boundThreadgroups |= bit } else { boundThreadgroups &= ~bit }
  }

  @inline(__always)
  private func checkIndex(_ index: Int, _ method: StaticString) {
    if UInt(bitPattern: index) >= UInt(SoftwareComputeCommandEncoder.slotCount) {
      misuse(method, "index(\(index)) must be < 31.")
    }
  }
}

// Barriers and resources that kernels reach without a binding.
extension SoftwareComputeCommandEncoder {
  func memoryBarrier(scope: MTLBarrierScope) {
    checkEncoding("-[MTLDebugComputeCommandEncoder memoryBarrierWithScope:]")
    trace?.line("encoder \(id) memoryBarrier scope=\(scope.rawValue)")
    if scope.contains(.buffers) { _ = stream.pointee.append(BarrierCommand()) }
  }

  func memoryBarrier(resources: [any MTLResource]) {
    checkEncoding("-[MTLDebugComputeCommandEncoder memoryBarrierWithResources:count:]")
    trace?.line("encoder \(id) memoryBarrier resources=\(resources.count)")
    for resource in resources {
      let buffer = own(resource, as: SoftwareBuffer.self)
      _ = stream.pointee.append(ResourceBarrierCommand(resource: buffer.identity))
    }
  }

  func useResource(_ resource: any MTLResource, usage: MTLResourceUsage) {
    checkEncoding("-[MTLDebugComputeCommandEncoder useResource:usage:]")
    let buffer = use(own(resource, as: SoftwareBuffer.self))
    trace?.line("encoder \(id) useResource buffer \(buffer.id) usage=\(usage.rawValue)")
    _ = stream.pointee.append(UseResourceCommand(resource: buffer.identity, writes: usage.contains(.write)))
  }

  func useResources(_ resources: [any MTLResource], usage: MTLResourceUsage) {
    for resource in resources { useResource(resource, usage: usage) }
  }
}
