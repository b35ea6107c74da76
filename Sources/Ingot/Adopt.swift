import Metal

extension Device {
  /// Makes a buffer on somebody else's `MTLBuffer`, which it retains.
  ///
  ///     let x = try device.adopt(metalBuffer, shape: [1024], dtype: .float32)
  ///
  /// `offset` is in bytes from its beginning. One in private memory is for kernels only: host access is refused. Between
  /// encoders of one queue an untracked one (`hazardTrackingMode`, as MLX's are) is ordered by an `MTLFence`; between
  /// queues events order it, as all memory; what others do to it in queues of their own is theirs to order. Adopted twice it is one storage; so is an `MTLBuffer`
  /// that Ingot has made for one buffer.
  ///
  /// Throws `.argument` if it belongs to another device or to a pool of Ingot, shares memory with another buffer, or the
  /// window does not lie within it; `.outOfMemory` if Metal gives no fence.
  public func adopt(
    _ metal: any MTLBuffer, offset: Int = 0, shape: [Int], dtype: DType, readOnly: Bool = false,
    label: String? = nil
  ) throws(IngotError) -> Buffer {
    let window = try ImportWindow(offset, Layout(dtype: dtype, shape: shape), isReadOnly: readOnly)
    try window.check(in: metal.length, "MTLBuffer")
    guard metal.device === metalDevice else {
      throw .argument(
        "the MTLBuffer belongs to another device (\(metal.device.name)) than this one (\(name)); adopt it there"
      )
    }
    let foreign = ForeignBuffer(metal: metal)
    // A fence begins with a command buffer. To wait for one may take long, so it is not done under the lock.
    let isNew = metal.hazardTrackingMode == .untracked && memory.places.find(metal) == nil
    var slot = isNew ? try takenSlot() : nil
    defer { slot?.free(committed: false) }
    return try memory.places.importing.withLock { (_) throws(IngotError) in
      let storage = try storage(of: foreign.metal, label, isReadOnly: readOnly, &slot)
      return try window.buffer(on: storage, at: 0)
    }
  }

  private func storage(
    of metal: any MTLBuffer, _ label: String?, isReadOnly: Bool, _ slot: inout CommandSlots?
  ) throws(IngotError) -> Storage {
    if let found = memory.places.find(metal) {
      guard found.allocation.kind != .pooled else {
        throw .argument(
          "the MTLBuffer is memory of a pool of Ingot, which many buffers share in turn; use the buffer itself, or make it"
            + " with an allocation of its own (exact)")
      }
      guard isReadOnly || !(found.allocation.origin?.isReadOnly ?? false) else {
        throw .argument(
          "the MTLBuffer is imported read-only already; import it read-only again, or to be written at first")
      }
      return storage(of: found, label)
    }
    try checkOtherDevices(metal, isReadOnly: isReadOnly)
    try checkMemory(of: metal, isReadOnly: isReadOnly)
    let origin = try makeOrigin(of: metal, isReadOnly: isReadOnly, &slot)
    let allocation = Allocation(metal, .adopted, of: memory, origin: origin)
    return Storage(
      Block(allocation), length: allocation.length, device: self, label: label, isReadOnly: isReadOnly)
  }

  /// What another device object has made is its own to use again, and may be memory that nobody can write.
  private func checkOtherDevices(_ metal: any MTLBuffer, isReadOnly: Bool) throws(IngotError) {
    guard let other = memory.places.findElsewhere(metal) else { return }
    guard other.allocation.kind == .adopted, isReadOnly || !other.allocation.origin!.isReadOnly else {
      throw .argument(
        "the MTLBuffer is memory of another device object of Ingot; use the buffer there, or open its memory on this one"
      )
    }
  }

