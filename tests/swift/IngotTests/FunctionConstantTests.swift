import Dispatch
import Metal
import Testing

@testable import Ingot

private let source = """
  #include <metal_stdlib>
  using namespace metal;
  constant int n [[function_constant(100)]];
  constant bool has_bias [[function_constant(7)]];
  constant float scale_given [[function_constant(3)]];
  constant float scale = is_function_constant_defined(scale_given) ? scale_given : 1;
  kernel void steps(device float *out [[buffer(0)]], uint i [[thread_position_in_grid]]) {
    float sum = 0;
    for (int step = 0; step < n; ++step) sum += 1;
    out[i] = sum;
  }
  kernel void biased(device float *out [[buffer(0)]],
                     device const float *bias [[buffer(1), function_constant(has_bias)]],
                     uint i [[thread_position_in_grid]]) {
    out[i] = i * scale + (has_bias ? bias[i] : 0);
  }
  kernel void scaled(device float *out [[buffer(0)]], uint i [[thread_position_in_grid]]) { out[i] = i * scale; }
  kernel void plain(device float *out [[buffer(0)]], uint i [[thread_position_in_grid]]) { out[i] = i; }
  """

/// One type of constant, and values that fit it and do not.
struct ConversionCase: CustomTestStringConvertible, Sendable {
  var type: String
  var fitting: [(value: any ConstantConvertible, expected: Double)]
  var wrong: [any ConstantConvertible]
  var testDescription: String { type }
  init(
    _ type: String, _ fitting: [(any ConstantConvertible, Double)], _ wrong: [any ConstantConvertible]
  ) {
    (self.type, self.wrong) = (type, wrong)
    self.fitting = fitting.map { (value: $0.0, expected: $0.1) }
  }
}

private let conversions: [ConversionCase] = [
  .init("bool", [(true, 1), (0, 0), (1, 1)], [2, -1, 1.0, Int32(1), UInt8(1)]),
  .init("char", [(-128, -128), (127, 127), (Int8(5), 5)], [128, -129, UInt8(5), 1.0, true]),
  .init("uchar", [(255, 255), (UInt8(5), 5)], [256, -1, Int8(5)]),
  .init("short", [(-32768, -32768), (Int16(7), 7)], [32768, UInt16(7)]),
  .init("ushort", [(65535, 65535)], [65536, -1, Int32(1)]),
  .init(
    "int", [(-2_147_483_648, -2_147_483_648), (Int32(7), 7)], [2_147_483_648, UInt32(7), 1.5, Float(1)]),
  .init("uint", [(4_294_967_295, 4_294_967_295), (UInt32(7), 7)], [4_294_967_296, -1, Int32(7), true]),
  .init("long", [(Int.min, Double(Int.min)), (Int64(7), 7)], [UInt64(7), 1.0]),
  .init(
    "ulong", [(ConstantValue.integers([UInt64.max - 2047]), Double(UInt64.max - 2047)), (UInt64(7), 7)],
    [-1, ConstantValue.integers([Int128(1) << 64])]),
  .init(
    "float", [(0.1, Double(Float(0.1))), (16_777_216, 16_777_216), (Float(2), 2)],
    [16_777_217, 1e39, true, Int32(1)]),
  .init("half", [(0.1, 0.0999755859375), (2048, 2048), (65504.0, 65504)], [2049, 65520.0, 1e5, Float(1)]),
  .init("bfloat", [(1.5, 1.5), (256, 256), (BFloat16(3), 3)], [257, 3.4e38, Float(1)]),
]

@Suite("Function constants")
struct FunctionConstantTests {
  private let device: Device
  private let library: Library

  init() throws {
    device = try Device.isolated()
    library = try device.compile(source)
  }

  private func run(_ kernel: Kernel, _ bias: Buffer? = nil) throws -> [Float] {
    let out = try device.zeros([4], .float32)
    let encoder = device.encoder()
    if let bias {
      try encoder.dispatch(kernel, out, bias, grid: 4)
    } else {
      try encoder.dispatch(kernel, out, grid: 4)
    }
    try encoder.commitAndWait()
    return try out.values(of: Float.self)
  }

