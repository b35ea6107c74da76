import Metal
import Testing

@testable import Ingot

/// What a pool may keep and have: by bytes, with time, and when the system is short.
@Suite struct PoolLimitTests {
  let device: Device
  let pool: Pool
  static let mib = 1 << 20

  init() throws {
    device = try Device.isolated(manualTime: true)
    pool = Pool(device)
  }

  /// Makes buffers of so many MiB and drops them, in this order.
  private func cache(_ sizes: Int...) throws {
    var buffers: [Buffer?] = try sizes.map { try pool.empty([$0 * Self.mib], .uint8) }
    for index in buffers.indices { buffers[index] = nil }
  }

  /// Whether a buffer of so many MiB comes out of the cache; it goes back there.
  private func isCached(_ size: Int) throws -> Bool {
    let hits = pool.statistics.hits
    let misses = pool.statistics.misses
    do { _ = try pool.empty([size * Self.mib], .uint8) }
    #expect(pool.statistics.hits + pool.statistics.misses == hits + misses + 1)
    return pool.statistics.hits > hits
  }

  @Test func theDefaultIsAnEighthOfTheWorkingSetAndNoMoreThan2GiB() {
    #expect(pool.cacheLimit == min(Int(device.recommendedWorkingSet / 8), 2 << 30))
    #expect(PoolLimits.defaultCached(8 << 30) == 1 << 30 && PoolLimits.defaultCached(.max) == 2 << 30)
    #expect(pool.limit == nil && pool.decay == .seconds(10))
  }

  @Test("D08: the cache keeps to its limit when blocks come back, the longest unused goes")
  func cacheLimitOnFree() throws {
    try pool.setCacheLimit(bytes: 10 * Self.mib)
    try cache(4, 3, 2)
    #expect(pool.statistics.cachedBytes == 9 * Self.mib)
    try cache(1)
    #expect(pool.statistics.cachedBytes == 10 * Self.mib)
    try cache(5)
    // 15 - 10 = 5: the 4 and the 3 have to go.
    #expect(pool.statistics.cachedBytes == 8 * Self.mib)
    #expect(device.memory.ledger.entry(.pooled).bytes == 8 * Self.mib)
    #expect(try isCached(2) && isCached(1) && isCached(5))
    try pool.setCacheLimit(bytes: 6 * Self.mib)
    #expect(pool.statistics.cachedBytes == 6 * Self.mib)
    #expect(try isCached(1) && isCached(5))
  }

  @Test func oneThatIsBeyondTheLimitDrivesNothingElseOut() throws {
    try pool.setCacheLimit(bytes: 4 * Self.mib)
    try cache(1, 2)
    try cache(5)
    #expect(pool.statistics.cachedBytes == 3 * Self.mib)
    try pool.setCacheLimit(bytes: 0)
    try cache(1)
    #expect(pool.statistics == PoolStatistics(misses: 4, highWater: 5 * Self.mib))
    try pool.setCacheLimit(bytes: nil)
    #expect(pool.cacheLimit == PoolLimits.defaultCached(device.recommendedWorkingSet))
  }

  @Test func useMakesYoung() throws {
    try pool.setCacheLimit(bytes: 6 * Self.mib)
    try cache(1, 2, 3)
    #expect(try isCached(1))
    try cache(4)
    #expect(pool.statistics.cachedBytes == 5 * Self.mib)
    #expect(try isCached(1))
  }

  @Test func theLimitBoundsAllMemoryOfThePool() throws {
    try pool.setLimit(bytes: 10 * Self.mib)
    try cache(3, 2, 1)
    let used = try pool.empty([4 * Self.mib], .uint8)
    #expect(pool.statistics.totalBytes == 10 * Self.mib)
    // What nobody uses goes first, the longest unused first of it, and no more than is needed.
    let more = try pool.empty([Self.mib + Self.mib / 2], .uint8)
    #expect(pool.statistics.cachedBytes == 3 * Self.mib)
    let error = try failure { _ = try pool.empty([5 * Self.mib], .uint8) }
    #expect(error.kind == .outOfMemory)
    for number in [5 * Self.mib, 10 * Self.mib, 5 * Self.mib + Self.mib / 2, 3 * Self.mib] {
      #expect(error.message.contains("\(number)"), "\(error.message)")
    }
    #expect(pool.statistics.cachedBytes == 3 * Self.mib)
    // The device's own memory is not the pool's.
    #expect(try device.empty([5 * Self.mib], .uint8).nbytes == 5 * Self.mib)
    withExtendedLifetime((used, more)) {}
  }

