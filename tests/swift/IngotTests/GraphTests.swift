import Testing

@testable import Ingot

@Suite struct GraphTests {
  let device: Device
  let copy: Kernel
  let increment: Kernel
  let twice: Kernel

  init() throws {
    device = try Device.isolated()
    let library = try device.compile(Sources.steps)
    copy = try library.kernel("copy")
    increment = try library.kernel("increment")
    twice = try library.kernel("twice")
  }

  @Test("C75: a graph of one dispatch does what the dispatch does, each time", arguments: Ordering.allCases)
  func oneDispatch(ordering: Ordering) throws {
    let (x, y) = try (device.ints(0..<100), device.ints(0..<100))
    let graph = try device.record(label: "one", ordering: ordering) {
      try $0.dispatch(increment, x, grid: 100)
    }
    #expect(try x.values(of: Int32.self) == Array(0..<100))
    for round in 1...3 {
      let submission = try graph.replay()
      try submission.wait()
      #expect(submission.label == "one" && submission.dispatches == 1 && submission.barriers == 0)
      let encoder = device.encoder()
      try encoder.dispatch(increment, y, grid: 100)
      try encoder.commitAndWait()
      #expect(try x.values(of: Int32.self) == y.values(of: Int32.self))
      #expect(device.statistics.submissions == 2 * round)
    }
  }

  @Test("C76: add, barrier and multiply in one submission are as in two that are waited for")
  func inOneSubmission() throws {
    let (x, y) = try (device.ints(0..<1000), device.ints(0..<1000))
    for ordering in Ordering.allCases {
      let graph = try device.record(ordering: ordering) { encoder in
        try encoder.dispatch(increment, x, grid: 1000)
        try encoder.barrier()
        try encoder.dispatch(twice, x, grid: 1000)
      }
      let submission = try graph.replay()
      try submission.wait()
      #expect(submission.dispatches == 2)
      #expect(submission.barriers == (ordering == .serial ? 0 : 1))
      for kernel in [increment, twice] {
        let encoder = device.encoder()
        try encoder.dispatch(kernel, y, grid: 1000)
        try encoder.commitAndWait()
      }
      #expect(try x.values(of: Int32.self) == y.values(of: Int32.self))
    }
  }

  @Test("C77: 120 small dispatches are one command buffer as a graph, and 120 by themselves")
  func batched() throws {
    let x = try device.zeros([4096], .int32)
    let graph = try device.record { encoder in
      for _ in 0..<120 { try encoder.dispatch(increment, x, grid: 4096) }
    }
    #expect(device.statistics.submissions == 0)
    let submission = try graph.replay()
    try submission.wait()
    #expect(device.statistics.submissions == 1)
    #expect(submission.dispatches == 120 && submission.barriers == 119)
    for _ in 0..<120 {
      let encoder = device.encoder()
      try encoder.dispatch(increment, x, grid: 4096)
      try encoder.commitAndWait()
    }
    #expect(device.statistics.submissions == 121)
    #expect(try x.values(of: Int32.self) == Array(repeating: 240, count: 4096))
  }

  @Test("C46: three barriers that are recorded are in the graph, and counted by its replays alone")
  func recordedBarriers() throws {
    let (x, y) = try (device.zeros([8], .int32), device.zeros([8], .int32))
    let encoder = device.encoder(ordering: .manual)
    let graph = try device.record(ordering: .manual) { recorder in
      try recorder.barrier()
      try recorder.dispatch(increment, x, grid: 8)
      try recorder.barrier()
      try recorder.barrier(x, y)
      try recorder.barrier([])
      try recorder.dispatch(twice, x, grid: 8)
    }
    #expect(graph.statistics == EncoderStatistics(dispatches: 2, barriers: 3, barriersSpared: 0))
    #expect(try encoder.statistics.barriers == 0)
    #expect(device.statistics.submissions == 0)
    for value in [2, 6] as [Int32] {
      let submission = try graph.replay()
      try submission.wait()
      #expect(submission.barriers == 3)
      #expect(try x.values(of: Int32.self) == Array(repeating: value, count: 8))
    }
  }

  @Test("independent dispatches of a graph have no barrier, also where they are windows of one storage")
  func independent() throws {
    let rows = try device.zeros([50, 16], .int32)
    let graph = try device.record { encoder in
      for row in 0..<50 { try encoder.dispatch(increment, rows[row], grid: 16) }
    }
    #expect(graph.statistics.barriers == 0 && graph.statistics.barriersSpared == 49)
    for _ in 0..<3 { try graph.replay() }
    try rows.wait()
    #expect(try rows.values(of: Int32.self) == Array(repeating: 3, count: 800))
  }

