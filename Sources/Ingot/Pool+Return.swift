extension Pool {
  /// Takes back every buffer that was made and is not gone; returns how many of their blocks are still used.
  ///
  ///     let scratch = try pool.empty([1 << 20], .float32)
  ///     pool.reset()  // `scratch` is stale: whatever is done with it throws `.closed`
  ///
  /// What an encoder, an unfinished submission or a host view uses is in quarantine, and goes back when these are done
  /// with it. Lazy buffers without memory stay as they are.
  @discardableResult
  public func reset() -> Int {
    defer { core.memory.residency?.commitRemovals() }
    return core.takeBack { state, take in state.outstanding.forEach(take) }
  }

  /// Takes back a buffer before the last reference to it is gone; returns false if that was done before.
  ///
  /// All windows of its memory become stale: whatever is done with them throws `.closed`. What an encoder, an unfinished
  /// submission or a host view uses goes back when these are done with it.
  /// Throws `.argument` for what this pool has not made, and for a window of a part of the memory.
  @discardableResult
  public func release(_ buffer: Buffer) throws(IngotError) -> Bool {
    guard buffer.storage.pool === core else {
      throw .argument(
        "\(buffer) is not of this pool: it is another's, of exact or of imported memory; drop it, or release it there"
      )
    }
    guard buffer.offset == 0, buffer.nbytes == buffer.totalNbytes else {
      throw .argument("\(buffer) is a window; release the buffer that it was taken of")
    }
    return core.takeBack(buffer.storage)
  }

  /// Sees to it that a buffer's memory is resident, without owning it: it is never used again by this pool, `reset()`
  /// does not touch it, and it goes with its last user, whatever becomes of the pool.
  ///
  /// Everything that Ingot allocates is resident by itself as long as it lives, so this makes a difference for mapped
  /// files, which otherwise become resident at their first use on the GPU, and for lazy buffers, which get their memory
  /// here. To do it again, or on a device without residency sets, does nothing.
  /// Throws `.argument` for a buffer of another device, `.closed` for a stale one.
  public func registerExisting(_ buffer: Buffer) throws(IngotError) {
    guard buffer.device === device else {
      throw .argument(
        "\(buffer) is of another device, \(buffer.device.name); register it with a pool of that")
    }
    try buffer.storage.hold().allocation.join()
  }
}

extension PoolCore {
  /// Takes its memory from one storage; false if it has none.
  fileprivate func takeBack(_ storage: Storage) -> Bool {
    if storage.expireUnallocated() { return true }
    var had = false
    _ = takeBack { _, take in
      had = !storage.isExpired
      take(storage.lease)
    }
    return had
  }
}
