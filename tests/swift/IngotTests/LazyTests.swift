import Dispatch
import Testing

@testable import Ingot

@Suite struct LazyTests {
  private let device: Device

  init() throws { device = try Device.isolated() }

  @Test("D01: made now, allocated at the first use", arguments: 0..<9) func firstUse(number: Int) throws {
    let uses: [(Buffer) throws -> Void] = [
      { try $0.ensureAllocated() }, { _ = try $0.metalBuffer() }, { _ = try $0.contents(for: .read) },
      { _ = try $0.values(of: Int32.self) }, { _ = try $0.openView() }, { _ = try $0.mapped(for: .read) },
      { try $0.fill(Int32(0)) }, { try $0[5].ensureAllocated() },
      { [device] in try device.encoder().dispatch(device.kernel("increment", of: Sources.steps), $0, grid: 8)
      },
    ]
    for maker in [device as any BufferMaker, device.exact, Pool(device)] {
      let used = device.memoryStatistics.usedBytes
      let buffer = try maker.buffer([64], .int32, lazy: true, label: "late")
      let window = try buffer[8..<16]
      #expect(!buffer.isAllocated && !window.isAllocated && buffer.nbytes == 256 && window.offset == 32)
      #expect(device.memoryStatistics.usedBytes == used)
      try uses[number](buffer)
      #expect(buffer.isAllocated && window.isAllocated && device.memoryStatistics.usedBytes >= used + 256)
      #expect(try buffer.values(of: Int32.self).allSatisfy { $0 == 0 })
    }
  }

  @Test func severalThreadsAllocateOnce() throws {
    for _ in 0..<50 {
      let buffer = try device.buffer([4096], .int32, lazy: true)
      let misses = device.pool.statistics.hits + device.pool.statistics.misses
      DispatchQueue.concurrentPerform(iterations: 4) { number in
        try? buffer[number * 1024..<number * 1024 + 1000].fill(Int32(number + 1))
      }
      #expect(device.pool.statistics.hits + device.pool.statistics.misses == misses + 1)
      let values = try buffer.values(of: Int32.self)
      for number in 0..<4 {
        #expect(values[number * 1024..<number * 1024 + 1000].allSatisfy { $0 == number + 1 })
        #expect(values[number * 1024 + 1000..<(number + 1) * 1024].allSatisfy { $0 == 0 })
      }
    }
  }

  @Test func noMemoryAtTheFirstUse() throws {
    let pool = Pool(device)
    try pool.setLimit(bytes: 1 << 20)
    let buffer = try pool.buffer([1 << 20], .int32, lazy: true)
    for _ in 0..<2 {
      #expect(try failure { try buffer.ensureAllocated() }.kind == .outOfMemory)
      let encoder = device.encoder()
      let kernel = try device.kernel("increment", of: Sources.steps)
      #expect(try failure { try encoder.dispatch(kernel, buffer, grid: 1) }.kind == .outOfMemory)
      #expect(!buffer.isAllocated)
    }
    try pool.setLimit(bytes: nil)
    #expect(try buffer[99].item(of: Int32.self) == 0)
  }

  @Test func aResetTakesItBackBeforeItsFirstUse() throws {
    let pool = Pool(device)
    let buffer = try pool.buffer([64], .int32, lazy: true)
    try pool.buffer([64], .int32, lazy: true).ensureAllocated()
    pool.reset()
    #expect(pool.statistics.usedBytes == 0)
    // It had nothing that could be taken back.
    try buffer.ensureAllocated()
    #expect(buffer.isAllocated && pool.statistics.usedBytes == 256)
  }
}
