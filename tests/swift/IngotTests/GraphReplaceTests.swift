import Testing

@testable import Ingot

@Suite struct GraphReplaceTests {
  let device: Device
  let saxpy: Kernel
  let x: Buffer
  let y: Buffer

  init() throws {
    device = try Device.isolated()
    saxpy = try device.compile(Sources.saxpy).kernel("saxpy")
    x = try device.full([8], Float(1))
    y = try device.zeros([8], .float32)
  }

  private func values(_ buffer: Buffer) throws -> Float {
    try buffer.wait()
    let values = try buffer.values(of: Float.self)
    #expect(Set(values).count == 1)
    return values[0]
  }

  private func saxpyGraph() throws -> Graph {
    try device.record(label: "saxpy") { try $0.dispatch(saxpy, x, y, .float(2), grid: 8) }
  }

  @Test("a graph takes other buffers and values by name, for one replay") func names() throws {
    let graph = try saxpyGraph()
    let (other, out) = try (device.full([8], Float(10)), device.zeros([8], .float32))
    try graph.replay(.argument("x", with: other), .argument("a", with: .float(3)))
    #expect(try values(y) == 30)
    try graph.replay()
    #expect(try values(y) == 32)
    try graph.replay(.argument("y", with: out), .argument("a", with: Float(0.5)))
    #expect(try values(y) == 32 && values(out) == 0.5)
    // A buffer for a value, and a value for a buffer.
    let five = try device.full([1], Float(5))
    try graph.replay([.argument("a", with: five)])
    #expect(try values(y) == 37)
    let first = try device.record { try $0.dispatch(saxpy, x, y, five, grid: 8) }
    try first.replay(.argument("a", with: Float(1)))
    #expect(try values(y) == 38)
  }

  @Test("a name means every dispatch that has it, if all were recorded with the same value")
  func namesOfSeveral() throws {
    let z = try device.zeros([8], .float32)
    let graph = try device.record { encoder in
      try encoder.dispatch(saxpy, x, y, .float(2), grid: 8)
      try encoder.barrier()
      try encoder.copy(y, to: z)
      try encoder.dispatch(saxpy, x[0..<8], z, .float(2), grid: 8)
    }
    let ten = try device.full([8], Float(10))
    try graph.replay(.argument("x", with: ten), .argument("a", with: .float(1)))
    #expect(try values(y) == 10 && values(z) == 20)
    let error = try failure { try graph.replay(.argument("y", with: ten)) }
    #expect(error.kind == .argument)
    #expect(error.message.contains("'y' was recorded with 2 different values, in dispatches 0 | 2"))
    try graph.replay(.argument("y", of: 2, with: ten))
    #expect(try values(y) == 12 && values(z) == 12 && values(ten) == 12)
  }

  @Test("values of different types or lengths are not the same, be their bytes as they may")
  func sameBytes() throws {
    let scalars = try device.compile(Sources.kinds).kernel("scalars")
    let graph = try device.record { encoder in
      try encoder.dispatch(scalars, .int32(0), .uint8(0), .bytes(of: SIMD2<Float>(0, 0)), y, grid: 8)
      try encoder.dispatch(saxpy, x, y, .float(0), grid: 8)
    }
    #expect(try failure { try graph.replay(.argument("a", with: .float(1))) }.message.contains("0 | 1"))
    try graph.replay(.argument("a", of: 0, with: .int32(4)), .argument("a", of: 1, with: .float(1)))
    #expect(try values(y) == 5)
    #expect(try graph.argument("a", of: 0).dtype == .int32 && graph.argument("a", of: 1).dtype == .float32)
    #expect(try graph.argument("c").width == 2)
  }

