import Testing

@testable import Ingot

/// Buffers that kernels reach through pointers in other buffers.
@Suite struct BufferUseTests {
  let device: Device
  let library: Library
  let x: Buffer
  let y: Buffer

  init() throws {
    device = try Device.isolated()
    library = try device.compile(Sources.pointers)
    x = try device.array([1, 2, 3, 4] as [Float])
    y = try device.zeros([4], .float32)
  }

  private func node(_ from: Buffer, _ to: Buffer) throws -> Buffer {
    try device.array([from.gpuAddress, to.gpuAddress])
  }

  @Test("Kernels follow pointers in structs and numbers") func follows() throws {
    let kernel = try library.kernel("follow")
    try kernel(node(x, y), grid: 4, uses: [BufferUse(x, .read), BufferUse(y, .write)])
    #expect(try y.values(of: Float.self) == [2, 4, 6, 8])
    let number = try library.kernel("number")
    try number(.uint64(x.gpuAddress), y, grid: 4, uses: [BufferUse(x, .read)])
    #expect(try y.values(of: Float.self) == [1, 2, 3, 4])
  }

  @Test("The address is that of the window") func windows() throws {
    let large = try device.array((0..<100).map(Float.init))
    let part = try large[10..<14]
    #expect(try part.gpuAddress == large.gpuAddress + 40)
    #expect(try large.gpuAddress % 4 == 0 && large.gpuAddress != 0)
    try library.kernel("follow")(
      node(part, y), grid: 4, uses: [BufferUse(part, .read), BufferUse(y, .write)])
    #expect(try y.values(of: Float.self) == [20, 22, 24, 26])
    let lazy = try device.buffer([4], .float32, lazy: true)
    #expect(try lazy.gpuAddress != 0 && lazy.isAllocated)
    let pool = Pool(device)
    let stale = try pool.zeros([4], .float32)
    pool.reset()
    #expect(try failure { _ = try stale.gpuAddress }.kind == .closed)
  }

  @Test("They are in order with arguments, and with one another", arguments: [0, 1, 2, 3])
  func order(round: Int) throws {
    let (follow, bump) = try (library.kernel("follow"), library.kernel("bump"))
    let nodes = try node(x, y)
    let bound = try follow.bind(nodes, uses: [BufferUse(x, .read), BufferUse(y, .write)])
    let encoder = device.encoder()
    try encoder.dispatch(bump, x, grid: 4)
    try encoder.dispatch(follow, nodes, grid: 4, uses: [BufferUse(x, .read), BufferUse(y, .write)])
    try encoder.dispatch(bump, y, grid: 4)
    try encoder.dispatch(bump, x, grid: 4)
    try encoder.dispatch(bound, grid: 4)
    try encoder.dispatch(bump, y, grid: 4)
    let submission = try encoder.commit()
    // Another encoder: here it is Metal that keeps the order.
    let next = device.encoder()
    try next.dispatch(bump, x, grid: 4)
    try next.dispatch(bound, grid: 4)
    try next.commitAndWait()
    try submission.wait()
    #expect(try y.values(of: Float.self) == [8, 10, 12, 14])
    // bump | follow | bump y, bump x | bound | bump y
    #expect(submission.barriers == 4)
  }

  @Test("What only is read has no barrier") func readers() throws {
    let outs = try (0..<3).map { _ in try device.zeros([4], .float32) }
    let number = try library.kernel("number")
    let encoder = device.encoder()
    for out in outs {
      try encoder.dispatch(number, .uint64(x.gpuAddress), out, grid: 4, uses: [BufferUse(x, .read)])
    }
    #expect(try encoder.commitAndWait().barriers == 0)
  }

  @Test("They live until the submission is done, and host access waits for it") func lifetime() throws {
    let gate = try Gate(device)
    let before = device.pool.statistics.usedBytes
    var scratch: Buffer? = try device.full([4], Float(7))
    let encoder = device.encoder(label: "indirect")
    try encoder.dispatch(
      library.kernel("number"), .uint64(scratch!.gpuAddress), y, grid: 4, uses: [BufferUse(scratch!, .read)])
    let window = try scratch![0..<1]
    scratch = nil
    let submission = try encoder.commit()
    #expect(try failure { _ = try window.contents(for: .write) }.kind == .inFlight)
    _ = try window.contents(for: .read)
    #expect(device.pool.statistics.usedBytes > before)
    gate.open()
    try submission.wait()
    #expect(try y.values(of: Float.self) == [7, 7, 7, 7])
    _ = try window.contents(for: .write)
  }

  @Test("What cannot be used is refused before anything is encoded") func refusals() throws {
    let kernel = try library.kernel("follow")
    let nodes = try node(x, y)
    let encoder = device.encoder()
    func refusal(_ use: BufferUse) throws -> IngotError {
      let error = try failure { try encoder.dispatch(kernel, nodes, grid: 4, uses: [use]) }
      let bind = try failure { _ = try kernel.bind(nodes, uses: [use]) }
      #expect(error.kind == bind.kind && error.message == bind.message)
      return error
    }
    let foreign = try Device.isolated().zeros([4], .float32)
    #expect(try refusal(BufferUse(foreign, .read)).message.contains("another device"))
    #expect(try refusal(BufferUse(x, [])).message.contains("it is .read"))
    #expect(try refusal(BufferUse(x, Access(rawValue: 8))).kind == .argument)
    let readOnly = Buffer(
      storage: x.storage, layout: try Layout(dtype: .float32, shape: [4]), isReadOnly: true)
    #expect(try refusal(BufferUse(readOnly, .write)).message.contains("read-only"))
    let pool = Pool(device)
    let stale = try pool.zeros([4], .float32)
    pool.reset()
    #expect(try refusal(BufferUse(stale, .read)).kind == .closed)
    #expect(try encoder.statistics.dispatches == 0)
    try encoder.discard()
  }

  #if os(Linux)
    /// What a kernel sees of a buffer that the encoder before changes, by the seeds.
    private func outcomes(declares: Bool) throws -> Set<Float> {
      try Set(
        (1...24 as ClosedRange<UInt64>).map { seed in
          let device = try Device.seeded(seed)
          // Memory of their own: two parts of a slab are one buffer to Metal.
          let (x, y) = try (device.exact.zeros([4], .float32), device.exact.zeros([4], .float32))
          let library = try device.compile(Sources.pointers)
          let gate = try Gate(device)
          let first = device.encoder()
          try first.dispatch(library.kernel("bump"), x, grid: 4)
          try first.commit()
          let second = device.encoder()
          try second.dispatch(
            library.kernel("number"), .uint64(x.gpuAddress), y, grid: 4,
            uses: declares ? [BufferUse(x, .read)] : [])
          try second.commit()
          gate.open()
          try device.synchronize()
          return try y.values(of: Float.self)[0]
        })
    }

    @Test("What is declared is in order between encoders, and what is not is not") func declared() throws {
      #expect(try outcomes(declares: true) == [1])
      #expect(try outcomes(declares: false) == [0, 1])
    }
  #endif
}
