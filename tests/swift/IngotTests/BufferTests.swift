import Testing

@testable import Ingot

@Suite struct BufferTests {
  let device: Device

  init() throws { device = try Device.isolated() }

  @Test("C16, D06: a buffer knows its dtype, shape, size and identity") func metadata() throws {
    let buffer = try device.exact.zeros([2, 3], .float16, label: "weights")
    #expect(buffer.dtype == .float16)
    #expect(buffer.shape == [2, 3])
    #expect(buffer.count == 6 && buffer.nbytes == 12 && buffer.offset == 0)
    #expect(try buffer.label == "weights" && buffer.metalBuffer().buffer.label == "weights")
    #expect(buffer.device === device)
    let other = try device.zeros([2, 3], .float16)
    #expect(other.id != buffer.id && other.storageID != buffer.storageID)
    #expect(other.label == nil)
  }

  @Test("C17: what is written is read back") func roundTrip() throws {
    let buffer = try device.array([1, -2.5, .infinity] as [Float])
    #expect(try buffer.values(of: Float.self) == [1, -2.5, .infinity])
    try buffer.withUnsafeMutable(of: Float.self) { $0[1] = 7 }
    #expect(try buffer.withUnsafe(of: Float.self) { $0[1] } == 7)
    let start = try buffer.contents(for: .write)
    start.storeBytes(of: 9, as: Float.self)
    #expect(try buffer.values(of: Float.self) == [9, 7, .infinity])
  }

  @Test func everyDTypeCanBeFilled() throws {
    func check<T: BufferElement & Equatable>(_ value: T) throws {
      let buffer = try device.full([3, 5], value)
      #expect(buffer.dtype == T.dtype)
      #expect(try buffer.values(of: T.self) == Array(repeating: value, count: 15))
      let zeros = try device.zeros([1000], T.dtype)
      try zeros.withUnsafe(of: T.self) { #expect(UnsafeRawBufferPointer($0).allSatisfy { $0 == 0 }) }
    }
    try check(true)
    try check(Int8(-3))
    try check(UInt8(200))
    try check(Int16(-300))
    try check(UInt16(60000))
    try check(Int32(-70000))
    try check(UInt32(4_000_000_000))
    try check(Int64.min)
    try check(UInt64.max)
    try check(Float16(0.5))
    try check(BFloat16(1.5))
    try check(Float(0.1))
  }

  @Test func emptyHasTheSizeAskedFor() throws {
    let buffer = try device.empty([7], .int32)
    #expect(buffer.nbytes == 28)
    _ = try buffer.contents(for: .readWrite)
  }

  @Test func aShapeWithoutExtentsIsOneElement() throws {
    #expect(try device.full([], Int32(5)).values(of: Int32.self) == [5])
  }

  @Test("C21: zero bytes are refused", arguments: [[0], [4, 0]]) func zeroBytes(shape: [Int]) throws {
    for make in [
      { try device.zeros(shape, .float32) }, { try device.empty(shape, .int8) },
      { try device.full(shape, Float(1)) },
      { try device.array([] as [Float]) },
    ] {
      #expect(try failure { _ = try make() }.kind == .argument)
    }
  }

  @Test func tooLargeBuffersAreRefusedWithTheLimit() throws {
    let error = try failure { _ = try device.empty([device.maxBufferLength + 1], .uint8) }
    #expect(error.kind == .argument)
    #expect(error.message.contains("\(device.maxBufferLength + 1)"))
    #expect(error.message.contains("at most \(device.maxBufferLength)"))
    #expect(try failure { _ = try device.empty([-1], .uint8) }.kind == .argument)
    #expect(try failure { _ = try device.empty([.max, .max], .uint8) }.kind == .argument)
  }

  @Test func valuesMustFillTheShape() throws {
    #expect(try device.array([1, 2, 3, 4] as [Int32], shape: [2, 2]).shape == [2, 2])
    let error = try failure { _ = try device.array([1, 2, 3] as [Int32], shape: [2, 2]) }
    #expect(error.message.contains("4") && error.message.contains("3"))
    let bytes: [UInt8] = [1, 2, 3]
    let odd = try failure {
      _ = try bytes.withUnsafeBytes { try device.makeBuffer(dtype: .float32, shape: [4], initial: $0) }
    }
    #expect(odd.kind == .argument)
  }

  @Test func typedAccessIsChecked() throws {
    let buffer = try device.zeros([4], .int32)
    let error = try failure { try buffer.withUnsafe(of: Float.self) { _ in } }
    #expect(error.kind == .argument)
    #expect(error.message.contains("int32") && error.message.contains("float32"))
  }

  @Test("C24: the description has type, dtype and shape") func description() throws {
    let buffer = try device.zeros([2, 3], .float32, label: "x")
    #expect(buffer.description == "Buffer(float32, shape: [2, 3], 24 bytes, 'x')")
  }

  @Test func labelsCanChange() throws {
    let buffer = try device.exact.zeros([2], .float32)
    buffer.label = "y"
    #expect(try buffer.label == "y" && buffer.metalBuffer().buffer.label == "y")
  }
}
