import Testing

@testable import Ingot

@Suite struct GridTests {
  let device: Device
  let positions: Kernel
  let reverse: Kernel

  init() throws {
    device = try Device.isolated()
    positions = try device.kernel("positions", of: Sources.steps)
    reverse = try device.kernel("reverse", of: Sources.threadgroups)
  }

  private func refusal(_ dispatch: (CommandEncoder) throws -> Void) throws -> String {
    let error = try failure { try dispatch(device.encoder()) }
    #expect(error.kind == .argument)
    return error.message
  }

  private func expectedPositions(_ width: Int, _ height: Int) -> [Int32] {
    (0..<Int32(height)).flatMap { y in (0..<Int32(width)).map { x in y * 1000 + x } }
  }

  @Test func threadsAreExactly() throws {
    let x = try device.full([7 * 5 + 1], Int32(-1))
    let encoder = device.encoder()
    try encoder.dispatch(positions, x, grid: [7, 5], group: [4, 4])
    try encoder.commitAndWait()
    #expect(try x.values(of: Int32.self) == expectedPositions(7, 5) + [-1])
  }

  @Test func threadgroupsAreFull() throws {
    let x = try device.full([64], Int32(-1))
    let encoder = device.encoder()
    try encoder.dispatch(positions, x, groups: [2, 2], group: [4, 4])
    try encoder.commitAndWait()
    #expect(try x.values(of: Int32.self) == expectedPositions(8, 8))
  }

  @Test func defaultGroupsCoverTheGrid() throws {
    for (width, height) in [(1, 1), (1000, 1), (1, 1000), (33, 31), (257, 3)] {
      let x = try device.full([width * height], Int32(-1))
      let encoder = device.encoder()
      try encoder.dispatch(positions, x, grid: [width, height])
      try encoder.commitAndWait()
      #expect(try x.values(of: Int32.self) == expectedPositions(width, height))
    }
  }

  @Test(arguments: [[0], [4, 0], [4, 4, 0], [-1], [1 << 32], [Int.max, Int.max, Int.max], [Int.min]])
  func badGrids(extents: [Int]) throws {
    let x = try device.zeros([16], .int32)
    #expect(try refusal { try $0.dispatch(positions, x, grid: extents) }.contains("at least 1"))
    #expect(try refusal { try $0.dispatch(positions, x, groups: extents, group: 4) }.contains("at least 1"))
  }

  @Test func badGroupsSayTheLimit() throws {
    let x = try device.zeros([16], .int32)
    let limit = positions.maxThreadsPerThreadgroup
    for group in [[0], [4, -1], [limit + 1], [limit, 2], [Int.max, Int.max, Int.max], [1 << 32, 1 << 32]] {
      let message = try refusal { try $0.dispatch(positions, x, grid: 16, group: group) }
      #expect(message.contains("\(limit)") && message.contains("'positions'"), "\(message)")
      #expect(try refusal { try $0.dispatch(positions, x, groups: 1, group: group) }.contains("\(limit)"))
    }
  }

  @Test func aGridOfThreadgroupsMustFit32Bits() throws {
    let x = try device.zeros([16], .int32)
    let message = try refusal { try $0.dispatch(positions, x, groups: Int(UInt32.max), group: 2) }
    #expect(message.contains("\(UInt32.max)"))
  }

  @Test func threadgroupMemoryIsGivenInBytes() throws {
    let x = try device.ints(0..<8)
    let encoder = device.encoder()
    // 12 bytes would be too few for Metal, which takes multiples of 16.
    try encoder.dispatch(reverse, x, .threadgroup(bytes: 4 * 4 - 1), grid: 8, group: 4)
    try encoder.commitAndWait()
    #expect(try x.values(of: Int32.self) == [3, 2, 1, 0, 7, 6, 5, 4])
  }

  @Test func threadgroupMemoryNeedsAGroup() throws {
    let x = try device.ints(0..<8)
    let message = try refusal { try $0.dispatch(reverse, x, .threadgroup(bytes: 64), grid: 8) }
    #expect(message.contains("'reverse'") && message.contains("\(reverse.maxThreadsPerThreadgroup)"))
    let own = try device.kernel("own", of: Sources.threadgroups)
    #expect(try refusal { try $0.dispatch(own, x, grid: 8) }.contains("'own'"))
  }

  @Test func threadgroupMemoryHasALimit() throws {
    let x = try device.ints(0..<8)
    let limit = device.maxThreadgroupMemory
    for bytes in [limit + 1, limit * 2, Int(UInt32.max), Int.max, -1] {
      let message = try refusal { try $0.dispatch(reverse, x, .threadgroup(bytes: bytes), grid: 8, group: 4) }
      #expect(message.contains("\(bytes)"), "\(message)")
    }
    #expect(
      try refusal { try $0.dispatch(reverse, x, .threadgroup(bytes: 0), grid: 8, group: 4) }.contains(
        "0 bytes"))
    let encoder = device.encoder()
    try encoder.dispatch(reverse, x, .threadgroup(bytes: limit), grid: 8, group: 8)
    try encoder.commitAndWait()
    #expect(try x.values(of: Int32.self) == [7, 6, 5, 4, 3, 2, 1, 0])
  }

  @Test func threadgroupMemoryIsNeitherBufferNorValue() throws {
    let x = try device.ints(0..<8)
    #expect(try refusal { try $0.dispatch(reverse, x, x, grid: 8, group: 4) }.contains("threadgroup memory"))
    #expect(try refusal { try $0.dispatch(reverse, x, .int32(64), grid: 8, group: 4) }.contains("length"))
    #expect(
      try refusal { try $0.dispatch(reverse, .threadgroup(bytes: 16), grid: 8, group: 4) }.contains("'x'"))
    #expect(try refusal { try $0.dispatch(reverse, x, grid: 8, group: 4) }.contains("'tile' not given"))
  }
}