  @Test func theLimitIsKeptOnFreeAsWell() throws {
    var buffers: [Buffer?] = try (1...4).map { try pool.empty([$0 * Self.mib], .uint8) }
    try pool.setLimit(bytes: 5 * Self.mib)
    #expect(pool.statistics.usedBytes == 10 * Self.mib)
    buffers[3] = nil
    #expect(pool.statistics.totalBytes == 6 * Self.mib)
    buffers[0] = nil
    #expect(pool.statistics.totalBytes == 5 * Self.mib && pool.statistics.cachedBytes == 0)
    buffers[1] = nil
    #expect(pool.statistics.cachedBytes == 2 * Self.mib)
    #expect(try isCached(2))
  }

  @Test func limitsAreBytesOrParts() throws {
    try pool.setLimit(fraction: 0.5)
    #expect(pool.limit == Int(Double(device.recommendedWorkingSet) * 0.5))
    try pool.setLimit(bytes: nil)
    #expect(pool.limit == nil)
    try pool.setCacheLimit(fraction: 0)
    #expect(pool.cacheLimit == 0)
    #expect(try failure { try pool.setLimit(fraction: 1e-300) }.message.contains("no byte"))
    for fraction in [-0.1, 1.1, .nan, .infinity] {
      #expect(try failure { try pool.setLimit(fraction: fraction) }.kind == .argument)
      #expect(try failure { try pool.setCacheLimit(fraction: fraction) }.kind == .argument)
    }
    #expect(try failure { try pool.setLimit(bytes: -1) }.kind == .argument)
    #expect(try failure { try pool.setCacheLimit(bytes: -1) }.kind == .argument)
    #expect(pool.limit == nil && pool.cacheLimit == 0)
  }

  @Test func trimmingStopsAtWhatIsToBeKept() throws {
    try cache(1, 2, 3)
    #expect(pool.trim(to: 6 * Self.mib) == 0 && pool.trim(to: 5 * Self.mib) == Self.mib)
    #expect(pool.trim(to: 4 * Self.mib) == 2 * Self.mib)
    #expect(pool.trim(to: -1) == 3 * Self.mib && pool.statistics.totalBytes == 0)
  }

  @Test func pressureHalvesOrEmpties() throws {
    try cache(1, 2, 3, 4)
    #expect(pool.relieve(.warning) == 6 * Self.mib && pool.statistics.cachedBytes == 4 * Self.mib)
    #expect(try isCached(4))
    #expect(pool.relieve(.critical) == 4 * Self.mib && pool.statistics.cachedBytes == 0)
  }

  @Test func theSystemTellsAllPoolsAsLongAsTheyAre() throws {
    let monitor = PressureMonitor()
    let first = Pool(device, PoolCore(device.memory, pressure: monitor))
    var second: Pool? = Pool(device, PoolCore(device.memory, pressure: monitor))
    do { _ = try (first.empty([Self.mib], .uint8), second?.empty([2 * Self.mib], .uint8)) }
    do { _ = try (first.empty([3 * Self.mib], .uint8), second?.empty([Self.mib], .uint8)) }
    monitor.tell(.warning)
    #expect(first.statistics.cachedBytes == 0 || first.statistics.cachedBytes == 3 * Self.mib)
    #expect(first.statistics.cachedBytes + (second?.statistics.cachedBytes ?? 0) < 7 * Self.mib)
    second = nil
    monitor.tell(.critical)
    #expect(first.statistics.totalBytes == 0)
  }

  @Test func whatIsNotUsedFor10SecondsGoes() throws {
    try cache(1)
    try device.advanceTime(by: .seconds(4))
    try cache(2)
    try device.advanceTime(by: .milliseconds(5999))
    #expect(pool.statistics.cachedBytes == 3 * Self.mib)
    try device.advanceTime(by: .milliseconds(1))
    #expect(pool.statistics.cachedBytes == 2 * Self.mib)
    #expect(device.memory.ledger.entry(.pooled).bytes == 2 * Self.mib)
    #expect(device.statistics.residentCount == (device.hasResidencySets ? 1 : 0))
    try device.advanceTime(by: .seconds(4))
    #expect(pool.statistics.totalBytes == 0)
  }

