import Testing

@testable import Ingot

@Suite struct OrderTests {
  let device: Device
  let library: Library

  init() throws {
    device = try Device.isolated()
    library = try device.compile(Sources.steps)
  }

  @Test(
    "dependent dispatches run in order; barriers stand only where bytes conflict",
    arguments: [Ordering.automatic, .serial])
  func dependencies(ordering: Ordering) throws {
    let (increment, twice, copy) = try (
      library.kernel("increment"), library.kernel("twice"), library.kernel("copy")
    )
    let a = try device.ints(0..<1000)
    let b = try device.zeros([1000], .int32)
    let c = try device.zeros([1000], .int32)
    let encoder = device.encoder(ordering: ordering)
    try encoder.dispatch(increment, a, grid: 1000)
    try encoder.dispatch(copy, a, b, grid: 1000)
    try encoder.dispatch(twice, a, grid: 1000)
    try encoder.dispatch(increment, b, grid: 1000)
    try encoder.dispatch(copy, b, c, grid: 1000)
    let submission = try encoder.commitAndWait()
    #expect(try a.values(of: Int32.self) == (0..<1000).map { ($0 + 1) * 2 })
    #expect(try b.values(of: Int32.self) == (0..<1000).map { $0 + 2 })
    #expect(try c.values(of: Int32.self) == (0..<1000).map { $0 + 2 })
    #expect(submission.dispatches == 5)
    // increment | copy | twice, increment | copy
    #expect(submission.barriers == (ordering == .serial ? 0 : 3))
  }

  @Test func independentDispatchesHaveNoBarrier() throws {
    let increment = try library.kernel("increment")
    let buffers = try (0..<50).map { _ in try device.zeros([100], .int32) }
    let encoder = device.encoder()
    for buffer in buffers { try encoder.dispatch(increment, buffer, grid: 100) }
    #expect(try encoder.commitAndWait().barriers == 0)
    for buffer in buffers { #expect(try buffer.values(of: Int32.self) == Array(repeating: 1, count: 100)) }
  }

  @Test func readersShareABarrier() throws {
    let (increment, copy) = try (library.kernel("increment"), library.kernel("copy"))
    let a = try device.zeros([100], .int32)
    let copies = try (0..<10).map { _ in try device.zeros([100], .int32) }
    let encoder = device.encoder()
    try encoder.dispatch(increment, a, grid: 100)
    for target in copies { try encoder.dispatch(copy, a, target, grid: 100) }
    #expect(try encoder.commitAndWait().barriers == 1)
    for target in copies { #expect(try target.values(of: Int32.self) == Array(repeating: 1, count: 100)) }
  }

  @Test("there is no barrier before the first dispatch, nor after a refused one")
  func refusedDispatches() throws {
    let increment = try library.kernel("increment")
    let a = try device.zeros([100], .int32)
    let encoder = device.encoder()
    _ = try failure { try encoder.dispatch(increment, grid: 100) }
    try encoder.dispatch(increment, a, grid: 100)
    _ = try failure { try encoder.dispatch(increment, a, grid: 0) }
    _ = try failure { try encoder.dispatch(increment, a, a, grid: 100) }
    let submission = try encoder.commitAndWait()
    #expect(submission.barriers == 0 && submission.dispatches == 1)
  }

  @Test("each conflict adds one") func countsBarriers() throws {
    let increment = try library.kernel("increment")
    let a = try device.zeros([100], .int32)
    let encoder = device.encoder()
    for _ in 0..<4 { try encoder.dispatch(increment, a, grid: 100) }
    #expect(try encoder.commitAndWait().barriers == 3)
    #expect(try a.values(of: Int32.self) == Array(repeating: 4, count: 100))
  }

  @Test func submissionsFollowOneAnother() throws {
    let (increment, twice) = try (library.kernel("increment"), library.kernel("twice"))
    let a = try device.zeros([1000], .int32)
    var expected: Int32 = 0
    var last: Submission?
    for step in 0..<30 {
      let encoder = device.encoder()
      try encoder.dispatch(step % 3 == 0 ? twice : increment, a, grid: 1000)
      last = try encoder.commit()
      expected = step % 3 == 0 ? expected * 2 : expected + 1
    }
    try last?.wait()
    while device.statistics.unfinished > 0 {}
    #expect(try a.values(of: Int32.self) == Array(repeating: expected, count: 1000))
  }

  @Test func theEnvironmentOverridesTheOrdering() throws {
    for (text, ordering) in [("serial", Ordering.serial), ("manual", .manual), ("automatic", .automatic)] {
      let configuration = try Configuration { $0 == "INGOT_ORDERING" ? text : nil }
      let device = try Device.open(
        index: nil, requireGPU: false, residency: true, configuration: configuration)
      for asked in Ordering.allCases { #expect(device.encoder(ordering: asked).ordering == ordering) }
    }
  }

  @Test func aRandomProgramEndsAsIfSerial() throws {
    for seed in UInt64(0)..<8 { try runRandomProgram(seed: seed) }
  }

  /// Copies, increments and doublings over a few buffers in any order, against the same program on arrays.
  private func runRandomProgram(seed: UInt64) throws {
    var generator = SplitMix(state: seed)
    let (increment, twice, copy) = try (
      library.kernel("increment"), library.kernel("twice"), library.kernel("copy")
    )
    let buffers = try (0..<5).map { try device.full([64], Int32($0)) }
    var model = (0..<5).map { UInt32($0) }
    let encoder = device.encoder()
    for _ in 0..<60 {
      let (from, to) = (Int.random(in: 0..<5, using: &generator), Int.random(in: 0..<5, using: &generator))
      switch Int.random(in: 0..<3, using: &generator) {
      case 0:
        try encoder.dispatch(increment, buffers[to], grid: 64)
        model[to] &+= 1
      case 1:
        try encoder.dispatch(twice, buffers[to], grid: 64)
        model[to] &*= 2
      default:
        guard from != to else { continue }
        try encoder.dispatch(copy, buffers[from], buffers[to], grid: 64)
        model[to] = model[from]
      }
    }
    try encoder.commitAndWait()
    for (buffer, value) in zip(buffers, model) {
      #expect(
        try buffer.values(of: Int32.self) == Array(repeating: Int32(bitPattern: value), count: 64),
        "seed \(seed)")
    }
  }
}