  @Test("every dispatch has its ranges, so that readers share a barrier and each writer after them waits")
  func everyDispatchIsKnown() throws {
    let x = try device.ints(0..<64)
    let targets = try (0..<4).map { _ in try device.zeros([64], .int32) }
    let graph = try device.record { encoder in
      try encoder.dispatch(increment, x, grid: 64)
      for target in targets { try encoder.dispatch(copy, x, target, grid: 64) }
      for target in targets { try encoder.dispatch(twice, target, grid: 64) }
      try encoder.dispatch(twice, x, grid: 64)
    }
    // increment | copies | the rest
    #expect(graph.statistics.barriers == 2)
    try graph.replay().wait()
    for target in targets { #expect(try target.values(of: Int32.self) == (0..<64).map { 2 * ($0 + 1) }) }
    #expect(try x.values(of: Int32.self) == (0..<64).map { 2 * ($0 + 1) })
  }

  @Test("nothing is fused or moved: what is between is written too, and the order is that of the recording")
  func asRecorded() throws {
    let (x, between, out) = try (device.ints(0..<64), device.zeros([64], .int32), device.zeros([64], .int32))
    let graph = try device.record { encoder in
      try encoder.dispatch(copy, x, between, grid: 64)
      try encoder.dispatch(increment, between, grid: 64)
      try encoder.dispatch(copy, between, out, grid: 64)
      try encoder.dispatch(twice, out, grid: 64)
      try encoder.fill(x, with: Int32(7))
    }
    try graph.replay().wait()
    #expect(try between.values(of: Int32.self) == (0..<64).map { $0 + 1 })
    #expect(try out.values(of: Int32.self) == (0..<64).map { 2 * ($0 + 1) })
    #expect(try x.values(of: Int32.self) == Array(repeating: 7, count: 64))
    #expect(graph.statistics.dispatches == 5)
  }

  @Test("an empty graph can be replayed, alone and in an encoder")
  func empty() throws {
    let graph = try device.record { _ in }
    let submission = try graph.replay()
    try submission.wait()
    #expect(submission.dispatches == 0 && submission.barriers == 0)
    let encoder = device.encoder()
    try graph.encode(to: encoder)
    #expect(try encoder.commitAndWait().dispatches == 0)
  }

  @Test("everything that a dispatch can be given is replayed as it was encoded")
  func kinds() throws {
    let library = try device.compile(Sources.kinds + "\n" + Sources.threadgroups)
    let (scalars, structs, reverse) = try (
      library.kernel("scalars"), library.kernel("structs"), library.kernel("reverse")
    )
    let (out, pairs, x) = try (device.zeros([8], .float32), device.zeros([8], .float32), device.ints(0..<64))
    let graph = try device.record { encoder in
      for b in [2, 2, 3] {
        try encoder.dispatch(
          scalars, .int32(1), .uint8(b), .bytes(of: SIMD2<Float>(3, 4)), out, grid: 8)
      }
      try encoder.dispatch(structs, Argument.bytes(of: (Float(2.5), Int32(4))), pairs, grid: 8)
      try encoder.dispatch(reverse, x, .threadgroup(bytes: 64), groups: 4, group: 16)
      try encoder.dispatch(reverse, x, .threadgroup(bytes: 128), grid: 64, group: 32)
      try encoder.dispatch(reverse, x, .threadgroup(bytes: 64), grid: 64, group: 16)
    }
    var expected = Array(0..<64).map(Int32.init)
    for _ in 0..<2 {
      try graph.replay().wait()
      for size in [16, 32, 16] {
        expected = stride(from: 0, to: 64, by: size).flatMap { expected[$0..<$0 + size].reversed() }
      }
      #expect(try out.values(of: Float.self) == Array(repeating: 11, count: 8))
      #expect(try pairs.values(of: Float.self) == Array(repeating: 10, count: 8))
      #expect(try x.values(of: Int32.self) == expected)
    }
  }

  @Test("a replay is one call, and many are counted each")
  func replaysAreCounted() throws {
    let x = try device.zeros([8], .int32)
    let graph = try device.record { encoder in
      try encoder.dispatch(increment, x, grid: 8)
      try encoder.copy(x[0..<4], to: x[4..<8])
    }
    var total = 0
    for _ in 0..<20 { total += try graph.replay().dispatches }
    try device.synchronize()
    #expect(total == 40 && device.statistics.submissions == 20 && device.statistics.unfinished == 0)
    #expect(try x.values(of: Int32.self) == Array(repeating: 20, count: 8))
  }

  @Test("a graph is replayed from several threads at a time")
  func threads() async throws {
    let rows = try device.zeros([4, 256], .int32)
    let graph = try device.record { encoder in
      for row in 0..<4 { for _ in 0..<5 { try encoder.dispatch(increment, rows[row], grid: 256) } }
    }
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<4 {
        group.addTask { for _ in 0..<25 { try await graph.replay().completed() } }
      }
      try await group.waitForAll()
    }
    #expect(try rows.values(of: Int32.self) == Array(repeating: 500, count: 1024))
  }
}
