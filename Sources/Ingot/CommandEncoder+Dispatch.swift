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
      try put(kernel, buffers, values, grid, group, uses: indirect, isCall: true)
    } catch {
      leave()
      throw error
    }
    leave()
  }

  /// The same for who has entered; `isCall` if it is no part of another call.
  @inline(__always)
  func put(
    _ kernel: Kernel, _ buffers: DispatchBuffers, _ values: UnsafeRawBufferPointer, _ grid: Grid,
    _ group: Extent?, uses indirect: [BufferUse] = [], isCall: Bool
  ) throws(IngotError) {
    let size = try threadgroup(for: kernel, grid, group)
    var needsBarrier = try check(kernel, buffers, values)
    if !indirect.isEmpty, try check(indirect) { needsBarrier = true }
    if let target = try readyTarget() {
      encode(kernel, buffers, values, indirect, on: target, barrier: needsBarrier)
      run(kernel, grid, size, on: target)
    } else if let recording {
      record(kernel, buffers, values, indirect, in: recording, barrier: needsBarrier)
      run(kernel, grid, size, on: recording)
      if isCall { recording.note(kernel, buffers, values, grid, group, indirect) }
    }
  }

  /// Out of the way of dispatches that are encoded.
  @inline(never)
  private func record(
    _ kernel: Kernel, _ buffers: DispatchBuffers, _ values: UnsafeRawBufferPointer, _ indirect: [BufferUse],
    in recording: Recording, barrier: Bool
  ) {
    if barrier { recording.segmentEnds(hazards) }
    encode(kernel, buffers, values, indirect, on: recording, barrier: barrier)
  }

  /// Metal's encoder, in which everything is done that comes before a dispatch; nil for a recording.
  @inline(__always)
  func readyTarget() throws(IngotError) -> MetalTarget? {
    let encoder: (any MTLComputeCommandEncoder)? =
      if let computeEncoder { computeEncoder } else { try begin() }
    guard let encoder else { return nil }
    if uses.hasFencesToWaitFor { uses.waitForFences(encoder) }
    return MetalTarget(encoder: encoder)
  }

  /// Makes what follows wait for all that came before.
  @inline(__always)
  func putBarrier(on target: some DispatchTarget) {
    target.barrier()
    hazards.reset()
    barrierCount += 1
  }

  @inline(__always)
  func run(_ kernel: Kernel, _ grid: Grid, _ group: Extent, on target: some DispatchTarget) {
    target.dispatch(grid, group: group)
    dispatchCount += 1
    if isTimed { endTimedPass(of: kernel) }
  }

  @inline(__always)
  private func encode(
    _ kernel: Kernel, _ buffers: DispatchBuffers, _ values: UnsafeRawBufferPointer, _ indirect: [BufferUse],
    on target: some DispatchTarget, barrier: Bool
  ) {
    if barrier { putBarrier(on: target) }
    if !indirect.isEmpty {
      declare(indirect, on: target)
      if isTracked { record(indirect) }
    }
    set(kernel, on: target)
    for position in 0..<buffers.count {
      buffers[position]?._withUnsafeGuaranteedRef { bind($0, kernel.rules[position], on: target) }
    }
    if !values.isEmpty { encodeValues(kernel, values, on: target) }
  }

  @inline(__always)
  func set(_ kernel: Kernel, on target: some DispatchTarget) {
    guard bindings.set(kernel) else { return }
    uses.note(kernel, encoder: id)
    target.setPipeline(of: kernel)
  }

  /// Binds memory at a slot, if it is not bound there already.
  @inline(__always)
  func set(_ storage: Storage, _ offset: Int, at index: Int, on target: some DispatchTarget) {
    switch bindings.bind(storage, offset: offset, at: index) {
    case .none: break
    case .offset: target.setBufferOffset(offset, index: index)
    case .buffer: target.setBuffer(of: storage, offset: offset, index: index)
    }
  }

  @inline(__always)
  private func bind(_ buffer: Buffer, _ rule: ArgumentRule, on target: some DispatchTarget) {
    let storage = buffer.storage
    let (start, end) = buffer.addresses
    uses.note(storage, start, end, reads: rule.reads, writes: rule.writes, encoder: id)
    if isTracked {
      hazards.record(start, end, reads: rule.reads, writes: rule.writes)
    }
    set(storage, storage.base + buffer.offset, at: rule.index, on: target)
  }

  private func encodeValues(
    _ kernel: Kernel, _ values: UnsafeRawBufferPointer, on target: some DispatchTarget
  ) {
    var values = PackedValues(values)
    while let head = values.nextHead() {
      let rule = kernel.rules[head.position]
      if !rule.isBuffer {
        target.setThreadgroupMemory(Threadgroup.roundedMemory(head.nbytes), index: rule.index)
      } else if let bytes = values.nextBytes(head.nbytes) {
        if head.nbytes > Kernel.inlineLimit {
          bind(longValues.removeFirst(), rule, on: target)
          continue
        }
        bindings.bindBytes(at: rule.index)
        target.setBytes(bytes, count: head.nbytes, at: head.position, of: kernel)
      }
    }
  }
}

// Values that are too long for Metal.
extension CommandEncoder {
  /// Copies them to memory of the pool, which they are going to be bound from and which the encoder keeps; those of a
  /// recording to memory of their own, which no reset of the pool takes from the graph.
  @inline(never)
  func keepLongValues(_ values: UnsafeRawBufferPointer, of kernel: Kernel) throws(IngotError) {
    longValues = try kernel.copiesOfLongValues(values, in: device, isExact: isRecording).map(\.copy)
    for copy in longValues where !uses.hold(copy.storage, encoder: id) { _ = try copy.storage.hold() }
  }
}

extension Kernel {
  /// A buffer for each value that does not go inline, in their order. The values have been checked.
  func copiesOfLongValues(
    _ values: UnsafeRawBufferPointer, in device: Device, isExact: Bool
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
          device.makeBuffer(
            dtype: .uint8, shape: [head.nbytes], initial: contents, label: name,
            options: isExact ? .exact : [])
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