  @Test("C54: a specialised pipeline's label has its constants") func label() throws {
    let seven = try library.kernel("steps", constants: ["n": 7])
    #expect(seven.label == "steps|100:i7" && seven.metalPipeline.label == seven.label)
    #expect(seven.name == "steps")
    let biased = try library.kernel("biased", constants: ["has_bias": false, 3: -0.5])
    #expect(biased.metalPipeline.label == "biased|3:f-0.5|7:b0")
    #expect(try library.kernel("plain").label == "plain")
    #expect(try library.kernel("scaled").label == "scaled")
  }

  @Test("C55: each set of constants is one pipeline, made once") func variants() throws {
    let before = library.variants.count
    let four = try library.kernel("steps", constants: ["n": 4])
    let eight = try library.kernel("steps", constants: ["n": 8])
    #expect(four !== eight && library.variants.count == before + 2)
    #expect(try run(four) == [4, 4, 4, 4])
    #expect(try run(eight) == [8, 8, 8, 8])
    #expect(try library.kernel("steps", constants: ["n": 4]) === four)
    #expect(try library.kernel("steps", constants: [100: Int32(4)]) === four)
    #expect(library.variants.count == before + 2)
    let bias = try library.kernel("biased", constants: ["has_bias": true])
    #expect(library.variants.count == before + 3)
    #expect(try library.kernel("biased", constants: [7: 1]) === bias)
  }

  @Test("The order of the constants does not matter") func order() throws {
    let first = try library.kernel("biased", constants: ["has_bias": false, "scale_given": 2])
    #expect(try library.kernel("biased", constants: ["scale_given": 2, "has_bias": false]) === first)
    #expect(try library.kernel("biased", constants: [3: 2.0, 7: false]) === first)
    #expect(try run(first) == [0, 2, 4, 6])
  }

  @Test("One pipeline is made of a set, however many threads ask for it") func threads() throws {
    let library = library
    let made = LockedKernels()
    DispatchQueue.concurrentPerform(iterations: 16) { index in
      if let kernel = try? library.kernel("steps", constants: ["n": index % 2 + 20]) { made.append(kernel) }
    }
    #expect(made.count == 16 && made.different == 2)
  }

  @Test("Arguments that a constant leaves out are no arguments of the specialisation") func arguments() throws
  {
    let with = try library.kernel("biased", constants: ["has_bias": true])
    let without = try library.kernel("biased", constants: ["has_bias": false])
    #expect(with.arguments.map(\.name) == ["out", "bias"])
    #expect(without.arguments.map(\.name) == ["out"])
    #expect(try run(with, device.array([1, 2, 3, 4] as [Float])) == [1, 3, 5, 7])
    #expect(try run(without) == [0, 1, 2, 3])
    let error = try failure { _ = try run(without, device.zeros([4], .float32)) }
    #expect(error.kind == .argument)
  }

  @Test("Constants are known before there is a pipeline, and values after") func reflection() throws {
    let constants = try library.constants(of: "biased")
    #expect(constants.map(\.name) == ["scale_given", "has_bias"])
    #expect(constants.map(\.index) == [3, 7])
    #expect(constants.map(\.dtype) == [.float32, .bool] && constants.allSatisfy { $0.width == 1 })
    #expect(constants.map(\.isRequired) == [false, true])
    #expect(try library.constants(of: "plain").isEmpty)
    #expect(try failure { _ = try library.constants(of: "nobody") }.kind == .argument)
    let kernel = try library.kernel("biased", constants: ["has_bias": true])
    #expect(kernel.constants.map(\.name) == ["has_bias"])
    #expect(kernel.constants[0].values(of: Bool.self) == [true])
    #expect(kernel.constants[0].values(of: Int8.self) == nil)
    #expect(try library.kernel("scaled").constants.isEmpty)
  }

