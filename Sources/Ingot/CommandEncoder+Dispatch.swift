import Metal

/// The buffers of a dispatch by position, without reference counting; nil where a value is given or nothing is used.
public typealias DispatchBuffers = UnsafeBufferPointer<Unmanaged<Buffer>?>

extension CommandEncoder {
  /// Encodes one dispatch: the form that the C boundary calls, which allocates nothing.
  ///
  /// `buffers[i]` is for the kernel's argument at position i; the caller keeps them alive during the call. `values` is
  /// a sequence of heads (position and dtype in 16 bits each, count of bytes in 32; dtype 0 for raw bytes), each
  /// followed by its bytes; for threadgroup memory the count is its length, and no bytes follow. `group` nil lets Ingot
  /// choose. Everything is checked before anything is encoded; after an error the encoder is as it was.
  public func dispatch(
    _ kernel: Kernel, buffers: DispatchBuffers, values: UnsafeRawBufferPointer, grid: Grid,
    group: Extent? = nil
  ) throws(IngotError) {
    try enter()
    do throws(IngotError) {
      let group = try threadgroup(for: kernel, grid, group)
      let needsBarrier = try check(kernel, buffers, values)
      let encoder = if let computeEncoder { computeEncoder } else { try begin() }
      if uses.hasFencesToWaitFor { uses.waitForFences(encoder) }
      encode(kernel, buffers, values, on: encoder, barrier: needsBarrier)
      switch grid {
      case .threads(let size): encoder.dispatchThreads(MTLSize(size), threadsPerThreadgroup: MTLSize(group))
      case .threadgroups(let size):
        encoder.dispatchThreadgroups(MTLSize(size), threadsPerThreadgroup: MTLSize(group))
      }
      dispatchCount += 1
    } catch {
      leave()
      throw error
    }
    leave()
  }

  @inline(__always)
  private func encode(
    _ kernel: Kernel, _ buffers: DispatchBuffers, _ values: UnsafeRawBufferPointer,
    on encoder: any MTLComputeCommandEncoder, barrier: Bool
  ) {
    if barrier {
      encoder.memoryBarrier(scope: .buffers)
      hazards.reset()
      barrierCount += 1
    }
    if bindings.set(kernel) {
      uses.note(kernel, encoder: id)
      encoder.setComputePipelineState(kernel.metalPipeline)
    }
    for position in 0..<buffers.count {
      buffers[position]?._withUnsafeGuaranteedRef { bind($0, kernel.rules[position], on: encoder) }
    }
    if !values.isEmpty { encodeValues(kernel, values, on: encoder) }
  }

  @inline(__always)
  private func bind(_ buffer: Buffer, _ rule: ArgumentRule, on encoder: any MTLComputeCommandEncoder) {
    let storage = buffer.storage
    let (start, end) = buffer.addresses
    uses.note(storage, start, end, rule, encoder: id)
    if isTracked {
      hazards.record(start, end, reads: rule.reads, writes: rule.writes)
    }
    let offset = storage.base + buffer.offset
    switch bindings.bind(storage, offset: offset, at: rule.index) {
    case .none: break
    case .offset: encoder.setBufferOffset(offset, index: rule.index)
    case .buffer: encoder.setBuffer(storage.metal, offset: offset, index: rule.index)
    }
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
        bindings.bindBytes(at: rule.index)
        encoder.setBytes(bytes, length: head.nbytes, index: rule.index)
      }
    }
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
