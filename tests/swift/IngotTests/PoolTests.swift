import Dispatch
import Metal
import Testing

@testable import Ingot

/// Memory that is used again never has two owners, and never shows that it is.
@Suite struct PoolTests {
  let device: Device
  let pool: Pool

  init() throws {
    // Slow machines must not let the memory decay in between.
    device = try Device.isolated(manualTime: true)
    pool = Pool(device)
  }

  @Test(
    "C10: size classes at and around their borders",
    arguments: [
      (1, 16), (2, 16), (15, 16), (16, 16), (17, 32), (33, 64), (1023, 1024), (1024, 1024), (1025, 2048),
      (8192, 8192), (8193, 16384), (16385, 32768), (131_072, 131_072), (131_073, 147_456), (262_144, 262_144),
      (262_145, 294_912), (1 << 30, 1 << 30), ((1 << 30) + 1, (1 << 30) + (1 << 27)), (Int.max, Int.max),
    ])
  func capacities(nbytes: Int, capacity: Int) {
    #expect(SizeClass.capacity(for: nbytes) == capacity)
  }

  @Test func littleIsWasted() {
    for octave in 0..<40 {
      for step in 0..<100 {
        let nbytes = (1 << octave) + (1 << octave) * step / 100
        let capacity = SizeClass.capacity(for: nbytes)
        #expect(capacity >= nbytes && SizeClass.capacity(for: capacity) == capacity)
        if nbytes > 128 << 10 { #expect(capacity - nbytes <= nbytes / 8, "\(nbytes)") }
      }
    }
  }

  @Test("C19: a block that went back comes out again, with the same address and length")
  func isUsedAgain() throws {
    var first: Buffer? = try pool.zeros([300], .float32, label: "first")
    let (address, id) = (try #require(first).storage.contents, first?.storageID)
    let length = try #require(first).metalBuffer().buffer.length
    first = nil
    #expect(pool.statistics.usedBytes == 0 && pool.statistics.cachedBytes == SizeClass.slab)
    let second = try pool.empty([290], .float32)
    #expect(try second.storage.contents == address && second.metalBuffer().buffer.length == length)
    #expect(second.storageID != id && second.nbytes == 1160 && second.totalNbytes == 1160)
    #expect(try second.label == nil && second.metalBuffer().buffer.label == nil)
    let statistics = pool.statistics
    #expect(statistics.usedBytes == 2048 && statistics.highWater == 2048)
    #expect(statistics.hits == 1 && statistics.misses == 1 && statistics.cachedBytes == 0)
  }

  @Test("C26: 100 and 128 bytes share a class, 200 do not")
  func sharesClasses() throws {
    var buffer: Buffer? = try pool.empty([100], .uint8)
    let address = buffer?.storage.contents
    buffer = nil
    #expect(try pool.empty([200], .uint8).storage.contents != address)
    #expect(try pool.empty([128], .uint8).storage.contents == address)
  }

  @Test func filledMeansFilledAlsoWhenRecycled() throws {
    for _ in 0..<3 {
      let buffer = try pool.zeros([1000], .int32)
      #expect(try buffer.values(of: Int32.self).allSatisfy { $0 == 0 })
      try buffer.withUnsafeMutable(of: Int32.self) { for index in $0.indices { $0[index] = -1 } }
    }
    #expect(pool.statistics.hits == 2)
  }

  @Test func aWindowHoldsTheBlock() throws {
    var whole: Buffer? = try pool.zeros([1 << 16], .int32)
    var window: Buffer? = try #require(whole)[8..<16]
    whole = nil
    #expect(pool.statistics.freeBlocks == 0)
    _ = window
    window = nil
    #expect(pool.statistics.freeBlocks == 1)
  }

  @Test func aSubmissionHoldsTheBlockUntilItIsDone() throws {
    let increment = try device.kernel("increment", of: Sources.steps)
    let gate = try Gate(device)
    let encoder = device.encoder()
    try encoder.dispatch(increment, pool.zeros([4096], .int32), grid: 4096)
    #expect(pool.statistics.freeBlocks == 0)
    let submission = try encoder.commit()
    let other = try pool.zeros([4096], .int32)
    #expect(pool.statistics.misses == 2 && pool.statistics.freeBlocks == 0)
    gate.open()
    try submission.wait()
    #expect(pool.statistics.freeBlocks == 1)
    #expect(try other.values(of: Int32.self).allSatisfy { $0 == 0 })
  }

  @Test func trimmingGivesMemoryBack() throws {
    let kept = try pool.zeros([1 << 20], .uint8)
    do { _ = try (pool.zeros([1 << 20], .uint8), pool.zeros([50000], .uint8)) }
    let allocated = device.statistics.residentCount
    #expect(pool.trim() == (1 << 20) + 65536)
    #expect(device.statistics.residentCount == allocated - (device.residency == nil ? 0 : 2))
    #expect(pool.statistics.freeBlocks == 0 && pool.statistics.usedBytes == 1 << 20)
    #expect(pool.trim() == 0)
    withExtendedLifetime(kept) {}
  }

  @Test func thePoolOutlivesItsName() throws {
    var buffer: Buffer?
    weak var gone: PoolCore?
    do {
      let pool = Pool(device)
      gone = pool.core
      buffer = try pool.full([4], Int32(7))
    }
    #expect(try #require(buffer).values(of: Int32.self) == [7, 7, 7, 7])
    #expect(gone != nil)
    buffer = nil
    #expect(gone == nil)
  }

  @Test func whatCannotBeIsRefusedAndCountsNothing() throws {
    #expect(try failure { _ = try pool.empty([0], .int8) }.kind == .argument)
    #expect(try failure { _ = try pool.empty([device.maxBufferLength + 1], .int8) }.kind == .argument)
    #expect(pool.statistics == PoolStatistics())
  }

  @Test func noBlockHasTwoOwners() throws {
    let group = DispatchGroup()
    let conflicts = LockedCount()
    for number in 0..<4 {
      DispatchQueue.global().async(group: group) { [pool] in
        for round in 0..<500 {
          let buffer = try? pool.full([16 + round % 7 * 100], Int32(number))
          let values = try? buffer?.values(of: Int32.self)
          if values?.allSatisfy({ $0 == number }) != true { conflicts.add() }
        }
      }
    }
    group.wait()
    #expect(conflicts.value == 0)
    let statistics = pool.statistics
    #expect(statistics.usedBytes == 0 && statistics.hits + statistics.misses == 2000)
    #expect(statistics.totalBytes == statistics.misses * SizeClass.slab)
  }
}
