import Testing

@testable import Ingot

@Suite struct GraphLifetimeTests {
  let device: Device
  let increment: Kernel

  init() throws {
    device = try Device.isolated()
    increment = try device.compile(Sources.steps).kernel("increment")
  }

  private func graph(of buffer: Buffer, label: String? = nil) throws -> Graph {
    try device.record(label: label) { try $0.dispatch(increment, buffer, grid: buffer.count) }
  }

  @Test("C78: 200 unfinished recordings dropped in a row leave the device usable, and take no command buffer")
  func unfinished() throws {
    let x = try device.zeros([64], .int32)
    let kept = (0..<100).map { _ in device.recorder() }
    for recorder in kept { try recorder.dispatch(increment, x, grid: 64) }
    for round in 0..<200 {
      let recorder = device.recorder(label: "dropped")
      try recorder.dispatch(increment, x, grid: 64)
      if round % 2 == 0 { try recorder.discard() }
    }
    #expect(throws: CancellationError.self) {
      _ = try device.record { encoder in
        try encoder.dispatch(increment, x, grid: 64)
        throw CancellationError()
      }
    }
    #expect(device.statistics.submissions == 0)
    try graph(of: x).replay().wait()
    #expect(try x.values(of: Int32.self) == Array(repeating: 1, count: 64))
    // All of them can be had.
    let encoders = (0..<CommandSlots.capacity).map { _ in device.encoder() }
    for encoder in encoders { try encoder.dispatch(increment, x, grid: 64) }
  }

  @Test("a recording cannot be committed, and goes on after the attempt") func commit() throws {
    let x = try device.zeros([64], .int32)
    let recorder = device.recorder(label: "taped")
    try recorder.dispatch(increment, x, grid: 64)
    let error = try failure { try recorder.commit() }
    #expect(error.kind == .state && error.message.contains("recording 'taped' has no command buffer"))
    #expect(device.statistics.submissions == 0)
    try recorder.dispatch(increment, x, grid: 64)
    let graph = try recorder.finishRecording()
    #expect(graph.statistics.dispatches == 2)
    try graph.replay().wait()
    #expect(try x.values(of: Int32.self) == Array(repeating: 2, count: 64))
  }

  @Test("a recording ends once, and takes nothing afterwards; an encoder is none") func ends() throws {
    let x = try device.zeros([64], .int32)
    let recorder = device.recorder()
    _ = try recorder.finishRecording()
    for use: () throws -> Void in [
      { _ = try recorder.finishRecording() }, { try recorder.dispatch(increment, x, grid: 64) },
      { try recorder.commit() }, { try recorder.discard() }, { try recorder.barrier() },
      { try recorder.copy(x, to: x) },
    ] {
      let error = try failure(use)
      #expect(error.kind == .state && error.message.contains("is a graph now"))
    }
    #expect(try recorder.statistics.dispatches == 0)
    let encoder = device.encoder()
    #expect(try failure { _ = try encoder.finishRecording() }.kind == .state)
    try encoder.commitAndWait()
  }

  @Test("two recordings at a time know nothing of each other") func two() throws {
    let x = try device.zeros([64], .int32)
    let (one, two) = (device.recorder(label: "one"), device.recorder(label: "two"))
    try one.dispatch(increment, x, grid: 64)
    try two.fill(x, with: Int32(5))
    try one.dispatch(increment, x, grid: 64)
    let graphs = try (one.finishRecording(), two.finishRecording())
    try graphs.1.replay()
    try graphs.0.replay().wait()
    #expect(try x.values(of: Int32.self) == Array(repeating: 7, count: 64))
  }

  @Test("a graph keeps its buffers and kernels alive, and lets go of them when it goes") func keepsAlive()
    throws
  {
    let used = device.memoryStatistics.usedBytes
    var graph: Graph? = try {
      let library = try device.compile(Sources.saxpy)
      let x = try device.full([64], Float(1))
      let kernel = try library.kernel("saxpy")
      return try device.record { encoder in
        try encoder.dispatch(kernel, x, device.zeros([64], .float32), .float(1), grid: 64)
      }
    }()
    // Other memory is made where that of the graph is not.
    for _ in 0..<20 { _ = try device.full([64], Float(9)) }
    for _ in 0..<10 { try graph!.replay() }
    try device.synchronize()
    #expect(device.memoryStatistics.usedBytes > used)
    graph = nil
    #expect(device.memoryStatistics.usedBytes == used)
  }

  @Test("it keeps what kernels are given and do not use") func unusedArguments() throws {
    let (pool, unused) = (Pool(device), try device.compile(Sources.kinds).kernel("unused"))
    let x = try device.zeros([8], .float32)
    var spare: Buffer? = try pool.zeros([1 << 16], .float32)
    let graph = try device.record { try $0.dispatch(unused, x, spare!, grid: 8) }
    spare = nil
    pool.trim()
    #expect(pool.statistics.usedBytes == 1 << 18)
    for _ in 0..<3 { try graph.replay().wait() }
    #expect(try x.values(of: Float.self) == Array(repeating: 1, count: 8))
  }

  @Test("what a refused dispatch would have used is nothing to the graph, and what only a barrier names is")
  func refusedDispatches() throws {
    let pool = Pool(device)
    let copy = try device.kernel("copy", of: Sources.steps)
    let (x, floats) = try (device.exact.zeros([16], .int32), device.zeros([16], .float32))
    var scratch: Buffer? = try pool.zeros([16], .int32)
    var named: Buffer? = try pool.zeros([1 << 16], .int32)
    let graph = try device.record(ordering: .manual) { encoder in
      try encoder.dispatch(increment, x, grid: 16)
      #expect(throws: IngotError.self) { try encoder.dispatch(copy, scratch!, floats, grid: 16) }
      try encoder.barrier(named!)
      try encoder.dispatch(increment, x, grid: 16)
    }
    scratch = nil
    named = nil
    #expect(pool.statistics.usedBytes >= 1 << 18)
    try graph.replay().wait()
    let free = Pool(device)
    let other = try free.zeros([16], .int32)
    let second = try device.record { encoder in
      #expect(throws: IngotError.self) { try encoder.dispatch(copy, other, floats, grid: 16) }
      try encoder.dispatch(increment, x, grid: 16)
    }
    #expect(free.reset() == 0)
    try second.replay().wait()
    #expect(try x.values(of: Int32.self) == Array(repeating: 3, count: 16))
  }

  @Test("memory of a graph stays in the residency sets") func residency() throws {
    let graph = try graph(of: device.exact.zeros([1 << 16], .int32))
    let count = device.statistics.residentCount
    for _ in 0..<5 { try graph.replay().wait() }
    #expect(device.statistics.residentCount == count)
  }

  @Test("a pool that takes memory back makes its graphs stale, and hands nothing out that a replay uses")
  func reset() throws {
    let pool = Pool(device)
    let x = try pool.zeros([1024], .int32)
    let graph = try graph(of: x, label: "stale")
    let gate = try Gate(device)
    let submission = try graph.replay()
    let recorder = device.recorder()
    try recorder.dispatch(increment, x, grid: 1024)
    #expect(pool.reset() == 1)
    let error = try failure { try graph.replay() }
    #expect(error.kind == .closed)
    let encoder = device.encoder()
    #expect(try failure { try graph.encode(to: encoder) }.kind == .closed)
    #expect(try encoder.statistics.dispatches == 0)
    // The replay that is under way and the recording have the memory, so nobody else gets it.
    let others = try (0..<4).map { _ in try pool.full([1024], Int32(-1)) }
    gate.open()
    try submission.wait()
    for other in others {
      #expect(try other.values(of: Int32.self) == Array(repeating: -1, count: 1024))
    }
    #expect(try failure { try recorder.finishRecording().replay() }.kind == .closed)
    let fresh = try graph.replacing(.argument("x", with: others[0]))
    try fresh.replay().wait()
    #expect(try others[0].values(of: Int32.self) == Array(repeating: 0, count: 1024))
  }

  @Test("a dropped buffer of a graph is not used again") func dropped() throws {
    let graph = try graph(of: device.zeros([1024], .int32))
    let others = try (0..<4).map { _ in try device.full([1024], Int32(-1)) }
    for _ in 0..<3 { try graph.replay().wait() }
    for other in others { #expect(try other.values(of: Int32.self) == Array(repeating: -1, count: 1024)) }
  }

  @Test("the host is kept from what a replay uses, and keeps replays from what it has mapped")
  func hostAccess() throws {
    let x = try device.zeros([2, 64], .int32)
    let graph = try graph(of: x[0], label: "writes")
    let gate = try Gate(device)
    let submission = try graph.replay()
    let error = try failure { _ = try x[0].contents(for: .read) }
    #expect(error.kind == .inFlight && error.message.contains("'writes'"))
    _ = try x[1].contents(for: .write)
    gate.open()
    try submission.wait()
    try x.withMappedMutable(of: Int32.self) { _ in
      // More often than there are command buffers.
      for _ in 0..<100 {
        let error = try failure { try graph.replay() }
        #expect(error.kind == .inFlight)
      }
    }
    try graph.replay().wait()
    #expect(try x[0].values(of: Int32.self) == Array(repeating: 2, count: 64))
  }

  @Test("a lazy buffer has its memory when it is recorded") func lazy() throws {
    let x = try device.buffer([64], .int32, lazy: true)
    let graph = try graph(of: x)
    #expect(x.isAllocated)
    try graph.replay().wait()
    #expect(try x.values(of: Int32.self) == Array(repeating: 1, count: 64))
  }

  @Test("a failure names the graph and its kernels", .softwareDevice) func failures() throws {
    let library = try device.compile(Sources.faults)
    let x = try device.zeros([4], .int32)
    let graph = try device.record(label: "failing") { encoder in
      try encoder.dispatch(library.kernel("stray"), x, grid: 1)
    }
    let error = try failure { try graph.replay().wait() }
    #expect(error.kind == .commandBuffer)
    #expect(error.message.contains("failing") && error.message.contains("stray"))
    try self.graph(of: x).replay().wait()
  }

  @Test("objects and memory stay as many over many replays") func flat() throws {
    let x = try device.zeros([64], .int32)
    let graph = try device.record { encoder in
      for _ in 0..<10 { try encoder.dispatch(increment, x, grid: 64) }
    }
    try graph.replay().wait()
    let (used, total) = (device.memoryStatistics.usedBytes, device.memoryStatistics.totalBytes)
    for round in 0..<2000 {
      let submission = try round % 10 == 0 ? graph.replay(.buffer(x, with: x)) : graph.replay()
      if round % 50 == 0 { try submission.wait() }
    }
    try device.synchronize()
    #expect(device.memoryStatistics.usedBytes == used && device.memoryStatistics.totalBytes == total)
    #expect(device.statistics.unfinished == 0)
    #expect(try x.values(of: Int32.self) == Array(repeating: 20010, count: 64))
  }
}