  @Test("Another text or device with a kernel of the same name and constants is another kernel")
  func otherTexts() throws {
    func text(_ sum: String) -> String {
      "constant int n [[function_constant(0)]]; kernel void k(device float *out, uint i [[thread_position_in_grid]]) { out[i] = \(sum); }"
    }
    let plus = try device.compile(text("n + 1")).kernel("k", constants: ["n": 4])
    let minus = try device.compile(text("n - 1")).kernel("k", constants: ["n": 4])
    #expect(try run(plus)[0] == 5)
    #expect(try run(minus)[0] == 3)
    let other = try Device.isolated().compile(text("n + 1")).kernel("k", constants: ["n": 4])
    #expect(other !== plus)
    #expect(try failure { _ = try run(other) }.kind == .argument)
  }

  @Test("Optional constants need no value") func defaults() throws {
    #expect(try run(library.kernel("scaled")) == [0, 1, 2, 3])
    #expect(try run(library.kernel("scaled", constants: ["scale_given": 3])) == [0, 3, 6, 9])
    #expect(
      try library.kernel("scaled", constants: [:] as [ConstantName: any ConstantConvertible])
        === library.kernel("scaled"))
  }

  @Test("What is missing, unknown or given twice is told with what there is") func mistakes() throws {
    let missing = try failure { _ = try library.kernel("steps") }
    #expect(missing.kind == .argument)
    #expect(
      missing.message
        == "kernel 'steps' needs values for its function constants n (index 100, int): give them as constants"
    )
    #expect(
      try failure { _ = try library.kernel("biased", constants: ["scale_given": 1]) }.message.contains(
        "has_bias (index 7, bool)"))
    let unknown = try failure { _ = try library.kernel("biased", constants: ["has_bais": true]) }
    #expect(unknown.kind == .argument)
    #expect(
      unknown.message
        == "kernel 'biased' has no function constant 'has_bais'; it has scale_given (index 3, float), has_bias (index 7, bool)."
        + " Did you mean 'has_bias'?")
    let index = try failure { _ = try library.kernel("biased", constants: [100: 1]) }
    #expect(index.message.hasPrefix("kernel 'biased' has no function constant 100; it has "))
    #expect(
      try failure { _ = try library.kernel("plain", constants: ["n": 1]) }.message.contains("it has none."))
    let twice = try failure { _ = try library.kernel("biased", constants: ["has_bias": true, 7: true]) }
    #expect(twice.message.hasSuffix("of kernel 'biased' is given twice"))
    #expect(
      try failure { _ = try library.kernel("nobody", constants: ["n": 1]) }.message.contains(
        "no kernel 'nobody'"))
    #expect(
      try failure { _ = try library.kernel("steps", constants: ["n": [1, 2]]) }.message.contains(
        "was given 2 numbers"))
    let type = try failure { _ = try library.kernel("steps", constants: ["n": UInt32(4)]) }
    #expect(type.message == "function constant n (index 100, int) of kernel 'steps' was given uint")
    let range = try failure { _ = try library.kernel("steps", constants: ["n": 1 << 31]) }
    #expect(
      range.message
        == "2147483648 is no int, which holds -2147483648 to 2147483647 (function constant n (index 100, int) of kernel 'steps')"
    )
  }

  @Test("Numbers without a type are checked against the constant's", arguments: conversions)
  func conversion(_ conversion: ConversionCase) throws {
    let library = try device.compile(
      """
      #include <metal_stdlib>
      using namespace metal;
      constant \(conversion.type) value [[function_constant(0)]];
      kernel void k(device float *out [[buffer(0)]], uint i [[thread_position_in_grid]]) { out[i] = float(value); }
      """)
    for (value, expected) in conversion.fitting {
      #expect(try run(library.kernel("k", constants: ["value": value]))[0] == Float(expected), "\(value)")
    }
    for value in conversion.wrong {
      #expect(
        try failure { _ = try library.kernel("k", constants: [0: value]) }.kind == .argument, "\(value)")
    }
  }

  @Test("Vectors take arrays of numbers and vectors") func vectors() throws {
    let library = try device.compile(
      """
      #include <metal_stdlib>
      using namespace metal;
      constant float3 weights [[function_constant(0)]];
      constant uchar4 bytes [[function_constant(1)]];
      kernel void k(device float *out [[buffer(0)]], uint i [[thread_position_in_grid]]) {
        out[i] = i < 3 ? weights[i] : float(bytes.x + bytes.w);
      }
      """)
    #expect(try library.constants(of: "k").map(\.width) == [3, 4])
    let kernel = try library.kernel("k", constants: [0: [1.0, 2.5, 3.0], 1: [1, 2, 3, 4]])
    #expect(try run(kernel) == [1, 2.5, 3, 5])
    #expect(kernel.label == "k|0:f3(1.0,2.5,3.0)|1:uc4(1,2,3,4)")
    let typed: [ConstantName: any ConstantConvertible] = [
      0: SIMD3<Float>(1, 2.5, 3), 1: [UInt8(1), 2, 3, 4],
    ]
    #expect(try library.kernel("k", constants: typed) === kernel)
    let wrong: [any ConstantConvertible] = [
      1.0, [1.0, 2.0], SIMD4<Float>(1, 2, 3, 4), SIMD3<Int32>(1, 2, 3), [Int](),
    ]
    for value in wrong {
      #expect(
        try failure { _ = try library.kernel("k", constants: [0: value, 1: [1, 2, 3, 4]]) }.kind == .argument)
    }
  }

  @Test("Where Metal does not tell the constants, values must say their type") func undeclared() throws {
    let resolution = ConstantResolution(kernel: "k", declared: nil)
    let given: [(key: ConstantName, value: ConstantValue)] = [
      ("b", Float(1).asConstant), (3, [Int16(1), 2].asConstant), (1, true.asConstant),
    ]
    #expect(try resolution.resolve(given).map(\.description) == ["1:b1", "3:s2(1,2)", "b:f1.0"])
    for value in [4.asConstant, 0.5.asConstant, SIMD8<Float>().constant] {
      #expect(try failure { _ = try resolution.resolve([("n", value)]) }.kind == .argument)
    }
    #expect(try failure { _ = try resolution.resolve([(65536, true.asConstant)]) }.kind == .argument)
  }

  @Test("A failing kernel is named with its constants", .softwareDevice) func failureNames() throws {
    let library = try device.compile(
      """
      constant ulong far [[function_constant(0)]];
      kernel void stray(device int *x [[buffer(0)]]) { x[far] = 1; }
      """)
    let encoder = device.encoder()
    try encoder.dispatch(
      library.kernel("stray", constants: ["far": 1 << 50]), device.zeros([1], .int32), grid: 1)
    let error = try failure { try encoder.commitAndWait() }
    #expect(error.kind == .commandBuffer && error.message.contains("stray|0:ul1125899906842624"))
  }

  @Test("Halves are rounded as Swift rounds them") func halves() {
    #if !(os(macOS) && arch(x86_64))
      for bits in stride(from: UInt16.min, through: .max, by: 7) {
        let half = Float16(bitPattern: bits)
        #expect(half.isNaN ? Half.float(bits).isNaN : Half.float(bits) == Float(half))
        if !half.isNaN { #expect(Half.bits(Double(Half.float(bits))) == bits) }
      }
      var value = 1e-9
      while value < 1e6 {
        #expect(Half.bits(value) == Float16(value).bitPattern, "\(value)")
        #expect(Half.bits(-value) == Float16(-value).bitPattern)
        value *= 1.0137
      }
    #endif
  }
}

extension SIMD8<Float> {
  fileprivate var constant: ConstantValue { .typed(.float32, bytes: withUnsafeBytes(of: self) { Array($0) }) }
}

/// Kernels from many threads.
private final class LockedKernels: @unchecked Sendable {
  private let lock = DispatchQueue(label: "kernels")
  private var kernels: [Kernel] = []

  func append(_ kernel: Kernel) { lock.sync { kernels.append(kernel) } }
  var count: Int { lock.sync { kernels.count } }
  var different: Int { lock.sync { Set(kernels.map(ObjectIdentifier.init)).count } }
}
