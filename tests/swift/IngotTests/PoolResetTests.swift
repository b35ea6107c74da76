import Metal
import Testing

@testable import Ingot

/// Memory that is taken back before its last user is gone, without ever having two.
@Suite struct PoolResetTests {
  let device: Device
  let pool: Pool

  init() throws {
    // Slow machines must not let the memory decay in between.
    device = try Device.isolated(manualTime: true)
    pool = Pool(device)
  }

  private func isStale(_ body: () throws -> Void) throws -> Bool { try failure(body).kind == .closed }

  @Test("C11: a reset pool hands out the same memory again", arguments: [64, 4096, 20_000, 1 << 20])
  func resetRecycles(nbytes: Int) throws {
    let old = try (0..<4).map { _ in try pool.empty([nbytes], .uint8) }
    let addresses = try Set(old.map { try $0.contents(for: .read) })
    #expect(pool.reset() == 0 && pool.statistics.usedBytes == 0 && pool.statistics.quarantined == 0)
    let misses = pool.statistics.misses
    let new = try (0..<4).map { _ in try pool.empty([nbytes], .uint8) }
    #expect(try Set(new.map { try $0.contents(for: .read) }) == addresses)
    #expect(pool.statistics.misses == misses)
    withExtendedLifetime(old) {}
  }