  @Test func useStopsTheDecayAndSlabsInUseDoNotDecay() throws {
    try cache(1)
    let small = try pool.empty([100], .uint8)
    do { _ = try pool.empty([100], .uint8) }
    try device.advanceTime(by: .seconds(9))
    #expect(try isCached(1))
    try device.advanceTime(by: .seconds(9))
    #expect(pool.statistics.cachedBytes == Self.mib)
    try device.advanceTime(by: .seconds(1))
    #expect(pool.statistics.cachedBytes == 0 && pool.statistics.totalBytes == SizeClass.slab)
    withExtendedLifetime(small) {}
  }

  @Test func decayCanBeSetAndTurnedOff() throws {
    try cache(1)
    pool.decay = .milliseconds(5)
    #expect(pool.decay == .milliseconds(5))
    try device.advanceTime(by: .milliseconds(5))
    #expect(pool.statistics.totalBytes == 0)
    for off in [nil, .zero, .seconds(-1)] as [Duration?] {
      pool.decay = off
      #expect(pool.decay == nil)
      try cache(1)
      try device.advanceTime(by: .seconds(1_000_000))
      #expect(pool.statistics.cachedBytes == Self.mib)
    }
    pool.decay = .seconds(1)
    #expect(pool.statistics.cachedBytes == Self.mib)
    try device.advanceTime(by: .zero)
    #expect(pool.statistics.cachedBytes == 0)
  }

  @Test func theTimerIsThereOnlyWhileAnythingIsCached() throws {
    func isArmed() -> Bool { pool.core.state.withLock { $0.timer != nil } }
    #expect(!isArmed())
    try cache(1)
    #expect(isArmed())
    let buffer = try pool.empty([Self.mib], .uint8)
    // It may run once more, for nothing, but not again.
    try device.advanceTime(by: .seconds(10))
    #expect(!isArmed() && pool.statistics.usedBytes == Self.mib)
    try cache(1)
    pool.trim()
    #expect(!isArmed())
    withExtendedLifetime(buffer) {}
  }

  @Test func whatAPoolCachedGoesWithIt() throws {
    weak var core: PoolCore?
    var buffer: Buffer?
    do {
      let pool = Pool(device)
      core = pool.core
      buffer = try pool.empty([Self.mib], .uint8)
      _ = try pool.empty([2 * Self.mib], .uint8)
      #expect(device.memory.ledger.entry(.pooled).bytes == 3 * Self.mib)
    }
    #expect(device.memory.ledger.entry(.pooled).bytes == Self.mib)
    try buffer?.contents(for: .write).storeBytes(of: 1, as: UInt8.self)
    buffer = nil
    #expect(device.memory.ledger.entry(.pooled).bytes == 0 && core == nil)
    try device.advanceTime(by: .seconds(20))
  }

  @Test func theDevicesOwnPoolStaysWithoutAName() throws {
    do {
      let own = device.pool
      _ = try own.empty([Self.mib], .uint8)
    }
    #expect(device.pool.statistics.cachedBytes == Self.mib)
    #expect(try device.empty([Self.mib], .uint8).nbytes == Self.mib)
    #expect(device.pool.statistics.hits == 1)
  }

  @Test func countersAreExact() throws {
    let page = 16384
    var first: Buffer? = try pool.empty([page - 1], .uint8)
    var second: Buffer? = try pool.empty([3 * page], .uint8)
    #expect(
      pool.statistics == PoolStatistics(usedBytes: 4 * page, usedBlocks: 2, misses: 2, highWater: 4 * page))
    first = nil
    #expect(
      pool.statistics
        == PoolStatistics(
          usedBytes: 3 * page, freeBytes: page, freeBlocks: 1, usedBlocks: 1, cachedBytes: page, misses: 2,
          highWater: 4 * page))
    pool.resetHighWater()
    #expect(pool.statistics.highWater == 3 * page && pool.statistics.totalBytes == 4 * page)
    first = try pool.empty([100 + 8192], .uint8)
    #expect(
      pool.statistics
        == PoolStatistics(usedBytes: 4 * page, usedBlocks: 2, hits: 1, misses: 2, highWater: 4 * page))
    second = nil
    first = nil
    #expect(pool.statistics.usedBytes == 0 && pool.statistics.freeBytes == 4 * page)
    #expect(first == nil && second == nil)
  }
}
