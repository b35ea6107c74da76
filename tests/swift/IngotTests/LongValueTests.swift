import Testing

@testable import Ingot

/// Values that are longer than Metal takes inline.
@Suite struct LongValueTests {
  let device: Device
  let weigh: Kernel

  init() throws {
    device = try Device.isolated()
    weigh = try device.kernel("weigh", of: Sources.weigh)
  }

  @Test("A value of any length arrives", arguments: [1, 1023, 1024, 1025, 4096, 100_000])
  func lengths(count: Int) throws {
    let values = (0..<count).map { Float($0 % 1000) }
    let out = try device.zeros([count], .float32)
    let encoder = device.encoder()
    try encoder.dispatch(weigh, .array(values), out, grid: count)
    try encoder.commitAndWait()
    #expect(try out.values(of: Float.self) == values)
  }

  @Test("Each dispatch has its own copy, taken when it is encoded") func copies() throws {
    let out = try (0..<3).map { _ in try device.zeros([2000], .float32) }
    let encoder = device.encoder()
    for (step, buffer) in out.enumerated() {
      try encoder.dispatch(weigh, .array([Float](repeating: Float(step), count: 2000)), buffer, grid: 2000)
    }
    try encoder.commitAndWait()
    for (step, buffer) in out.enumerated() {
      #expect(try buffer.values(of: Float.self) == [Float](repeating: Float(step), count: 2000))
    }
  }

  @Test("The memory is the pool's, until the submission is done") func memory() throws {
    let out = try device.zeros([2000], .float32)
    let before = device.pool.statistics.usedBytes
    let gate = try Gate(device)
    let encoder = device.encoder()
    try encoder.dispatch(weigh, .array([Float](repeating: 1, count: 2000)), out, grid: 2000)
    let submission = try encoder.commit()
    #expect(device.pool.statistics.usedBytes == before + 8192)
    gate.open()
    try submission.wait()
    #expect(device.pool.statistics.usedBytes == before)
    let discarded = device.encoder()
    try discarded.dispatch(weigh, .array([Float](repeating: 1, count: 2000)), out, grid: 2000)
    try discarded.discard()
    #expect(device.pool.statistics.usedBytes == before)
  }

  @Test("No memory is an error that leaves the encoder as it was") func noMemory() throws {
    let out = try device.zeros([4], .float32)
    let encoder = device.encoder()
    try encoder.dispatch(weigh, .array([1, 2, 3, 4] as [Float]), out, grid: 4)
    let statistics = try encoder.statistics
    try device.pool.setLimit(bytes: device.pool.statistics.totalBytes)
    let long = [Float](repeating: 9, count: 1 << 20)
    #expect(try failure { try encoder.dispatch(weigh, .array(long), out, grid: 4) }.kind == .outOfMemory)
    #expect(try encoder.statistics == statistics)
    try encoder.commitAndWait()
    #expect(try out.values(of: Float.self) == [1, 2, 3, 4])
  }

  @Test("What is refused for another reason takes no memory") func refused() throws {
    let out = try device.zeros([4], .float32)
    let long = [Float](repeating: 9, count: 5000)
    let before = device.pool.statistics
    let encoder = device.encoder()
    #expect(
      try failure { try encoder.dispatch(weigh, .array(long), grid: 4) }.message.contains("'out' not given"))
    #expect(try failure { try encoder.dispatch(weigh, .array(long), out, grid: 0) }.kind == .argument)
    #expect(
      try failure { try encoder.dispatch(weigh, .array([Int32](repeating: 9, count: 5000)), out, grid: 4) }
        .kind
        == .argument)
    #expect(
      try failure { try encoder.dispatch(weigh, out, .array(long), grid: 4) }.message.contains(
        "needs a buffer"))
    #expect(device.pool.statistics == before)
  }

  @Test("Structs have the padding of their stride, alone and in arrays") func structs() throws {
    struct Wide { var first: Int64, second: Int32 }
    let kernel = try device.kernel("wide", of: Sources.weigh)
    let out = try device.zeros([3], .int32)
    let values = (0..<300).map { Wide(first: Int64($0), second: Int32(10 * $0)) }
    try kernel(.bytes(of: values), out, grid: 3)
    #expect(try out.values(of: Int32.self) == [0, 11, 22])
    try kernel(.bytes(of: Wide(first: 5, second: 6)), out, grid: 1)
    #expect(try out.values(of: Int32.self)[0] == 11)
    let error = try failure { try kernel(.bytes(of: Int64(1)), out, grid: 1) }
    #expect(error.message.contains("16 bytes") && error.message.contains("has 8"))
  }
}