  private func checkMemory(of metal: any MTLBuffer, isReadOnly: Bool) throws(IngotError) {
    guard metal.storageMode != .private else { return }
    let start = UInt(bitPattern: metal.contents())
    let bytes = start..<start + UInt(metal.length)
    let found = memory.places.overlapping(bytes)
    if let own = found.first(where: { !$0.isImported }) { throw Region.isOwn(bytes, own.bytes!) }
    for other in found where !isReadOnly || !other.allocation.origin!.isReadOnly {
      throw Region.isTaken(bytes, other, isReadOnly: isReadOnly)
    }
  }
}

// Fences.
extension Device {
  /// What untracked memory comes with: a fence that has been updated once, so that the first encoder that waits for it
  /// waits for something that was there. Metal says nothing about a wait for a fence that nobody updates.
  private func makeOrigin(
    of metal: any MTLBuffer, isReadOnly: Bool, _ slot: inout CommandSlots?
  ) throws(IngotError) -> Origin {
    guard metal.hazardTrackingMode == .untracked else { return Origin(isReadOnly: isReadOnly) }
    // It was there before the lock was taken, and has gone meanwhile.
    if slot == nil { slot = try takenSlot() }
    let made = withAutoreleasePool { () -> Origin? in
      guard let fence = metalDevice.makeFence(), let commandBuffer = metalQueue.makeCommandBuffer(),
        let scratch = metalDevice.makeBuffer(length: 4, options: .storageModeShared),
        let encoder = commandBuffer.makeBlitCommandEncoder()
      else { return nil }
      fence.label = "ingot: untracked memory"
      commandBuffer.label = "ingot: the first update of a fence"
      encoder.fill(buffer: scratch, range: 0..<4, value: 0)
      encoder.updateFence(fence)
      encoder.endEncoding()
      let origin = Origin(isReadOnly: isReadOnly, fence: fence)
      commit(commandBuffer, keeping: origin)
      return origin
    }
    if let made {
      slot = nil
      return made
    }
    throw IngotError(.outOfMemory, "Metal gives no fence for untracked memory on \(name)")
  }

  /// The slots of the queue, of which one is taken now.
  private func takenSlot() throws(IngotError) -> CommandSlots {
    try queue.slots.take()
    return queue.slots
  }

  /// Command buffers retain what is bound in them, and no fences.
  private func commit(_ commandBuffer: any MTLCommandBuffer, keeping origin: Origin) {
    let queue = queue
    queue.slots.commit()
    commandBuffer.addCompletedHandler { _ in
      withExtendedLifetime(origin) { queue.slots.free(committed: true) }
    }
    commandBuffer.commit()
  }
}

/// A Metal buffer on its way into a lock that is held by this thread.
private struct ForeignBuffer: @unchecked Sendable {
  let metal: any MTLBuffer
}

extension Buffer {
  /// Apple's object as a pointer, and the byte of it at which this buffer begins. Borrowed: it holds as long as the
  /// buffer does.
  ///
  /// Throws `.closed` after a reset of the pool, `.outOfMemory` if it had no memory yet and there is none.
  public var rawPointer: (metalBuffer: UnsafeMutableRawPointer, offset: Int) {
    get throws(IngotError) {
      let (metal, offset) = try metalBuffer()
      return (Unmanaged.passUnretained(metal as AnyObject).toOpaque(), offset)
    }
  }
}

extension Device {
  /// As `adopt`, of an object that comes as a pointer: an `id<MTLBuffer>`, or the software device's object.
  ///
  /// Throws `.argument` also if it is no `MTLBuffer`.
  public func adopt(
    raw pointer: UnsafeMutableRawPointer, offset: Int = 0, shape: [Int], dtype: DType, readOnly: Bool = false,
    label: String? = nil
  ) throws(IngotError) -> Buffer {
    let object = Unmanaged<AnyObject>.fromOpaque(pointer).takeUnretainedValue()
    guard let metal = object as? any MTLBuffer else {
      throw .argument(
        "the object is no MTLBuffer but of class \(type(of: object)); give the pointer of an MTLBuffer")
    }
    return try adopt(metal, offset: offset, shape: shape, dtype: dtype, readOnly: readOnly, label: label)
  }
}
