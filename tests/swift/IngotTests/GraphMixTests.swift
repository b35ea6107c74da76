import Metal
import Testing

@testable import Ingot

@Suite struct GraphMixTests {
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

  @Test(
    "C79: a graph and dispatches mix in one encoder, with barriers at the seams only where bytes conflict")
  func seams() throws {
    let (x, y) = try (device.zeros([4096], .int32), device.zeros([4096], .int32))
    let graph = try device.record { encoder in
      try encoder.dispatch(increment, x, grid: 4096)
      try encoder.dispatch(twice, x, grid: 4096)
    }
    for _ in 0..<10 {
      let encoder = device.encoder()
      try encoder.fill(x, with: Int32(3))
      try encoder.dispatch(increment, y, grid: 4096)
      try graph.encode(to: encoder)  // 8, behind a barrier
      try encoder.dispatch(twice, y, grid: 4096)  // the graph's barriers were for it, too
      try graph.encode(to: encoder)  // 18
      try encoder.dispatch(copy, x, y, grid: 4096)
      let submission = try encoder.commitAndWait()
      #expect(submission.dispatches == 8)
      #expect(submission.barriers == 5 && submission.barriersSpared == 2)
      #expect(try y.values(of: Int32.self) == Array(repeating: 18, count: 4096))
    }
  }

  @Test("a graph without a barrier leaves what came before in order")
  func graphsWithoutBarriers() throws {
    let (x, y, z) = try (
      device.zeros([4096], .int32), device.zeros([4096], .int32), device.zeros([4096], .int32)
    )
    let graph = try device.record { try $0.dispatch(increment, y, grid: 4096) }
    for _ in 0..<10 {
      let encoder = device.encoder()
      try encoder.fill(x, with: Int32(1))
      try encoder.fill(y, with: Int32(1))
      try graph.encode(to: encoder)
      try encoder.fill(z, with: Int32(1))
      #expect(try encoder.statistics.barriers == 1)
      try graph.encode(to: encoder, .buffer(y, with: z))
      #expect(try encoder.statistics.barriers == 2)
      try graph.encode(to: encoder, .buffer(y, with: x))
      #expect(try encoder.statistics.barriers == 2)
      try encoder.dispatch(twice, x, grid: 4096)
      try encoder.dispatch(twice, y, grid: 4096)
      try encoder.dispatch(twice, z, grid: 4096)
      #expect(try encoder.commitAndWait().barriers == 3)
      for buffer in [x, y, z] {
        #expect(try buffer.values(of: Int32.self) == Array(repeating: 4, count: 4096))
      }
    }
  }

  @Test("a serial encoder takes any graph, and counts no barriers; others only those of their ordering")
  func orderings() throws {
    let x = try device.zeros([64], .int32)
    let graphs = try Dictionary(
      uniqueKeysWithValues: Ordering.allCases.map { ordering in
        try (
          ordering,
          device.record(ordering: ordering) { encoder in
            try encoder.dispatch(increment, x, grid: 64)
            try encoder.barrier()
            try encoder.dispatch(increment, x, grid: 64)
          }
        )
      })
    for encoding in Ordering.allCases {
      for (recorded, graph) in graphs {
        let encoder = device.encoder(ordering: encoding)
        if encoding == .serial || encoding == recorded {
          try graph.encode(to: encoder)
        } else {
          let error = try failure { try graph.encode(to: encoder) }
          #expect(error.kind == .argument && error.message.contains("ordering"))
        }
        try encoder.commitAndWait()
        #expect(try encoder.statistics.barriers == (encoding == recorded && recorded != .serial ? 1 : 0))
      }
    }
    #expect(try x.values(of: Int32.self) == Array(repeating: 10, count: 64))
  }

  @Test("a barrier that a graph begins with is none after an event, as in an encoder")
  func barrierAfterAnEvent() throws {
    let (x, event) = try (device.zeros([64], .int32), device.event())
    let graph = try device.record { encoder in
      try encoder.barrier()
      try encoder.dispatch(increment, x, grid: 64)
    }
    let barriers = try device.record { try $0.barrier() }
    let encoder = device.encoder()
    try encoder.dispatch(increment, x, grid: 64)
    try encoder.signal(event, value: 1)
    try barriers.encode(to: encoder)
    try graph.encode(to: encoder)
    #expect(try encoder.statistics.barriers == 0)
    try graph.encode(to: encoder)
    #expect(try encoder.statistics.barriers == 1)
    try encoder.commitAndWait()
    #expect(try x.values(of: Int32.self) == Array(repeating: 3, count: 64))
  }

  @Test("what was bound before a graph is bound again after it")
  func bindings() throws {
    let (x, y) = try (device.ints(0..<64), device.zeros([64], .int32))
    let graph = try device.record { encoder in try encoder.dispatch(copy, y, x, grid: 64) }
    let encoder = device.encoder()
    try encoder.dispatch(copy, x, y, grid: 64)
    try graph.encode(to: encoder)
    try encoder.dispatch(copy, x, y, grid: 64)
    try encoder.commitAndWait()
    #expect(try x.values(of: Int32.self) == Array(0..<64) && y.values(of: Int32.self) == Array(0..<64))
  }

  @Test("a graph in a recording is as if its calls were made there")
  func nested() throws {
    let (x, y) = try (device.zeros([64], .int32), device.zeros([64], .int32))
    let inner = try device.record { encoder in
      try encoder.dispatch(increment, x, grid: 64)
      try encoder.copy(x, to: y)
      try encoder.fill(x, with: Int32(0))
      try encoder.barrier()
    }
    let outer = try device.record { encoder in
      try encoder.fill(x, with: Int32(5))
      try inner.encode(to: encoder)
      try inner.encode(to: encoder, .buffer(x, with: y), .buffer(y, with: x))
    }
    #expect(outer.statistics.dispatches == 7)
    try outer.replay().wait()
    #expect(try x.values(of: Int32.self) == Array(repeating: 7, count: 64))
    #expect(try y.values(of: Int32.self) == Array(repeating: 0, count: 64))
    try outer.replay(.argument("value", of: 0, with: Int32(8))).wait()
    #expect(try x.values(of: Int32.self) == Array(repeating: 10, count: 64))
  }

  @Test("C79: Metal's own queue, pipeline and buffers take more work between replays")
  func metalsOwn() throws {
    let x = try device.zeros([64], .int32)
    let graph = try device.record { encoder in try encoder.dispatch(increment, x, grid: 64) }
    try graph.replay()
    let commandBuffer = try #require(graph.device.metalQueue.makeCommandBuffer())
    let encoder = try #require(commandBuffer.makeComputeCommandEncoder())
    let (buffer, offset) = try x.metalBuffer()
    encoder.setComputePipelineState(twice.metalPipeline)
    encoder.setBuffer(buffer, offset: offset, index: 0)
    encoder.dispatchThreads(MTLSizeMake(64, 1, 1), threadsPerThreadgroup: MTLSizeMake(64, 1, 1))
    encoder.endEncoding()
    commandBuffer.commit()
    try graph.replay().wait()
    #expect(try x.values(of: Int32.self) == Array(repeating: 3, count: 64))
    #expect(graph.device === device)
  }

  @Test("another device's encoder takes no graph of this one")
  func devices() throws {
    let x = try device.zeros([64], .int32)
    let graph = try device.record { encoder in try encoder.dispatch(increment, x, grid: 64) }
    let encoder = try Device.isolated().encoder()
    #expect(try failure { try graph.encode(to: encoder) }.kind == .argument)
    #expect(try encoder.statistics.dispatches == 0)
  }
}