  @Test("a buffer is replaced wherever it is, and buffers can change places") func buffers() throws {
    let z = try device.zeros([8], .float32)
    let graph = try device.record { encoder in
      try encoder.fill(z, with: Float(1))
      try encoder.copy(x, to: y)
      try encoder.dispatch(saxpy, x, y, .float(2), grid: 8)
      try encoder.barrier(y)
      try encoder.dispatch(saxpy, y, z, .float(1), grid: 8)
    }
    try graph.replay()
    #expect(try values(y) == 3 && values(z) == 4)
    let back = try graph.replacing(.buffer(x, with: y), .buffer(y, with: x))
    #expect(back.statistics == graph.statistics && back.label == graph.label)
    try back.replay()
    #expect(try values(x) == 9 && values(y) == 3 && values(z) == 10)
    // What it was recorded with first is not in it any more.
    try back.replacing(.buffer(x, with: z)).replay()
    #expect(try values(z) == 18 && values(x) == 9)
    // Another window of the same bytes means the same, another range does not.
    try graph.replay(.buffer(x.flat, with: y.copy()))
    #expect(throws: IngotError.self) { try graph.replay(.buffer(x[0..<4], with: y[0..<4])) }
    #expect(throws: IngotError.self) {
      try graph.replay(.buffer(x.view(as: .int32), with: y.view(as: .int32)))
    }
  }

  @Test("barriers are found anew where a buffer is replaced") func barriers() throws {
    let rows = try device.full([2, 8], Float(1))
    let graph = try device.record { encoder in
      try encoder.dispatch(saxpy, rows[0], y, .float(1), grid: 8)
      try encoder.dispatch(saxpy, x, rows[1], .float(1), grid: 8)
    }
    #expect(graph.statistics.barriers == 0)
    let dependent = try graph.replacing(.argument("y", of: 1, with: rows[0]))
    #expect(dependent.statistics.barriers == 1)
    let other = try graph.replacing(.argument("x", of: 1, with: y))
    #expect(other.statistics.barriers == 1)
    #expect(try other.replacing(.buffer(y, with: x)).statistics.barriers == 1)
    for _ in 0..<10 { try other.replay() }
    #expect(try values(y) == 10 && values(rows[1]) == 56)
  }

  @Test("of replacements for one argument the most precise holds, and of these the last") func precision()
    throws
  {
    let (two, three, four) = try (
      device.full([8], Float(2)), device.full([8], Float(3)), device.full([8], Float(4))
    )
    let graph = try device.record { encoder in
      for _ in 0..<2 { try encoder.dispatch(saxpy, x, y, .float(1), grid: 8) }
    }
    try graph.replay(
      .argument("x", of: 1, with: four), .argument("x", with: two), .argument("x", with: three),
      .buffer(x, with: y))
    #expect(try values(y) == 7)
  }

  @Test("what does not fit is refused before anything is encoded") func refused() throws {
    let (ints, elsewhere) = try (device.zeros([8], .int32), Device.isolated().zeros([8], .float32))
    let graph = try device.record(label: "refusing") { encoder in
      try encoder.dispatch(saxpy, x, y, .float(2), grid: 8)
      try encoder.copy(x, to: y)
      try encoder.fill(y, with: Float(1))
    }
    let encoder = device.encoder()
    let refused: [(Replacement, String)] = [
      (.argument("z", with: x), "has an argument 'z'"),
      (.argument("source", with: x), "its kernels have 'a', 'x'"),
      (.argument("x", with: ints), "float32"), (.argument("x", with: elsewhere), "another device"),
      (.argument("y", with: Float(1)), "needs a buffer"), (.argument("a", with: Int32(1)), "int32"),
      (.argument("a", with: .int8(300)), "300"), (.argument("a", with: .float(1e300)), "beyond the range"),
      (.argument("a", with: .bfloat16(1e300)), "beyond the range"),
      (.argument("a", with: .bfloat16(3)), "bfloat16"), (.argument("x", of: 3, with: x), "it has 3"),
      (.argument("x", of: -1, with: x), "no dispatch -1"),
      (.argument("x", of: 1, with: x), "'source', 'destination'"),
      (.argument("source", of: 1, with: ints), "dtype"), (.argument("source", of: 1, with: y), "share bytes"),
      (.argument("source", of: 1, with: Float(1)), "takes a buffer"),
      (.argument("value", of: 2, with: x), "takes a value"),
      (.argument("value", of: 2, with: Int32(1)), "int32"),
      (.argument("value", of: 2, with: .bytes(of: 1)), "bytes"),
      (.argument("buffer", of: 2, with: ints), "float32"), (.buffer(ints, with: ints), "does not use"),
      (.buffer(y, with: ints), "int32"), (.buffer(y, with: elsewhere), "another device"),
    ]
    for (replacement, text) in refused {
      let error = try failure { try graph.encode(to: encoder, replacement) }
      #expect(error.kind == .argument && error.message.contains(text), "\(error)")
      #expect(throws: IngotError.self) { try graph.replay(replacement) }
    }
    #expect(try encoder.statistics.dispatches == 0)
    #expect(device.statistics.submissions == 0)
    try graph.replay(.argument("value", of: 2, with: Float(3)))
    #expect(try values(y) == 3)
  }

  @Test(
    "values of a name replace none of what Ingot's own kernels for copies and fills have under that name",
    arguments: ["pattern", "edges"])
  func ownKernels(name: String) throws {
    let (x, y) = try (device.zeros([64], .uint32), device.zeros([64], .uint32))
    for type in ["uint", "uint4"] {
      let source = """
        #include <metal_stdlib>
        using namespace metal;
        kernel void add(device uint *x [[buffer(0)]], device uint *y [[buffer(1)]],
                        constant \(type) &\(name) [[buffer(2)]], uint i [[thread_position_in_grid]]) {
          x[i] += y[i] + \(name)\(type == "uint" ? "" : ".x");
        }
        """
      let add = try device.kernel("add", of: source)
      let value = { (number: UInt32) -> Argument in
        // As long as the values of a fill, and the same bytes at the same index.
        type == "uint" ? .uint32(number) : .bytes(of: SIMD4<UInt32>(repeating: number))
      }
      let graph = try device.record { encoder in
        try encoder.fill(x, with: UInt32(100))
        try encoder.copy(x, to: y)
        try encoder.dispatch(add, x, y, value(100), grid: 64)
        try encoder.fill(y, with: UInt32(100))
      }
      for expected in [300, 205, 300] as [UInt32] {
        if expected == 300 {
          try graph.replay().wait()
        } else {
          try graph.replay(.argument(name, with: value(5))).wait()
        }
        #expect(try x.values(of: UInt32.self) == Array(repeating: expected, count: 64))
        #expect(try y.values(of: UInt32.self) == Array(repeating: 100, count: 64))
      }
    }
  }

  @Test("threadgroup memory stays, and what was left out is not asked for") func whatStays() throws {
    let library = try device.compile(Sources.kinds + "\n" + Sources.threadgroups)
    let (unused, reverse) = try (library.kernel("unused"), library.kernel("reverse"))
    let ints = try device.ints(0..<16)
    let graph = try device.record { encoder in
      try encoder.dispatch(unused, x, grid: 8)
      try encoder.dispatch(reverse, ints, .threadgroup(bytes: 64), grid: 16, group: 16)
    }
    let error = try failure { try graph.replay(.argument("tile", with: .threadgroup(bytes: 128))) }
    #expect(error.message.contains("threadgroup memory"))
    #expect(throws: IngotError.self) { try graph.replay(.argument("spare", with: y)) }
    try graph.replay(.argument("spare", of: 0, with: y), .argument("x", of: 0, with: y))
    #expect(try values(y) == 1)
    try ints.wait()
    #expect(try ints.values(of: Int32.self) == (0..<16).reversed())
  }
}
