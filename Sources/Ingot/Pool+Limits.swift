extension Pool {
  /// Bytes that its allocations may have, used or not; nil for as many as Metal has.
  ///
  /// Beyond it, what nobody uses goes first; then buffers cannot be made (`.outOfMemory`).
  public var limit: Int? { core.limits.total }

  /// Sets `limit`. Throws `.argument` if it is negative.
  ///
  /// What is used stays if it is more already.
  public func setLimit(bytes: Int?) throws(IngotError) {
    let bytes = try bytes.map { (bytes) throws(IngotError) in try Self.checked(bytes) }
    core.setLimits { $0.total = bytes }
  }

  /// Sets `limit` to a part of the device's working set, 0...1.
  public func setLimit(fraction: Double) throws(IngotError) {
    let bytes = try bytes(of: fraction)
    guard bytes > 0 else {
      throw .argument("\(fraction) of the working set as a limit is no byte; give more, or no limit")
    }
    try setLimit(bytes: bytes)
  }

  /// Bytes that may be kept while nobody uses them; at first an eighth of the working set, and no more than 2 GiB.
  ///
  /// Beyond it, the longest unused goes first.
  public var cacheLimit: Int { core.limits.cached }

  /// Sets `cacheLimit`; nil for what it was at first. Throws `.argument` if it is negative.
  public func setCacheLimit(bytes: Int?) throws(IngotError) {
    let bytes = try Self.checked(bytes ?? PoolLimits.defaultCached(device.recommendedWorkingSet))
    core.setLimits { $0.cached = bytes }
  }

  /// Sets `cacheLimit` to a part of the device's working set, 0...1.
  public func setCacheLimit(fraction: Double) throws(IngotError) {
    try setCacheLimit(bytes: bytes(of: fraction))
  }

  /// How long memory is kept that nobody uses; 10 seconds at first. nil, zero and less are for ever.
  public var decay: Duration? {
    get { core.limits.decay.map { .nanoseconds(Int64(clamping: $0)) } }
    set {
      let nanoseconds = newValue.flatMap(Clock.nanoseconds).flatMap { $0 == 0 || $0 == .max ? nil : $0 }
      core.setLimits { $0.decay = nanoseconds }
    }
  }

  /// Lets go of memory that nobody uses, the longest unused first, until no more than `bytes` of it are kept; returns
  /// of how many bytes.
  ///
  /// A slab of which a block is used stays.
  @discardableResult
  public func trim(to bytes: Int = 0) -> Int { core.trim(to: bytes) }

  /// Lets go of what is cached as for memory pressure, of which a Mac tells all pools by itself; returns of how many
  /// bytes.
  @discardableResult
  public func relieve(_ pressure: MemoryPressure) -> Int { core.relieve(pressure) }

  private static func checked(_ bytes: Int) throws(IngotError) -> Int {
    guard bytes >= 0 else { throw .argument("a limit of \(bytes) bytes; it is 0 or more, or none at all") }
    return bytes
  }

  private func bytes(of fraction: Double) throws(IngotError) -> Int {
    guard fraction >= 0, fraction <= 1 else {
      throw .argument("\(fraction) of the working set as a limit; it is 0 to 1")
    }
    return Int(Double(device.recommendedWorkingSet) * fraction)
  }
}

extension PoolCore {
  var limits: PoolLimits { state.withLock { $0.limits } }
}
