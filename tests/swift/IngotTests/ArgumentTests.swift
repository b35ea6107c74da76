import Testing

@testable import Ingot

/// What a dispatch is given is checked before anything is encoded: each test ends with the encoder still in use.
@Suite struct ArgumentTests {
  let device: Device
  let saxpy: Kernel
  let x: Buffer
  let y: Buffer

  init() throws { (device, saxpy, x, y) = try saxpyOnItsOwnDevice() }

  /// Asserts that a dispatch is refused with all of `texts`, and that the encoder goes on.
  private func expectRefusal(
    _ texts: String..., of dispatch: (CommandEncoder) throws -> Void
  ) throws {
    let encoder = device.encoder()
    let error = try failure { try dispatch(encoder) }
    #expect(error.kind == .argument)
    for text in texts { #expect(error.message.contains(text), "\(error.message)") }
    let before = try y.values(of: Float.self)
    try encoder.dispatch(saxpy, x, y, .float(1), grid: 4)
    try encoder.commitAndWait()
    #expect(try y.values(of: Float.self) == zip(before, [1, 2, 3, 4]).map { $0 + $1 })
  }

  @Test func missingArgumentsAreNamed() throws {
    try expectRefusal("'a' not given", "x (float32") { try $0.dispatch(saxpy, x, y, grid: 4) }
    try expectRefusal("'x', 'y', 'a' not given") { try $0.dispatch(saxpy, grid: 4) }
  }

  @Test func extraArgumentsAreCounted() throws {
    try expectRefusal("4 arguments given", "takes x") { try $0.dispatch(saxpy, x, y, .float(1), x, grid: 4) }
  }

  @Test func wrongDTypesSayBoth() throws {
    let wrong = try device.zeros([4], .int32)
    try expectRefusal("'x'", "float32", "int32") { try $0.dispatch(saxpy, wrong, y, .float(1), grid: 4) }
    try expectRefusal("'a'", "float32", "uint32") { try $0.dispatch(saxpy, x, y, .uint32(1), grid: 4) }
    try expectRefusal("'a'", "4 bytes", "3") {
      try $0.dispatch(saxpy, x, y, .bytes(of: (UInt8(0), UInt8(0), UInt8(0))), grid: 4)
    }
  }

  @Test func valuesStandOnlyForWhatIsNotWritten() throws {
    try expectRefusal("'y'", "needs a buffer") { try $0.dispatch(saxpy, x, .float(1), .float(1), grid: 4) }
  }

  @Test func valuesThatDoNotFitAreRefused() throws {
    let scalars = try device.kernel("scalars", of: Sources.kinds)
    try expectRefusal("'a'", "4294967296", "int32") {
      try $0.dispatch(scalars, .int32(1 << 32), .uint8(1), .bytes(of: SIMD2<Float>(1, 2)), x, grid: 4)
    }
    try expectRefusal("'b'", "-1 is no uint8") {
      try $0.dispatch(scalars, .int32(1), .uint8(-1), .bytes(of: SIMD2<Float>(1, 2)), x, grid: 4)
    }
  }

  @Test func buffersStandForValuesToo() throws {
    let a = try device.array([3] as [Float])
    let encoder = device.encoder()
    try encoder.dispatch(saxpy, x, y, a, grid: 4)
    try encoder.commitAndWait()
    #expect(try y.values(of: Float.self) == [13, 26, 39, 52])
  }

  @Test func scalarsStructsAndVectorsGoInline() throws {
    let out = try device.zeros([2], .float32)
    let library = try device.compile(Sources.kinds)
    let encoder = device.encoder()
    let scalars = try library.kernel("scalars")
    try encoder.dispatch(scalars, .int32(-5), .uint8(200), .bytes(of: SIMD2<Float>(0.5, 0.25)), out, grid: 1)
    try encoder.commitAndWait()
    #expect(try out.values(of: Float.self) == [195.75, 0])

    struct Pair { var first: Float, second: Int32 }
    let next = device.encoder()
    try next.dispatch(library.kernel("structs"), .bytes(of: Pair(first: 2.5, second: 4)), out, grid: 2)
    try next.commitAndWait()
    #expect(try out.values(of: Float.self) == [10, 10])
  }

  @Test func valuesHaveALength() throws {
    let vectors = try device.kernel("vectors", of: Sources.kinds)
    let long = packedValues(position: 0, dtype: 0, [], nbytes: 1 << 30 + 16)
    try expectRefusal("1073741840", "1073741824", "buffer") { try dispatch($0, vectors, [nil, y], long) }
    try expectRefusal("0 bytes") {
      try dispatch($0, vectors, [nil, y], packedValues(position: 0, dtype: 0, []))
    }
  }

  @Test("C91: a buffer that is no whole number of elements is refused") func shortBuffers() throws {
    let vectors = try device.kernel("vectors", of: Sources.kinds)
    let three = try device.zeros([3], .float32)
    try expectRefusal("'x'", "16 bytes", "12") { try $0.dispatch(vectors, three, y, grid: 1) }
    let structs = try device.kernel("structs", of: Sources.kinds)
    let one = try device.zeros([1], .float32)
    try expectRefusal("'pair'", "8 bytes", "4") { try $0.dispatch(structs, one, y, grid: 1) }
  }

  @Test func vectorsTakeAnyDTypeWhoseBytesDivide() throws {
    let vectors = try device.kernel("vectors", of: Sources.kinds)
    let bits = try device.array([Float(1).bitPattern, 0, 0, Float(2).bitPattern])
    let encoder = device.encoder()
    try encoder.dispatch(vectors, bits, y, grid: 1)
    try encoder.commitAndWait()
    #expect(try y.values(of: Float.self)[0] == 3)
  }

  @Test func bytesTakeAnyDType() throws {
    let raw = try device.kernel("raw", of: Sources.kinds)
    let encoder = device.encoder()
    try encoder.dispatch(raw, x, y, grid: 16)
    try encoder.commitAndWait()
    #expect(try y.values(of: Float.self) == [1, 2, 3, 4])
  }

  @Test func unusedArgumentsMayBeLeftOut() throws {
    let unused = try device.kernel("unused", of: Sources.kinds)
    let encoder = device.encoder()
    try encoder.dispatch(unused, x, grid: 4)
    try encoder.commitAndWait()
    #expect(try x.values(of: Float.self) == [1, 1, 1, 1])
  }

  @Test func whatBelongsToAnotherDeviceIsRefused() throws {
    let other = try Device.isolated()
    let foreign = try other.zeros([4], .float32)
    try expectRefusal("'x'", "another device") { try $0.dispatch(saxpy, foreign, y, .float(1), grid: 4) }
    let kernel = try other.kernel("saxpy", of: Sources.saxpy)
    try expectRefusal("'saxpy'", "another device") { try $0.dispatch(kernel, x, y, .float(1), grid: 4) }
  }

  @Test func packedValuesAreChecked() throws {
    let a = Float(1)
    let bytes = withUnsafeBytes(of: a) { Array($0) }
    let good = packedValues(position: 2, dtype: 12, bytes)
    try expectRefusal("number 9") {
      try dispatch($0, saxpy, [x, y], packedValues(position: 9, dtype: 12, bytes))
    }
    try expectRefusal("77 is no dtype") {
      try dispatch($0, saxpy, [x, y], packedValues(position: 2, dtype: 77, bytes))
    }
    try expectRefusal("given twice") { try dispatch($0, saxpy, [x, y], good + good) }
    try expectRefusal("given twice") { try dispatch($0, saxpy, [x, y, x], good) }
    try expectRefusal("end before") { try dispatch($0, saxpy, [x, y], Array(good.dropLast())) }
    try expectRefusal("within a head") { try dispatch($0, saxpy, [x, y], good + [1, 2, 3]) }
    try expectRefusal("4 arguments") { try dispatch($0, saxpy, [x, y, nil, nil], good) }
  }
}

/// A head as `ingot.h` lays it out, and the bytes after it.
func packedValues(position: UInt16, dtype: UInt16, _ bytes: [UInt8], nbytes: UInt32? = nil) -> [UInt8] {
  var packed = withUnsafeBytes(of: (position, dtype)) { Array($0) }
  withUnsafeBytes(of: nbytes ?? UInt32(bytes.count)) { packed += $0 }
  return packed + bytes
}

/// The untyped form, over four threads.
func dispatch(
  _ encoder: CommandEncoder, _ kernel: Kernel, _ buffers: [Buffer?], _ values: [UInt8],
  grid: Grid = .threads(Extent(4)), group: Extent? = nil
) throws {
  let references = buffers.map { $0.map(Unmanaged.passUnretained) }
  try withExtendedLifetime(buffers) {
    try references.withUnsafeBufferPointer { references in
      try values.withUnsafeBytes {
        try encoder.dispatch(kernel, buffers: references, values: $0, grid: grid, group: group)
      }
    }
  }
}
