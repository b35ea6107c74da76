import Testing

@testable import Ingot

/// Very many objects at a time.
@Suite struct VolumeTests {
  @Test("10^6 live buffers of 64 bytes take at most 70 allocations of Metal, and all go back")
  func aMillionBuffers() throws {
    let device = try Device.isolated()
    let count = 1_000_000
    var buffers: [Buffer] = []
    buffers.reserveCapacity(count)
    for n in 0..<count { buffers.append(try device.full([16], Int32(n))) }
    let full = device.memoryStatistics
    #expect(full.pooled.count <= 70 && full.storages == MemoryUse(count: count, bytes: 64 * count))
    #expect(full.usedBytes == 64 * count && full.totalBytes <= 70 << 20)
    // None has the memory of another.
    for n in stride(from: 0, to: count, by: 997) {
      #expect(try buffers[n].values(of: Int32.self) == Array(repeating: Int32(n), count: 16))
    }
    buffers = []
    #expect(device.memoryStatistics.storages == MemoryUse() && device.memoryStatistics.usedBytes == 0)
    device.pool.trim()
    #expect(device.memoryStatistics.pooled == MemoryUse())
  }
}
