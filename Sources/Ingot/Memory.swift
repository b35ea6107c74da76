import Metal

/// The memory of one device object: makes allocations, keeps them resident and counts them.
///
/// Allocations hold it, and it does not hold the device: what a pool caches must not keep a device alive.
final class Memory: @unchecked Sendable {
  // Unchecked: Metal's devices may be used from any thread.

  let metal: any MTLDevice
  let name: String
  /// Bytes that one allocation may have.
  let maxBufferLength: Int
  let recommendedWorkingSet: UInt64
  let residency: Residency?
  let ledger = MemoryLedger()
  /// What cached and idle memory ages by.
  let time: any TimeSource
  let places = MemoryPlaces()

  init(of metal: any MTLDevice, residency: Residency?, time: any TimeSource) {
    self.metal = metal
    self.residency = residency
    self.time = time
    name = metal.name
    maxBufferLength = metal.maxBufferLength
    recommendedWorkingSet = metal.recommendedMaxWorkingSetSize
  }

  /// An allocation of shared memory (`makeBuffer(length:options: .storageModeShared)`).
  ///
  /// Throws `.outOfMemory`, which names the bytes that were asked for.
  func allocate(_ length: Int, _ kind: Allocation.Kind, asked: Int) throws(IngotError) -> Allocation {
    if let metal = make(length) { return Allocation(metal, kind, of: self) }
    throw IngotError(
      .outOfMemory,
      "Metal has no memory for a buffer of \(asked) bytes; \(metal.currentAllocatedSize) are allocated on \(name),"
        + " which works well up to \(recommendedWorkingSet)")
  }

  /// Memory that was dropped is held by the residency set until its next commit, so that comes before giving up.
  private func make(_ length: Int) -> (any MTLBuffer)? {
    withAutoreleasePool {
      if let metal = metal.makeBuffer(length: length, options: .storageModeShared) {
        return metal as (any MTLBuffer)?
      }
      guard let residency, residency.flush() else { return nil }
      return metal.makeBuffer(length: length, options: .storageModeShared)
    }
  }
}

/// Where blocks come from: a pool, or allocations of their own.
protocol BlockSource: AnyObject, Sendable {
  /// A block of at least so many bytes. Throws `.outOfMemory`.
  func block(of length: Int) throws(IngotError) -> Block
}

extension Memory: BlockSource {
  /// A block that is a whole allocation, which goes when the block does.
  func block(of length: Int) throws(IngotError) -> Block {
    try Block(allocate(length, .exact, asked: length))
  }
}
