import Testing

@testable import Ingot

@Suite("Kernels that are bound ahead")
struct BoundKernelTests {
  let device: Device
  let saxpy: Kernel
  let x: Buffer
  let y: Buffer

  init() throws { (device, saxpy, x, y) = try saxpyOnItsOwnDevice() }

  @Test("A dispatch does what one with arguments does", arguments: [Ordering.automatic, .serial])
  func dispatches(ordering: Ordering) throws {
    let bound = try saxpy.bind(x, y, .float(2))
    let encoder = device.encoder(ordering: ordering)
    for _ in 0..<3 { try encoder.dispatch(bound, grid: 4) }
    try encoder.dispatch(bound, grid: 2, group: 2)
    try encoder.dispatch(bound, groups: 1, group: 1)
    let submission = try encoder.commitAndWait()
    #expect(try y.values(of: Float.self) == [20, 36, 48, 64])
    #expect(submission.dispatches == 5 && submission.barriers == (ordering == .automatic ? 4 : 0))
    #expect(bound.kernel === saxpy && bound.buffers.map(\.id) == [x.id, y.id])
  }

  @Test("Bound and other dispatches may be mixed: nobody's bindings are taken for another's") func mixed()
    throws
  {
    let (once, back) = try (saxpy.bind(x, y, .float(1)), saxpy.bind(y, x, .float(1)))
    let encoder = device.encoder()
    var (a, b): ([Float], [Float]) = ([1, 2, 3, 4], [10, 20, 30, 40])
    for step in 0..<12 {
      switch step % 4 {
      case 0: try encoder.dispatch(once, grid: 4)
      case 1: try encoder.dispatch(saxpy, x, y, .float(1), grid: 4)
      case 2: try encoder.dispatch(back, grid: 4)
      default: try encoder.fill(x, with: Float(step))
      }
      if step % 4 < 2 { b = zip(a, b).map(+) }
      if step % 4 == 2 { a = zip(a, b).map(+) }
      if step % 4 == 3 { a = a.map { _ in Float(step) } }
    }
    try encoder.commitAndWait()
    #expect(try x.values(of: Float.self) == a && y.values(of: Float.self) == b)
  }

  @Test(
    "Barriers and results are those of the same program with arguments", arguments: 0..<12 as Range<UInt64>)
  func randomPrograms(seed: UInt64) throws {
    var generator = SplitMix(state: seed)
    let copy = try device.kernel("copy", of: Sources.steps)
    let memory = try (0..<2).map { _ in try device.ints(0..<64) }
    // Windows that overlap or not, and few pairs of them, so that many are repeated.
    let windows = try memory.map { memory in try (0..<5).map { try memory[$0 * 8..<$0 * 8 + 16] } }
    let pairs = (0..<4).map { _ in
      (
        windows[0][Int.random(in: 0..<5, using: &generator)],
        windows[1][Int.random(in: 0..<5, using: &generator)]
      )
    }
    let bound = try pairs.map { try copy.bind($0.0, $0.1) } + pairs.map { try copy.bind($0.1, $0.0) }
    let (plain, ahead) = (device.encoder(ordering: .automatic), device.encoder(ordering: .automatic))
    for _ in 0..<80 {
      let kernel = bound[Int.random(in: 0..<bound.count, using: &generator)]
      let repeats = Int.random(in: 1...3, using: &generator)
      for _ in 0..<repeats { try plain.dispatch(copy, kernel.buffers[0], kernel.buffers[1], grid: 16) }
      switch Int.random(in: 0..<4, using: &generator) {
      case 0:
        for _ in 0..<repeats { try ahead.dispatch(copy, kernel.buffers[0], kernel.buffers[1], grid: 16) }
      default: for _ in 0..<repeats { try ahead.dispatch(kernel, grid: 16) }
      }
      if Int.random(in: 0..<8, using: &generator) == 0 {
        try plain.barrier()
        try ahead.barrier()
      }
    }
    #expect(try plain.statistics == ahead.statistics)
    try plain.commitAndWait()
    let expected = try memory.map { try $0.values(of: Int32.self) }
    for memory in memory { try memory.copy(from: device.ints(0..<64)) }
    try ahead.commitAndWait()
    #expect(try memory.map { try $0.values(of: Int32.self) } == expected)
  }

