import Metal
import Testing

@testable import Ingot

/// Small blocks share allocations, which come and go.
@Suite struct PoolSlabTests {
  let device: Device
  let pool: Pool

  init() throws {
    // Slow machines must not let the memory decay in between.
    device = try Device.isolated(manualTime: true)
    pool = Pool(device)
  }

  private var allocations: Int { device.memory.ledger.entry(.pooled).count }

  @Test func aMillionSmallBuffersTakeFewAllocations() throws {
    var buffers: [Buffer] = []
    buffers.reserveCapacity(1_000_000)
    for _ in 0..<1_000_000 { buffers.append(try pool.empty([16], .uint32)) }
    for number in stride(from: 0, to: buffers.count, by: 97) {
      try buffers[number].contents(for: .write).storeBytes(of: UInt32(number), as: UInt32.self)
    }
    #expect(allocations <= 70 && pool.statistics.usedBytes == 64_000_000)
    #expect(pool.statistics.misses == allocations)
    let isIntact = try stride(from: 0, to: buffers.count, by: 97).allSatisfy {
      try buffers[$0].contents(for: .read).load(as: UInt32.self) == UInt32($0)
    }
    #expect(isIntact)
    buffers = []
    #expect(pool.statistics.usedBytes == 0 && pool.statistics.cachedBytes == pool.statistics.totalBytes)
    #expect(pool.trim() > 64_000_000 && allocations == 0)
  }

  @Test(arguments: (4...13).map { 1 << $0 })
  func blocksAreAlignedToTheirSizeAndApart(_ capacity: Int) throws {
    let blocks = SizeClass.slab / capacity
    let buffers = try (0..<blocks + 1).map { _ in try pool.empty([capacity], .uint8) }
    let places = try buffers.map { try ($0.metalBuffer().offset, $0.contents(for: .read)) }
    #expect(places.allSatisfy { $0.0 % capacity == 0 && UInt(bitPattern: $0.1) % UInt(capacity) == 0 })
    #expect(Set(places.map(\.1)).count == blocks + 1)
    #expect(allocations == 2 && pool.statistics.totalBytes == 2 * SizeClass.slab)
    #expect(pool.statistics.freeBlocks == blocks - 1)
  }

  @Test func blocksOfASlabDoNotOverlap() throws {
    var generator = SplitMix(state: 11)
    var live: [(Buffer, UInt8)] = []
    for step in 0..<5000 {
      if live.count > 300 || (step % 3 == 0 && !live.isEmpty) {
        let (buffer, value) = live.remove(at: Int.random(in: live.indices, using: &generator))
        #expect(try buffer.values(of: UInt8.self).allSatisfy { $0 == value })
      }
      let value = UInt8(truncatingIfNeeded: step)
      live.append((try pool.full([Int.random(in: 1...8192, using: &generator)], value), value))
    }
    for (buffer, value) in live { #expect(try buffer.values(of: UInt8.self).allSatisfy { $0 == value }) }
  }

  @Test func slabsComeAndGo() throws {
    let perSlab = SizeClass.slab / 8192
    var buffers = try (0..<3 * perSlab).map { _ in try pool.empty([8192], .uint8) }
    #expect(allocations == 3 && pool.trim() == 0)
    let last = buffers.removeLast()
    buffers.removeAll()
    #expect(pool.statistics.cachedBytes == 2 * SizeClass.slab)
    #expect(pool.statistics.freeBytes == 3 * SizeClass.slab - 8192)
    #expect(pool.trim() == 2 * SizeClass.slab && allocations == 1)
    #expect(pool.statistics.freeBytes == SizeClass.slab - 8192 && pool.statistics.freeBlocks == perSlab - 1)
    try last.contents(for: .write).storeBytes(of: 1, as: UInt8.self)
  }

  @Test func whatCameBackLastIsUsedFirst() throws {
    var buffers: [Buffer?] = try (0..<4).map { _ in try pool.empty([100], .uint8) }
    let addresses = try buffers.map { try $0?.contents(for: .read) }
    for index in [2, 0, 1] { buffers[index] = nil }
    for index in [1, 0, 2] {
      buffers[index] = try pool.empty([128], .uint8)
      #expect(try buffers[index]?.contents(for: .read) == addresses[index])
    }
  }

  @Test func slabsInUseAreTakenFromFirstSoThatOthersGo() throws {
    let perSlab = SizeClass.slab / 8192
    var buffers = try (0..<2 * perSlab).map { _ in try pool.empty([8192], .uint8) }
    let first = try buffers[0].metalBuffer().buffer
    buffers.removeLast(perSlab)  // the second slab is cached,
    buffers.remove(at: 7)  // and the first has a place
    #expect(try pool.empty([8192], .uint8).metalBuffer().buffer === first)
    #expect(pool.trim() == SizeClass.slab)
  }

  @Test func labelsOfPartsAreNotMetals() throws {
    let buffer = try pool.empty([4], .int32, label: "part")
    #expect(try buffer.label == "part" && buffer.metalBuffer().buffer.label == nil)
    buffer.label = "other"
    #expect(try buffer.label == "other" && buffer.metalBuffer().buffer.label == nil)
  }

  @Test func kernelsSeeTheirBlockOnly() throws {
    let increment = try device.kernel("increment", of: Sources.steps)
    let buffers = try (0..<8).map { try pool.full([16], Int32($0 * 10)) }
    #expect(allocations == 1)
    let encoder = device.encoder()
    for buffer in buffers[2..<6] { try encoder.dispatch(increment, buffer, grid: 16) }
    let submission = try encoder.commitAndWait()
    #expect(submission.barriers == 0)
    for (index, buffer) in buffers.enumerated() {
      let expected = Int32(index * 10 + ((2..<6).contains(index) ? 1 : 0))
      #expect(try buffer.values(of: Int32.self).allSatisfy { $0 == expected })
    }
  }
}
