// Not @testable: what these tests use is what every program can use (C40).
import Ingot
import Testing

@Suite struct ManualOrderTests {
  let device: Device
  let increment: Kernel
  let twice: Kernel

  init() throws {
    device = try Device.isolated()
    let library = try device.compile(Sources.steps)
    increment = try library.kernel("increment")
    twice = try library.kernel("twice")
  }

  @Test("C39: with serial or manual ordering Ingot puts no barrier, and counts neither put nor spared ones")
  func noneOfItsOwn() throws {
    let x = try device.zeros([1000], .int32)
    let others = try (0..<3).map { _ in try device.zeros([8], .int32) }
    for ordering in [Ordering.serial, .manual] {
      let encoder = device.encoder(ordering: ordering)
      for other in others { try encoder.dispatch(increment, other, grid: 8) }
      if ordering == .serial { for _ in 0..<5 { try encoder.dispatch(increment, x, grid: 1000) } }
      let submission = try encoder.commitAndWait()
      #expect(submission.dispatches == (ordering == .serial ? 8 : 3))
      #expect(submission.barriers == 0 && submission.barriersSpared == 0)
    }
    #expect(try x.values(of: Int32.self) == Array(repeating: 5, count: 1000))
  }

  @Test("C40: ordering, barriers, copies, fills and counters are public; a chain with barriers is in order")
  func chain() throws {
    let (x, y) = try (device.zeros([1000], .int32), device.zeros([1000], .int32))
    let encoder = device.encoder(label: "by hand", ordering: .manual)
    #expect(encoder.ordering == .manual)
    try encoder.fill(x, with: Int32(3))
    try encoder.barrier(x)
    try encoder.dispatch(increment, x, grid: 1000)
    try encoder.barrier([x])
    try encoder.dispatch(twice, x, grid: 1000)
    try encoder.barrier()
    try encoder.copy(x, to: y)
    try encoder.barrier(x, y, x)
    try encoder.dispatch(increment, y, grid: 1000)
    let statistics: EncoderStatistics = try encoder.statistics
    #expect(statistics.dispatches == 5 && statistics.barriers == 4 && statistics.barriersSpared == 0)
    let submission = try encoder.commitAndWait()
    #expect(submission.barriers == 4 && submission.barriersSpared == 0)
    #expect(try y.values(of: Int32.self) == Array(repeating: 9, count: 1000))
    #expect(try encoder.statistics == statistics)
  }

  @Test(
    "C45: a barrier before the first dispatch is nothing and is not counted", arguments: Ordering.allCases)
  func beforeTheFirst(ordering: Ordering) throws {
    let x = try device.zeros([8], .int32)
    let encoder = device.encoder(ordering: ordering)
    for _ in 0..<3 { try encoder.barrier() }
    try encoder.barrier(x)
    try encoder.dispatch(increment, x, grid: 8)
    #expect(try encoder.statistics.barriers == 0)
    #expect(try encoder.commitAndWait().barriers == 0)
    let empty = device.encoder(ordering: ordering)
    try empty.barrier()
    #expect(try empty.commitAndWait().barriers == 0)
  }

  @Test(
    "C47: three barriers after a dispatch count three; a serial encoder needs none",
    arguments: Ordering.allCases)
  func countsAll(ordering: Ordering) throws {
    let x = try device.zeros([8], .int32)
    let encoder = device.encoder(ordering: ordering)
    try encoder.dispatch(increment, x, grid: 8)
    try encoder.barrier()
    try encoder.barrier(x)
    try encoder.barrier([])
    let expected = ordering == .serial ? 0 : 3
    #expect(try encoder.statistics.barriers == expected)
    try encoder.dispatch(increment, x, grid: 8)
    let submission = try encoder.commitAndWait()
    // With automatic ordering the second dispatch finds nothing left to wait for.
    #expect(submission.barriers == expected)
    #expect(submission.barriersSpared == (ordering == .automatic ? 1 : 0))
    #expect(try x.values(of: Int32.self) == Array(repeating: 2, count: 8))
  }

  @Test(
    "with automatic ordering a barrier for some buffers orders all, as Ingot forgets what it knew of the rest"
  )
  func automatic() throws {
    let (x, y) = try (device.zeros([4096], .int32), device.exact.zeros([4096], .int32))
    for _ in 0..<20 {
      let encoder = device.encoder()
      try encoder.fill(x, with: Int32(1))
      try encoder.fill(y, with: Int32(1))
      try encoder.barrier(x)
      try encoder.dispatch(twice, y, grid: 4096)
      try encoder.dispatch(twice, x, grid: 4096)
      let submission = try encoder.commitAndWait()
      #expect(submission.barriers == 1 && submission.barriersSpared == 3)
      for buffer in [x, y] {
        #expect(try buffer.values(of: Int32.self) == Array(repeating: 2, count: 4096))
      }
    }
  }

  @Test("independent dispatches are spared each barrier, dependent ones none") func spared() throws {
    let buffers = try (0..<10).map { _ in try device.zeros([8], .int32) }
    let encoder = device.encoder()
    for buffer in buffers { try encoder.dispatch(increment, buffer, grid: 8) }
    #expect(try encoder.statistics == encoder.statistics)
    #expect(try encoder.statistics.barriers == 0 && encoder.statistics.barriersSpared == 9)
    for _ in 0..<5 { try encoder.dispatch(increment, buffers[0], grid: 8) }
    let submission = try encoder.commitAndWait()
    #expect(submission.dispatches == 15 && submission.barriers == 5 && submission.barriersSpared == 9)
  }

  @Test func refusedBarriers() throws {
    let elsewhere = try Device.isolated().zeros([8], .int32)
    let pool = Pool(device)
    let gone = try pool.zeros([8], .int32)
    pool.reset()
    let x = try device.zeros([8], .int32)
    for ordering in Ordering.allCases {
      let encoder = device.encoder(ordering: ordering)
      try encoder.dispatch(increment, x, grid: 8)
      #expect(try failure { try encoder.barrier(x, elsewhere) }.kind == .argument)
      #expect(try failure { try encoder.barrier(gone) }.kind == .closed)
      #expect(try encoder.statistics.barriers == 0)
      try encoder.commitAndWait()
      #expect(try failure { try encoder.barrier() }.kind == .state)
    }
  }
}
