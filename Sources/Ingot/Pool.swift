/// Makes buffers whose memory is used again.
///
///     let pool = Pool(device)
///     for _ in 0..<1000 { let scratch = try pool.empty([1 << 20], .float32); ... }
///
/// A block goes back by itself: when the last buffer, encoder, unfinished submission and host view that uses it is gone.
/// So no block ever has two owners, and nothing is returned twice or to the wrong pool. Blocks come in size classes, the
/// small ones out of slabs of 1 MiB; the rounded capacity never shows in a buffer. What nobody uses stays resident until
/// it decays, or until `trim()`, the limits, memory pressure or the end of the pool take it.
/// A device's own pool, `device.pool`, serves everything that is asked of the device. Pools may be used from any thread.
public final class Pool: Sendable, BufferMaker {
  public let device: Device
  let core: PoolCore

  /// A pool of its own, which shares no memory with others.
  public convenience init(_ device: Device) {
    self.init(device, PoolCore(device.memory))
  }

  init(_ device: Device, _ core: PoolCore) {
    self.device = device
    self.core = core
    core.objects.withLock { $0 += 1 }
  }

  /// Another object of a pool that somebody has; nil if nobody has it any more.
  fileprivate init?(sharing core: PoolCore, of device: Device) {
    let isThere = core.objects.withLock { objects in
      if objects > 0 { objects += 1 }
      return objects > 0
    }
    guard isThere else { return nil }
    self.device = device
    self.core = core
  }

  deinit {
    let isLast = core.objects.withLock { objects in
      objects -= 1
      return objects == 0
    }
    // Buffers outlive their pool; what it cached does not. A device's own pool lives as long as the device.
    if isLast && core !== device.poolCore { core.close() }
  }

  /// The pools in use in the present task or thread, the innermost last: of each device the last one counts.
  @TaskLocal static var current: [Pool] = []

  /// Calls `body` with this pool in place of the device's own.
  ///
  ///     try pool.use { try step() }  // what step() makes with `device.zeros` is of this pool
  public func use<T>(_ body: () throws -> T) rethrows -> T {
    try Self.$current.withValue(Self.current + [self], operation: body)
  }

  /// The same for what is awaited; tasks that `body` starts use it, too, unless they are detached.
  public func use<T>(
    isolation: isolated (any Actor)? = #isolation, _ body: () async throws -> T
  ) async rethrows -> T {
    try await Self.$current.withValue(Self.current + [self], operation: body, isolation: isolation)
  }

  /// Of its memory, which `HostView.poolID` names; never reused.
  public var id: UInt64 { core.id }

  public var statistics: PoolStatistics { core.statistics }

  /// Lets `statistics.highWater` begin anew with what is used now.
  public func resetHighWater() { core.resetHighWater() }

  /// Makes all the buffers or, if it throws, none; their contents are undefined until they are written.
  ///
  ///     let parts = try pool.allocBatch([([64, 64], .float32), ([64], .int32)])
  ///
  /// Throws as `empty`. Their residency is committed once, with the next submission.
  public func allocBatch(
    _ requests: [(shape: [Int], dtype: DType)], label: String? = nil
  ) throws(IngotError) -> [Buffer] {
    // Sizes that cannot be are found before any memory is touched.
    for request in requests { try device.checkLength(Layout(dtype: request.dtype, shape: request.shape)) }
    var buffers: [Buffer] = []
    for request in requests { try buffers.append(empty(request.shape, request.dtype, label: label)) }
    return buffers
  }
}

extension Pool: Hashable {
  /// Whether both are the same pool.
  public static func == (one: Pool, other: Pool) -> Bool { one.core === other.core }

  public func hash(into hasher: inout Hasher) { hasher.combine(id) }
}

extension Device {
  /// Its own pool, which serves what is asked of the device, unless another pool is in use.
  public var pool: Pool { Pool(self, poolCore) }

  /// Where buffers that are asked of the device get their memory now.
  var currentPool: PoolCore {
    Pool.current.last { $0.device === self }?.core ?? poolCore
  }
}

extension Buffer {
  /// The pool whose memory it is, or for a lazy buffer will be; nil for exact and imported memory, and when only the
  /// pool's memory is left of it.
  ///
  ///     let next = try (x.pool ?? device.pool).empty(x.shape, x.dtype)  // where x lives
  public var pool: Pool? {
    guard let core = storage.pool else { return nil }
    return core === device.poolCore ? device.pool : Pool(sharing: core, of: device)
  }
}
