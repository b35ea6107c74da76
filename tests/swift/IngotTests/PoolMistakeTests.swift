import Testing

@testable import Ingot

/// What pools before this one got wrong, where no other test of pools looks at it.
@Suite struct PoolMistakeTests {
  let device: Device
  let pool: Pool

  init() throws {
    // Slow machines must not let the memory decay in between.
    device = try Device.isolated(manualTime: true)
    pool = Pool(device)
  }

  @Test("users that only release, or only drop, or only reset make no list longer", arguments: 0..<3)
  func booksDoNotGrow(way: Int) throws {
    func entries() -> Int { pool.core.state.withLock { $0.outstanding.capacity } }
    do { _ = try (0..<10).map { _ in try pool.empty([100], .uint8) } }
    let before = (entries(), pool.statistics.totalBytes)
    for _ in 0..<3000 {
      let buffers = try (0..<10).map { _ in try pool.empty([100], .uint8) }
      if way == 1 { for buffer in buffers { try pool.release(buffer) } }
      if way == 2 { pool.reset() }
    }
    #expect(entries() == before.0 && pool.statistics.totalBytes == before.1)
    #expect(device.memory.ledger.entry(.pooled).count == 1)
  }

  @Test("a registered buffer goes with its last user, though the pool is there")
  func registeringOwnsNothing() throws {
    do {
      let exact = try device.exact.zeros([1 << 20], .uint8)
      try pool.registerExisting(exact)
      #expect(device.memory.ledger.entry(.exact).count == 1)
    }
    #expect(device.memory.ledger.entry(.exact).count == 0 && device.statistics.residentCount == 0)
    #expect(pool.statistics == PoolStatistics())
  }

  @Test("registering gives a lazy buffer its memory, which is resident")
  func registeringAllocates() throws {
    let lazy = try device.exact.makeLazy([16], .int32)
    try pool.registerExisting(lazy)
    #expect(lazy.isAllocated && device.statistics.residentCount == (device.hasResidencySets ? 1 : 0))
  }

  @Test("another device's buffer is neither released nor registered")
  func otherDevices() throws {
    let other = try Device.isolated()
    let foreign = try Pool(other).full([64], Int32(3))
    #expect(try failure { try pool.release(foreign) }.kind == .argument)
    #expect(try failure { try pool.registerExisting(foreign) }.kind == .argument)
    #expect(try foreign.values(of: Int32.self).allSatisfy { $0 == 3 })
    // Another pool in use is for its own device only.
    let made = try pool.use { try other.zeros([64], .int32) }
    #expect(made.device === other && pool.statistics == PoolStatistics())
  }

  @Test("a pool of another device within keeps this device's pool in use, and so do tasks")
  func nestedUses() async throws {
    let (device, pool, inner) = (device, pool, Pool(device))
    let others = Pool(try Device.isolated())
    try pool.use {
      let (outer, innermost) = try (
        others.use { try device.zeros([64], .int32) }, inner.use { try device.zeros([64], .int32) }
      )
      #expect(outer.pool == pool && innermost.pool == inner)
      #expect(try device.zeros([64], .int32).pool == pool)
    }
    let made = try await pool.use {
      await Task.yield()
      async let task = device.zeros([64], .int32).pool
      return try await [task, others.use { try device.zeros([64], .int32).pool }]
    }
    #expect(made == [pool, pool])
    #expect(try device.zeros([64], .int32).pool == device.pool)
  }

  @Test("what a failed batch took is back, and all of it can be had again")
  func failedBatches() throws {
    try pool.setLimit(bytes: 4 << 20)
    for _ in 0..<5 {
      let error = try failure {
        _ = try pool.allocBatch([([1 << 20], .uint8), ([2 << 20], .uint8), ([2 << 20], .uint8)])
      }
      #expect(error.kind == .outOfMemory && pool.statistics.usedBytes == 0)
    }
    #expect(pool.statistics.misses == 2 && pool.statistics.hits == 8)
    #expect(try pool.allocBatch([([1 << 20], .uint8), ([2 << 20], .uint8)]).count == 2)
  }

  @Test("the class of a block is that of its allocation, whatever comes back and when")
  func blocksKeepTheirClass() throws {
    var generator = SplitMix(state: 4)
    var live: [Buffer] = []
    for _ in 0..<2000 {
      if live.count > 20 { live.remove(at: Int.random(in: live.indices, using: &generator)) }
      let nbytes = Int.random(in: 1...100_000, using: &generator)
      let buffer = try pool.empty([nbytes], .uint8)
      let (metal, offset) = try buffer.metalBuffer()
      #expect(metal.length >= offset + SizeClass.capacity(for: nbytes))
      if nbytes > SizeClass.largestPower {
        #expect(metal.length == SizeClass.capacity(for: nbytes) && offset == 0)
      }
      live.append(buffer)
    }
  }
}

extension ExactMemory {
  fileprivate func makeLazy(_ shape: [Int], _ dtype: DType) throws -> Buffer {
    try device.makeBuffer(dtype: dtype, shape: shape, initial: nil, label: nil, options: [.exact, .lazy])
  }
}
