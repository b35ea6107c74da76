import Testing

@testable import Ingot

/// Memory that is used again looks like new: of the dtype, shape and contents that were asked for, and of nobody else's.
@Suite struct PoolReuseTests {
  let pool: Pool

  init() throws { pool = Pool(try Device.isolated(manualTime: true)) }

  private static let dtypes = DType.allCases

  @Test("D07: recycled memory takes a new dtype and shape", arguments: 0..<8 as Range<UInt64>)
  func newDtypeAndShape(seed: UInt64) throws {
    var generator = SplitMix(state: seed)
    for _ in 0..<300 {
      let capacity = SizeClass.capacity(for: Int.random(in: 1...200_000, using: &generator))
      var first: Buffer? = try Self.randomBuffer(pool, capacity, &generator)
      let (address, id) = try (#require(first).contents(for: .read), first?.storageID)
      let hits = pool.statistics.hits
      first = nil
      let second = try Self.randomBuffer(pool, capacity, &generator)
      #expect(try second.contents(for: .read) == address && second.storageID != id)
      #expect(pool.statistics.hits == hits + 1)
      #expect(
        second.nbytes == second.shape.reduce(second.dtype.size, *) && second.totalNbytes == second.nbytes)
      #expect(second.nbytes <= capacity && second.label == nil)
    }
  }

  /// Of any dtype, shape and length that a block of this capacity is for.
  private static func randomBuffer(
    _ pool: Pool, _ capacity: Int, _ generator: inout SplitMix
  ) throws -> Buffer {
    let shelf = SizeClass.index(for: capacity)
    let below = shelf == 0 ? 0 : SizeClass.capacity(of: shelf - 1)
    let dtype = dtypes.filter { capacity / $0.size * $0.size > below }.randomElement(using: &generator)!
    let count = Int.random(in: (below / dtype.size + 1)...(capacity / dtype.size), using: &generator)
    let rows = (1...8).filter { count % $0 == 0 }.randomElement(using: &generator)!
    return try pool.empty([rows, count / rows], dtype)
  }

  @Test("D09: a buffer with views goes back once, after the last of them", arguments: [100, 100_000])
  func viewsGoBackOnce(nbytes: Int) throws {
    var views: [Buffer?] = [try pool.empty([nbytes], .uint8)]
    let whole = try #require(views[0])
    for start in 0..<9 { views.append(try whole[(start * 10)..<(start * 10 + 10)]) }
    views.append(try whole.reshape([10, nbytes / 10]))
    views.append(try whole.view(as: .int32))
    let capacity = SizeClass.capacity(for: nbytes)
    try withExtendedLifetime(whole) { try #require(pool.statistics.usedBytes == capacity) }
    var generator = SplitMix(state: 3)
    for index in views.indices.shuffled(using: &generator) {
      #expect(pool.statistics.usedBytes == capacity)
      views[index] = nil
    }
    _ = consume whole
    #expect(pool.statistics.usedBytes == 0)
    let pair = try (pool.empty([nbytes], .uint8), pool.empty([nbytes], .uint8))
    #expect(try pair.0.contents(for: .read) != pair.1.contents(for: .read))
    #expect(pool.statistics.usedBytes == 2 * capacity)
  }

  @Test(
    "D10: recycled memory is zero where zeros were asked for, byte by byte",
    arguments: [1, 63, 8192, 300_000])
  func zerosAreZeros(nbytes: Int) throws {
    let capacity = SizeClass.capacity(for: nbytes)
    for round in 0..<4 {
      // All of the block is dirty, what is behind the buffer too.
      let dirty = try pool.full([capacity], UInt8(0xA5))
      let address = try dirty.contents(for: .read)
      try pool.release(dirty)
      let zeros = try pool.zeros([nbytes], .uint8)
      #expect(try zeros.contents(for: .read) == address, "round \(round)")
      #expect(try zeros.values(of: UInt8.self).allSatisfy { $0 == 0 })
    }
    let filled = try pool.full([nbytes], UInt8(7))
    #expect(try filled.values(of: UInt8.self).allSatisfy { $0 == 7 })
  }

  @Test("C26: a pool can cross threads, and its buffers can go on another one")
  func crossesThreads() async throws {
    let pool = pool
    let buffer = try await Task.detached { try pool.full([100], Int32(4)) }.value
    #expect(try buffer.values(of: Int32.self).allSatisfy { $0 == 4 })
    let address = try buffer.contents(for: .read)
    await Task.detached { _ = try? pool.release(buffer) }.value
    #expect(try pool.empty([100], .int32).contents(for: .read) == address)
  }

  @Test func zeroAndTooManyBytesAreRefusedAsByTheDevice() throws {
    // The size is that of the shape, so a buffer's elements and its bytes always agree.
    let buffer = try pool.zeros([3], .float32)
    #expect(try buffer.nbytes == 12 && buffer.count == 3 && buffer.values(of: Float.self).count == 3)
    for shape in [[0], [Int.max, 2], [-1]] {
      let error = try failure { _ = try pool.empty(shape, .float32) }
      #expect(try error.message == failure { _ = try pool.device.empty(shape, .float32) }.message)
    }
  }
}
