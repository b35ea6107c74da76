import Testing

@testable import Ingot

@Suite struct CopyFillTests {
  let device: Device

  init() throws { device = try Device.isolated() }

  private func bytes(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ 1) } }

  @Test("copies from any byte to any byte, and nothing beside", arguments: [0, 1, 2, 3, 4, 7, 8, 12, 15, 16])
  func copiesAnyBytes(from: Int) throws {
    let source = try device.array(bytes(200))
    for to in 0..<17 {
      for count in [1, 2, 3, 4, 5, 15, 16, 17, 31, 32, 33, 63, 64, 100, 128] {
        let target = try device.full([200], UInt8(0xee))
        let encoder = device.encoder()
        try encoder.copy(source[from..<from + count], to: target[to..<to + count])
        try encoder.commitAndWait()
        var expected = [UInt8](repeating: 0xee, count: 200)
        expected.replaceSubrange(to..<to + count, with: bytes(200)[from..<from + count])
        #expect(try target.values(of: UInt8.self) == expected, "\(count) bytes from \(from) to \(to)")
      }
    }
  }

  @Test("fills any bytes with elements of any size, and nothing beside", arguments: 0..<18)
  func fillsAnyBytes(start: Int) throws {
    for dtype in [DType.int8, .float16, .float32, .uint64] {
      for count in [1, 2, 3, 5, 8, 16, 17, 20] {
        let target = try device.full([200], UInt8(0xee))
        let element = [UInt8](1...8).prefix(dtype.size)
        let encoder = device.encoder()
        let window = try target.window(offset: start, shape: [count], dtype: dtype)
        try Array(element).withUnsafeBytes { try encoder.fill(window, withElement: $0) }
        try encoder.commitAndWait()
        var expected = [UInt8](repeating: 0xee, count: 200)
        for index in 0..<count * dtype.size { expected[start + index] = element[index % dtype.size] }
        #expect(try target.values(of: UInt8.self) == expected, "\(count) \(dtype.name) at \(start)")
      }
    }
  }

  @Test("what is too much for one dispatch takes several, without barriers between them") func pieces() throws
  {
    let source = try device.array(bytes(1000))
    for (from, to, width) in [(0, 0, 16), (5, 21, 16), (4, 8, 4), (5, 9, 1), (3, 6, 1)] {
      let target = try device.full([1000], UInt8(0xee))
      let encoder = device.encoder()
      try encoder.copy(source[from..<from + 900], to: target[to..<to + 900], threadLimit: 32)
      let pieces = (900 + 32 * width - 1) / (32 * width)
      #expect(try encoder.statistics.dispatches == pieces && encoder.statistics.barriers == 0)
      try encoder.commitAndWait()
      #expect(try target.values(of: UInt8.self)[to..<to + 900] == bytes(1000)[from..<from + 900])
      #expect(try target.values(of: UInt8.self).count { $0 == 0xee } >= 100)
    }
    let target = try device.full([1001], UInt8(0xee))
    let window = try target.window(offset: 1, shape: [240], dtype: .int32)
    let encoder = device.encoder()
    try withUnsafeBytes(of: Int32(0x0403_0201)) {
      try encoder.fill(window, withElement: $0, threadLimit: 20)
    }
    #expect(try encoder.statistics.dispatches == 3 && encoder.statistics.barriers == 0)
    try encoder.commitAndWait()
    let expected = [0xee] + (0..<960).map { UInt8($0 % 4 + 1) } + [UInt8](repeating: 0xee, count: 40)
    #expect(try target.values(of: UInt8.self) == expected)
  }

  @Test("copies and fills conflict with dispatches and one another as dispatches do") func hazards() throws {
    let increment = try device.kernel("increment", of: Sources.steps)
    let x = try device.zeros([64], .int32)
    let y = try device.zeros([64], .int32)
    let encoder = device.encoder(label: "mixed")
    try encoder.fill(x[0..<32], with: Int32(5))
    try encoder.fill(x[32..<64], with: Int32(6))  // beside it
    try encoder.copy(x, to: y)  // after both
    try encoder.dispatch(increment, y, grid: 64)  // writes what is written
    try encoder.copy(y[0..<32], to: x[0..<32])  // writes what was read long ago, reads what is written
    try encoder.copy(y[0..<16], to: x[32..<48])  // reads beside a reader
    try encoder.fill(y[16..<32], with: Int32(1))  // writes what is read
    #expect(try encoder.statistics.barriers == 4 && encoder.statistics.barriersSpared == 2)
    try encoder.commitAndWait()
    let six = [Int32](repeating: 6, count: 32)
    #expect(try x.values(of: Int32.self) == six + six)
    let ones = [Int32](repeating: 1, count: 16)
    #expect(try y.values(of: Int32.self) == six[..<16] + ones + [Int32](repeating: 7, count: 32))
  }

  @Test("values of all dtypes") func values() throws {
    let encoder = device.encoder()
    let (bools, halves) = try (device.zeros([5], .bool), device.zeros([5], .bfloat16))
    let (floats, longs) = try (device.zeros([2, 3], .float32), device.zeros([3], .int64))
    try encoder.fill(bools, with: true)
    try encoder.fill(halves, with: BFloat16(1.5))
    try encoder.fill(floats, with: Float.pi)
    try encoder.fill(longs, with: Int64.min)
    try encoder.commitAndWait()
    #expect(try bools.values(of: Bool.self) == Array(repeating: true, count: 5))
    #expect(try halves.values(of: BFloat16.self) == Array(repeating: BFloat16(1.5), count: 5))
    #expect(try floats.values(of: Float.self) == Array(repeating: .pi, count: 6))
    #expect(try longs.values(of: Int64.self) == Array(repeating: .min, count: 3))
    let error = try failure { try device.encoder().fill(floats, with: 1.5 as Float16) }
    #expect(error.message.contains("float16") && error.message.contains("float32"))
    #expect(
      try failure {
        try withUnsafeBytes(of: 0) { try device.encoder().fill(floats, withElement: $0) }
      }.kind == .argument)
  }

  @Test func refusedCopies() throws {
    let x = try device.zeros([4, 4], .int32)
    let other = try Device.isolated().zeros([4, 4], .int32)
    let encoder = device.encoder()
    for (source, target, text) in try [
      (x, device.zeros([16], .int32), "shape"), (x, device.zeros([4, 4], .uint32), "dtype"),
      (other, x, "another device"), (x, other, "another device"),
      // Overlap, of windows at different places and of the same.
      (x[0..<3], x[1..<4], "share bytes"), (x[1..<4], x[0..<3], "share bytes"), (x, x, "share bytes"),
    ] {
      let error = try failure { try encoder.copy(source, to: target) }
      #expect(error.kind == .argument && error.message.contains(text), "\(error.message)")
    }
    #expect(try encoder.statistics.dispatches == 0)
    try encoder.copy(x[0..<2], to: x[2..<4])  // one storage, but no byte in common
    try encoder.commitAndWait()
    #expect(try failure { try encoder.copy(x[0], to: x[1]) }.kind == .state)
    #expect(try failure { try encoder.fill(x, with: Int32(0)) }.kind == .state)
    #expect(try failure { try device.encoder().fill(other, with: Int32(0)) }.kind == .argument)
  }

  @Test("what is read-only is copied from, not to") func readOnly() throws {
    let pages = TestPages(1)
    pages.ints.update(repeating: 3, count: 64)
    let source = try pages.wrap(on: device, readOnly: true)[0..<64]
    let target = try device.zeros([64], .int32)
    let encoder = device.encoder()
    #expect(try failure { try encoder.copy(target, to: source) }.message.contains("read-only"))
    #expect(try failure { try encoder.fill(source, with: Int32(1)) }.message.contains("read-only"))
    try encoder.copy(source, to: target)
    try encoder.commitAndWait()
    #expect(try target.values(of: Int32.self) == Array(repeating: 3, count: 64))
  }

  @Test("lazy buffers and a reset pool's") func storages() throws {
    let lazy = try device.makeBuffer(
      dtype: .uint8, shape: [33], initial: nil, label: nil, options: .lazy)
    let encoder = device.encoder()
    try encoder.fill(lazy, with: UInt8(9))
    try encoder.commitAndWait()
    #expect(try lazy.values(of: UInt8.self) == Array(repeating: 9, count: 33))
    let pool = Pool(device)
    let gone = try pool.zeros([33], .uint8)
    pool.reset()
    #expect(try failure { try device.encoder().fill(gone, with: UInt8(0)) }.kind == .closed)
    #expect(try failure { try device.encoder().copy(gone, to: lazy) }.kind == .closed)
  }

  @Test("an encoder keeps what it copies, and nothing of it is left") func lifetime() throws {
    weak var storage: Storage?
    try withAutoreleasePool {
      let target = try device.zeros([1000], .int32)
      let encoder = device.encoder()
      try withAutoreleasePool {
        let source = try device.full([1000], Int32(4))
        storage = source.storage
        try encoder.copy(source, to: target)
      }
      #expect(storage != nil)
      try encoder.commitAndWait()
      #expect(try target.values(of: Int32.self) == Array(repeating: 4, count: 1000))
    }
    #expect(storage == nil)
  }
}
