import Metal
import Testing

@testable import Ingot

/// The figures of a device's memory, after each operation.
@Suite struct MemoryStatisticsTests {
  let device: Device
  let pool: Pool
  private static let page = TestPages.page

  init() throws {
    device = try Device.isolated()
    pool = Pool(device)
  }

  private var statistics: MemoryStatistics { device.memoryStatistics }

  @Test func thereIsNothingAtFirst() {
    #expect(statistics.totalBytes == 0 && statistics.usedBytes == 0 && statistics.freeBytes == 0)
    #expect(statistics.peakTotalBytes == 0 && statistics.peakUsedBytes == 0)
    let uses = [
      statistics.pooled, statistics.exact, statistics.wrapped, statistics.mapped, statistics.adopted,
    ]
    #expect((uses + [statistics.storages, statistics.resident]).allSatisfy { $0 == MemoryUse() })
  }

  @Test func pooledMemoryIsUsedAndThenFree() throws {
    var x: Buffer? = try pool.empty([100], .float32)
    let total = statistics.totalBytes
    #expect(statistics.pooled == MemoryUse(count: 1, bytes: total) && total >= 512)
    #expect(statistics.storages == MemoryUse(count: 1, bytes: 400))
    #expect(statistics.usedBytes == 512 && statistics.freeBytes == total - 512)
    let part = try #require(x)[10..<20]
    x = nil
    #expect(statistics.storages == MemoryUse(count: 1, bytes: 400) && statistics.usedBytes == 512)
    try withExtendedLifetime(part) { () throws in
      #expect(statistics.usedBytes == pool.statistics.usedBytes)
      #expect(statistics.freeBytes == pool.statistics.freeBytes)
    }
  }

  @Test func cachedMemoryIsFreeUntilItIsTrimmed() throws {
    _ = try pool.empty([1 << 20], .float32)
    #expect(statistics.storages == MemoryUse() && statistics.usedBytes == 0)
    #expect(statistics.pooled == MemoryUse(count: 1, bytes: 4 << 20) && statistics.freeBytes == 4 << 20)
    pool.trim()
    #expect(statistics.pooled == MemoryUse() && statistics.totalBytes == 0 && statistics.freeBytes == 0)
    #expect(statistics.peakTotalBytes == 4 << 20 && statistics.peakUsedBytes == 4 << 20)
  }

  @Test func exactMemoryIsNeverFree() throws {
    var x: Buffer? = try device.exact.empty([100], .float32)
    #expect(statistics.exact == MemoryUse(count: 1, bytes: 400) && statistics.pooled == MemoryUse())
    #expect(statistics.usedBytes == 400 && statistics.totalBytes == 400)
    _ = x
    x = nil
    #expect(statistics.exact == MemoryUse() && statistics.totalBytes == 0)
  }

  @Test func otherKindsAreCountedToo() throws {
    let pages = TestPages(4)
    var buffers = [try device.wrap(pages.pointer, length: pages.length, shape: [8], dtype: .int32)]
    #expect(statistics.wrapped == MemoryUse(count: 1, bytes: 4 * Self.page))
    #expect(statistics.storages == MemoryUse(count: 1, bytes: 4 * Self.page))
    let foreign = try #require(device.metalDevice.makeBuffer(length: 4096, options: .storageModeShared))
    buffers.append(try device.adopt(foreign, shape: [16], dtype: .float32))
    #expect(statistics.adopted == MemoryUse(count: 1, bytes: 4096))
    let file = try TestFile(length: 20_000)
    buffers.append(try device.mapFile(file.path).window(shape: [4], dtype: .int32))
    #expect(statistics.mapped == MemoryUse(count: 1, bytes: 2 * Self.page))
    #expect(statistics.totalBytes == 6 * Self.page + 4096 && statistics.freeBytes == 0)
    // A file that no kernel has used is not resident.
    if device.hasResidencySets { #expect(statistics.resident.count == 2) }
    buffers = []
    #expect(statistics.totalBytes == 0 && statistics.usedBytes == 0 && statistics.resident == MemoryUse())
  }

  @Test func twoStoragesOnOneAllocationUseItOnce() throws {
    let pages = TestPages(1)
    var first: Buffer? = try device.wrap(pages.pointer, length: pages.length, shape: [8], dtype: .int32)
    let block = try #require(first).storage.hold()
    first = nil
    let second = try device.wrap(pages.pointer, length: pages.length, shape: [8], dtype: .int32)
    #expect(block.allocation === (try second.storage.hold()).allocation)
    #expect(statistics.usedBytes == Self.page && statistics.totalBytes == Self.page)
    #expect(statistics.storages.count == 1)
  }

  @Test func whatIsInFlightIsUsed() throws {
    let increment = try device.kernel("increment", of: Sources.steps)
    let gate = try Gate(device)
    var x: Buffer? = try pool.zeros([1000], .int32)
    let encoder = device.encoder()
    try encoder.dispatch(increment, #require(x), grid: 1000)
    let submission = try encoder.commit()
    x = nil
    #expect(statistics.storages == MemoryUse(count: 1, bytes: 4000) && statistics.usedBytes == 4096)
    gate.open()
    try submission.wait()
    #expect(statistics.storages == MemoryUse() && statistics.usedBytes == 0)
  }

  @Test func lazyMemoryIsThereFromItsFirstUse() throws {
    let x = try device.makeBuffer(dtype: .int32, shape: [1000], initial: nil, label: nil, options: .lazy)
    #expect(statistics.storages == MemoryUse() && statistics.totalBytes == 0)
    _ = try x.contents(for: .readWrite)
    #expect(statistics.storages == MemoryUse(count: 1, bytes: 4000) && statistics.usedBytes == 4096)
  }

  @Test func thePeakIsFromTheLastReset() throws {
    _ = try device.exact.empty([3000], .uint8)
    let x = try device.exact.empty([1000], .uint8)
    #expect(statistics.peakUsedBytes == 3000 && statistics.peakTotalBytes == 3000)
    device.resetPeak()
    #expect(statistics.peakUsedBytes == 1000 && statistics.peakTotalBytes == 1000)
    _ = try device.exact.empty([500], .uint8)
    #expect(statistics.peakUsedBytes == 1500 && statistics.peakTotalBytes == 1500 && x.nbytes == 1000)
  }

  @Test func manyThreadsLoseNothing() async throws {
    let device = device
    try await withThrowingTaskGroup { group in
      for seed in 1...4 {
        group.addTask {
          for n in 1...500 {
            let x = try device.empty([seed * n], .uint8)
            _ = try device.exact.empty([n], .int32)
            guard device.memoryStatistics.usedBytes >= x.nbytes else { throw CancellationError() }
          }
        }
      }
      try await group.waitForAll()
    }
    #expect(
      statistics.storages == MemoryUse() && statistics.usedBytes == 0 && statistics.exact == MemoryUse())
    #expect(statistics.freeBytes == device.pool.statistics.freeBytes)
    #expect(statistics.peakUsedBytes <= statistics.peakTotalBytes)
  }
}