  @Test("Everything is checked when it is bound") func refusals() throws {
    func refusal(_ bind: () throws -> BoundKernel) throws -> String {
      let error = try failure { _ = try bind() }
      #expect(error.kind == .argument)
      return error.message
    }
    #expect(try refusal { try saxpy.bind(x, y) }.contains("'a' not given"))
    #expect(try refusal { try saxpy.bind(x, y, .float(1), x) }.contains("4 arguments given"))
    #expect(try refusal { try saxpy.bind(x, y, .uint32(1)) }.contains("uint32"))
    #expect(try refusal { try saxpy.bind(x, .float(1), .float(1)) }.contains("needs a buffer"))
    #expect(try refusal { try saxpy.bind(device.zeros([4], .int32), y, .float(1)) }.contains("float32"))
    let misaligned = try device.zeros([8], .float32).window(offset: 2, shape: [4], dtype: .float32)
    #expect(try refusal { try saxpy.bind(misaligned, y, .float(1)) }.contains("copy()"))
    let other = try Device.isolated()
    #expect(
      try refusal { try saxpy.bind(other.zeros([4], .float32), y, .float(1)) }.contains("another device"))
    let reverse = try device.kernel("reverse", of: Sources.threadgroups)
    let ints = try device.ints(0..<16)
    #expect(
      try refusal { try reverse.bind(ints, .threadgroup(bytes: 1 << 30)) }.contains("threadgroup memory"))
    #expect(try refusal { try reverse.bind(ints, ints) }.contains("threadgroup memory"))
  }

  @Test("What a dispatch can still be refused for leaves the encoder as it was") func dispatchRefusals()
    throws
  {
    let bound = try saxpy.bind(x, y, .float(1))
    let encoder = device.encoder()
    #expect(try failure { try encoder.dispatch(bound, grid: 0) }.kind == .argument)
    #expect(try failure { try encoder.dispatch(bound, grid: 4, group: 1 << 20) }.kind == .argument)
    let foreign = try Device.isolated().encoder()
    #expect(try failure { try foreign.dispatch(bound, grid: 4) }.message.contains("another device"))
    try encoder.dispatch(bound, grid: 4)
    try encoder.commitAndWait()
    #expect(try y.values(of: Float.self) == [11, 22, 33, 44])
    #expect(try failure { try encoder.dispatch(bound, grid: 4) }.kind == .state)
  }

  @Test("It keeps its buffers and values; a reset of their pool takes the buffers, not the values")
  func lifetime() throws {
    let weigh = try device.kernel("weigh", of: Sources.weigh)
    let pool = Pool(device)
    let bound = try weigh.bind(.array((0..<2000).map(Float.init)), y)
    let pooled = try weigh.bind(pool.full([4], Float(5)), y)
    for (kernel, expected) in [(bound, [0, 1, 2, 3]), (pooled, [5, 5, 5, 5])] as [(BoundKernel, [Float])] {
      try kernel(grid: 4)
      #expect(try y.values(of: Float.self) == expected)
    }
    pool.reset()
    device.pool.trim()
    let encoder = device.encoder()
    #expect(try failure { try encoder.dispatch(pooled, grid: 4) }.kind == .closed)
    #expect(try failure { _ = try weigh.bind(pooled.buffers[0], y) }.kind == .closed)
    try encoder.dispatch(bound, grid: 4)
    #expect(try failure { try encoder.dispatch(pooled, grid: 4) }.kind == .closed)
    try encoder.commitAndWait()
    #expect(try y.values(of: Float.self) == [0, 1, 2, 3])
  }

  @Test("Stamps are those of any dispatch: host access is refused while it runs") func inFlight() throws {
    let bound = try saxpy.bind(x, y, .float(1))
    let gate = try Gate(device)
    let encoder = device.encoder(label: "bound")
    try encoder.dispatch(bound, grid: 4)
    try encoder.dispatch(bound, grid: 4)
    let submission = try encoder.commit()
    #expect(try failure { _ = try y.values(of: Float.self) }.message.contains("'bound' still writes"))
    #expect(try x.values(of: Float.self) == [1, 2, 3, 4])
    gate.open()
    try submission.wait()
    #expect(try y.values(of: Float.self) == [12, 24, 36, 48])
  }

  @Test("A lazy buffer gets its memory") func lazy() throws {
    let out = try device.buffer([4], .float32, lazy: true)
    let bound = try saxpy.bind(x, out, .float(3))
    #expect(out.isAllocated)
    try bound(grid: 4)
    #expect(try out.values(of: Float.self) == [3, 6, 9, 12])
  }

  @Test("Many threads dispatch one bound kernel, each in its encoder") func threads() async throws {
    let bound = try saxpy.bind(x, y, .float(1))
    let device = device
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<4 {
        group.addTask {
          let encoder = device.encoder()
          for _ in 0..<50 { try encoder.dispatch(bound, grid: 4) }
          try await encoder.commit().completed()
        }
      }
      try await group.waitForAll()
    }
    #expect(try y.values(of: Float.self) == [210, 420, 630, 840])
  }

  @Test("Nothing is left of it") func leaks() throws {
    weak var storage: Storage?
    weak var copy: Allocation?
    do {
      let out = try device.zeros([4], .float32)
      let weigh = try device.kernel("weigh", of: Sources.weigh)
      let bound = try weigh.bind(.array([Float](repeating: 1, count: 2000)), out, uses: [BufferUse(x, .read)])
      storage = out.storage
      copy = try bound.memory[1].storage.takeUnretainedValue().hold().allocation
      try bound(grid: 4)
    }
    #expect(storage == nil && copy == nil)
  }
}