  @Test("C12: resetting an empty pool does nothing, any number of times")
  func resetOfNothing() throws {
    for _ in 0..<3 { #expect(pool.reset() == 0) }
    #expect(pool.statistics == PoolStatistics())
    do { _ = try pool.empty([1 << 20], .uint8) }
    let statistics = pool.statistics
    for _ in 0..<3 { #expect(pool.reset() == 0) }
    #expect(pool.statistics == statistics)
  }

  @Test("C13: registered foreign memory is never recycled and outlives the pool")
  func registered() throws {
    var pool: Pool? = Pool(device)
    let exact = try device.exact.array([1, 2, 3, 4] as [Int32])
    for _ in 0..<3 { try pool?.registerExisting(exact) }
    let resident = device.statistics.residentCount
    #expect(resident == (device.hasResidencySets ? 1 : 0))
    #expect(pool?.statistics == PoolStatistics())
    #expect(pool?.reset() == 0 && pool?.trim() == 0)
    let other = try pool?.empty([4], .int32)
    #expect(try other?.contents(for: .read) != exact.contents(for: .read))
    pool = nil
    #expect(try exact.values(of: Int32.self) == [1, 2, 3, 4])
    #expect(device.memory.ledger.entry(.exact).count == 1)
    // Memory of the pool's own can be named too, and stays the pool's.
    let own = Pool(device)
    let buffer = try own.zeros([4], .int32)
    try own.registerExisting(buffer)
    own.reset()
    #expect(try isStale { try own.registerExisting(buffer) })
  }

  @Test("C13: without residency sets, and with another device")
  func registeredElsewhere() throws {
    let plain = try Device.isolated(residency: false)
    let buffer = try plain.exact.zeros([4], .int32)
    try Pool(plain).registerExisting(buffer)
    #expect(try buffer.values(of: Int32.self) == [0, 0, 0, 0] && plain.statistics.residentCount == 0)
    let error = try failure { try pool.registerExisting(buffer) }
    #expect(error.kind == .argument && error.message.contains(plain.name))
  }

  @Test("C14: a released block is used again; released and reset it never has two owners")
  func releaseThenReset() throws {
    let first = try pool.zeros([256], .int32)
    let address = try first.contents(for: .read)
    #expect(try pool.release(first))
    #expect(pool.statistics.usedBytes == 0)
    let second = try pool.full([256], Int32(2))
    #expect(try second.contents(for: .read) == address)
    // What was released is not the pool's to take again: neither by hand nor by the reset.
    #expect(try !pool.release(first))
    #expect(try second.values(of: Int32.self).allSatisfy { $0 == 2 })
    pool.reset()
    pool.reset()
    #expect(try !pool.release(first) && !pool.release(second))
    let free = pool.statistics.freeBlocks
    let new = try (0..<3).map { try pool.full([256], Int32($0)) }
    #expect(try Set(new.map { try $0.contents(for: .read) }).count == 3)
    for (index, buffer) in new.enumerated() {
      #expect(try buffer.values(of: Int32.self).allSatisfy { $0 == index })
    }
    #expect(pool.statistics.freeBlocks == free - 3)
  }

  @Test func oldReferencesAreStale() throws {
    let buffer = try pool.zeros([64], .int32)
    let window = try buffer[8..<16]
    let increment = try device.kernel("increment", of: Sources.steps)
    let id = buffer.storageID
    pool.reset()
    let next = try pool.full([64], Int32(7))
    #expect(next.storageID != id)
    for stale in [buffer, window] {
      #expect(try isStale { _ = try stale.contents(for: .read) })
      #expect(try isStale { _ = try stale.contents(for: .write) })
      #expect(try isStale { _ = try stale.metalBuffer() })
      #expect(try isStale { try stale.withUnsafe(of: Int32.self) { _ in } })
      #expect(try isStale { try stale.ensureAllocated() })
      #expect(try isStale { try stale.wait() })
      #expect(try isStale { try device.encoder().dispatch(increment, stale, grid: 8) })
      #expect(stale.isAllocated && !stale.description.isEmpty)
    }
    #expect(try failure { _ = try buffer.contents(for: .read) }.message.contains("reset"))
    #expect(try next.values(of: Int32.self).allSatisfy { $0 == 7 })
  }

  @Test func aSubmissionUnderWayKeepsItsBlocks() throws {
    let increment = try device.kernel("increment", of: Sources.steps)
    let gate = try Gate(device)
    let used = try pool.full([64], Int32(1))
    let idle = try pool.full([64], Int32(1))
    let address = try used.contents(for: .read)
    let encoder = device.encoder()
    try encoder.dispatch(increment, used, grid: 64)
    let submission = try encoder.commit()
    #expect(pool.reset() == 1 && pool.statistics.quarantined == 1 && pool.statistics.usedBytes == 256)
    // It is nobody's, and not taken a second time.
    #expect(pool.reset() == 0 && pool.statistics.quarantined == 1)
    let others = try (0..<4095).map { _ in try pool.full([64], Int32(5)) }
    #expect(try !others.contains { try $0.contents(for: .read) == address })
    gate.open()
    try submission.wait()
    #expect(pool.statistics.quarantined == 0)
    #expect(try pool.empty([64], .int32).contents(for: .read) == address)
    #expect(try others.allSatisfy { try $0.values(of: Int32.self).allSatisfy { $0 == 5 } })
    withExtendedLifetime((used, idle)) {}
  }

  @Test func anEncoderKeepsItsBlocks() throws {
    let increment = try device.kernel("increment", of: Sources.steps)
    let used = try pool.zeros([1 << 20], .int32)
    do {
      let encoder = device.encoder()
      try encoder.dispatch(increment, used, grid: 64)
      #expect(pool.reset() == 1 && pool.statistics.quarantined == 1)
      // What is stale cannot be used in the same encoder either; what was encoded runs.
      #expect(try isStale { try encoder.dispatch(increment, used, grid: 64) })
      try encoder.commitAndWait()
    }
    #expect(pool.statistics.quarantined == 0 && pool.statistics.cachedBytes == 4 << 20)
    withExtendedLifetime(used) {}
  }

  @Test func whoHoldsABlockKeepsIt() throws {
    // As a host view does.
    let buffer = try pool.full([20_000], UInt8(9))
    var view: Block? = try buffer.storage.hold()
    #expect(try pool.release(buffer))
    #expect(pool.statistics.quarantined == 1 && pool.statistics.cachedBytes == 0)
    #expect(view?.allocation.contents?.load(as: UInt8.self) == 9)
    view = nil
    #expect(pool.statistics.quarantined == 0 && pool.statistics.cachedBytes == 32768)
  }

  @Test func staleReferencesKeepNoMemory() throws {
    let buffer = try pool.empty([1 << 20], .uint8)
    weak var metal: (any MTLBuffer)?
    withAutoreleasePool { metal = (try? buffer.metalBuffer())?.buffer }
    #expect(metal != nil)
    pool.reset()
    #expect(pool.trim() == 1 << 20 && metal == nil)
    #expect(try isStale { _ = try buffer.contents(for: .read) })
  }

  @Test func lazyBuffersHaveNothingToTakeBackUntilTheyAreUsed() throws {
    let lazy = try pool.makeBuffer(dtype: .int32, shape: [64], initial: nil, label: nil, options: .lazy)
    pool.reset()
    #expect(!lazy.isAllocated)
    try lazy.ensureAllocated()
    pool.reset()
    #expect(try isStale { try lazy.ensureAllocated() })
    let other = try pool.makeBuffer(dtype: .int32, shape: [64], initial: nil, label: nil, options: .lazy)
    #expect(try pool.release(other) && !pool.release(other) && isStale { try other.ensureAllocated() })
    #expect(pool.statistics.usedBytes == 0)
  }

  @Test func onlyItsOwnWholeBuffersAreReleased() throws {
    let other = Pool(device)
    let mine = try pool.full([1000], UInt8(1))
    let foreign = [
      try other.zeros([1000], .uint8), try device.exact.zeros([1000], .uint8),
      try device.zeros([1000], .uint8),
    ]
    let statistics = pool.statistics
    for buffer in foreign { #expect(try failure { try pool.release(buffer) }.kind == .argument) }
    let window = try mine[0..<999]
    let error = try failure { try pool.release(window) }
    #expect(error.kind == .argument && error.message.contains("window"))
    #expect(pool.statistics == statistics)
    // No block of 1000 bytes has come into the class of 1024.
    #expect(try pool.empty([1024], .uint8).metalBuffer().buffer.length == SizeClass.slab)
    #expect(
      try mine.values(of: UInt8.self).allSatisfy { $0 == 1 } && foreign.allSatisfy { !$0.storage.isExpired })
    // Another shape of all of it is the same buffer.
    #expect(try pool.release(mine.reshape([10, 100])) && !pool.release(mine))
    #expect(try isStale { _ = try window.contents(for: .read) })
  }

  @Test func poolsOfOneDeviceDoNotMix() throws {
    let other = Pool(device)
    do { _ = try pool.empty([1 << 20], .uint8) }
    do { _ = try other.empty([1 << 20], .uint8) }
    #expect(other.statistics.misses == 1 && device.pool.statistics == PoolStatistics())
    let kept = try other.full([4], Int32(3))
    pool.reset()
    #expect(try kept.values(of: Int32.self) == [3, 3, 3, 3])
    #expect(pool.trim() == 1 << 20 && other.statistics.cachedBytes == 1 << 20)
  }

  @Test func aBatchIsAllOrNothing() throws {
    let buffers = try pool.allocBatch(
      [([16], .float32), ([3, 5], .int32), ([1 << 20], .uint8)], label: "part")
    #expect(
      buffers.map(\.shape) == [[16], [3, 5], [1 << 20]] && buffers.map(\.dtype) == [.float32, .int32, .uint8])
    #expect(buffers.allSatisfy { $0.label == "part" })
    #expect(try pool.allocBatch([]).isEmpty)
    let before = pool.statistics
    #expect(try failure { _ = try pool.allocBatch([([16], .int8), ([0], .int8)]) }.kind == .argument)
    #expect(pool.statistics == before)
    try pool.setLimit(bytes: 8 << 20)
    let error = try failure {
      _ = try pool.allocBatch([([16], .int8), ([2 << 20], .uint8), ([8 << 20], .uint8)])
    }
    #expect(error.kind == .outOfMemory && pool.statistics.usedBytes == before.usedBytes)
    withExtendedLifetime(buffers) {}
  }
}
