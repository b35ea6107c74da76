import Metal

/// The buffers of a dispatch by position, without reference counting; nil where a value is given or nothing is used.
public typealias DispatchBuffers = UnsafeBufferPointer<Unmanaged<Buffer>?>

extension CommandEncoder {
  /// Encodes one dispatch: the form that the C boundary calls, which allocates nothing.
  ///
  /// `buffers[i]` is for the kernel's argument at position i; the caller keeps them alive during the call. `values` is
  /// a sequence of heads (position and dtype in 16 bits each, count of bytes in 32; dtype 0 for raw bytes), each
  /// followed by its bytes; for threadgroup memory the count is its length, and no bytes follow. `group` nil lets Ingot
  /// choose. `indirect` are the buffers that the kernel reaches through pointers in others. Everything is checked before
  /// anything is encoded; after an error the encoder is as it was.
  public func dispatch(
    _ kernel: Kernel, buffers: DispatchBuffers, values: UnsafeRawBufferPointer, grid: Grid,
    group: Extent? = nil, uses indirect: [BufferUse] = []
  ) throws(IngotError) {
    try enter()
    do throws(IngotError) {
      let group = try threadgroup(for: kernel, grid, group)
      var needsBarrier = try check(kernel, buffers, values)
      if !indirect.isEmpty, try check(indirect) { needsBarrier = true }
      let encoder = try readyEncoder()
      if needsBarrier { putBarrier(on: encoder) }
      if !indirect.isEmpty {
        declare(indirect, on: encoder)
        if isTracked { record(indirect) }
      }
      encode(kernel, buffers, values, on: encoder)
      run(kernel, grid, group, on: encoder)
    } catch {
      leave()
      throw error
    }
    leave()
  }

  /// Metal's encoder, in which everything is done that comes before a dispatch.
  @inline(__always)
  func readyEncoder() throws(IngotError) -> any MTLComputeCommandEncoder {
    let encoder = if let computeEncoder { computeEncoder } else { try begin() }
    if uses.hasFencesToWaitFor { uses.waitForFences(encoder) }
    return encoder
  }

  /// Makes the next dispatch wait for what came before.
  @inline(__always)
  func putBarrier(on encoder: any MTLComputeCommandEncoder) {
    encoder.memoryBarrier(scope: .buffers)
    hazards.reset()
    barrierCount += 1
  }

  @inline(__always)
  func run(_ kernel: Kernel, _ grid: Grid, _ group: Extent, on encoder: any MTLComputeCommandEncoder) {
    switch grid {
    case .threads(let size): encoder.dispatchThreads(MTLSize(size), threadsPerThreadgroup: MTLSize(group))
    case .threadgroups(let size):
      encoder.dispatchThreadgroups(MTLSize(size), threadsPerThreadgroup: MTLSize(group))
    }
    dispatchCount += 1
    if isTimed { endTimedPass(of: kernel) }
  }

  @inline(__always)
  private func encode(
    _ kernel: Kernel, _ buffers: DispatchBuffers, _ values: UnsafeRawBufferPointer,
    on encoder: any MTLComputeCommandEncoder
  ) {
    set(kernel, on: encoder)
    for position in 0..<buffers.count {
      buffers[position]?._withUnsafeGuaranteedRef { bind($0, kernel.rules[position], on: encoder) }
    }
    if !values.isEmpty { encodeValues(kernel, values, on: encoder) }
  }

  @inline(__always)
  func set(_ kernel: Kernel, on encoder: any MTLComputeCommandEncoder) {
    guard bindings.set(kernel) else { return }
    uses.note(kernel, encoder: id)
    encoder.setComputePipelineState(kernel.metalPipeline)
  }

  /// Binds memory at a slot, if it is not bound there already.
  @inline(__always)
  func set(_ storage: Storage, _ offset: Int, at index: Int, on encoder: any MTLComputeCommandEncoder) {
    switch bindings.bind(storage, offset: offset, at: index) {
    case .none: break
    case .offset: encoder.setBufferOffset(offset, index: index)
    case .buffer: encoder.setBuffer(storage.metal, offset: offset, index: index)
    }
  }

  @inline(__always)
  private func bind(_ buffer: Buffer, _ rule: ArgumentRule, on encoder: any MTLComputeCommandEncoder) {
    let storage = buffer.storage
    let (start, end) = buffer.addresses
    uses.note(storage, start, end, reads: rule.reads, writes: rule.writes, encoder: id)
    if isTracked {
      hazards.record(start, end, reads: rule.reads, writes: rule.writes)
    }
    set(storage, storage.base + buffer.offset, at: rule.index, on: encoder)
  }

  private func encodeValues(
    _ kernel: Kernel, _ values: UnsafeRawBufferPointer, on encoder: any MTLComputeCommandEncoder
  ) {
    var values = PackedValues(values)
    while let head = values.nextHead() {
      let rule = kernel.rules[head.position]
      if !rule.isBuffer {
        encoder.setThreadgroupMemoryLength(Threadgroup.roundedMemory(head.nbytes), index: rule.index)
      } else if let bytes = values.nextBytes(head.nbytes) {
        if head.nbytes > Kernel.inlineLimit {
          bind(longValues.removeFirst(), rule, on: encoder)
          continue
        }
        bindings.bindBytes(at: rule.index)
        encoder.setBytes(bytes, length: head.nbytes, index: rule.index)
      }
    }
  }
}

// Values that are too long for Metal.
extension CommandEncoder {
  /// Copies them to memory of the pool, which they are going to be bound from and which the encoder keeps.
  @inline(never)
  func keepLongValues(_ values: UnsafeRawBufferPointer, of kernel: Kernel) throws(IngotError) {
    longValues = try kernel.copiesOfLongValues(values, in: device).map(\.copy)
    for copy in longValues where !uses.hold(copy.storage, encoder: id) { _ = try copy.storage.hold() }
  }
}

extension Kernel {
  /// A buffer for each value that does not go inline, in their order. The values have been checked.
  func copiesOfLongValues(
    _ values: UnsafeRawBufferPointer, in memory: some BufferMaker
  ) throws(IngotError) -> [(position: Int, copy: Buffer)] {
    var copies: [(position: Int, copy: Buffer)] = []
    var values = PackedValues(values)
    while let head = values.nextHead() {
      guard rules[head.position].isBuffer, let bytes = values.nextBytes(head.nbytes) else { continue }
      guard head.nbytes > Self.inlineLimit else { continue }
      let contents = UnsafeRawBufferPointer(start: bytes, count: head.nbytes)
      try copies.append(
        (
          head.position,
          memory.makeBuffer(dtype: .uint8, shape: [head.nbytes], initial: contents, label: name)
        ))
    }
    return copies
  }
}

extension Buffer {
  /// The bytes of the window, by address.
  @inline(__always)
  var addresses: (start: UInt, end: UInt) {
    let start = storage.address &+ UInt(bitPattern: offset)
    return (start, start + UInt(bitPattern: nbytes))
  }
}
