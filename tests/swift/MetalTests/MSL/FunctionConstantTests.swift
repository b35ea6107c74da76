import CMetalRuntime
import Testing

@testable import Metal

private let header = "#include <metal_stdlib>\nusing namespace metal;\n"

extension MSLKernelDescription {
  /// Values by the names of the constants.
  fileprivate func specialisation(_ values: [String: any BitwiseCopyable]) -> MSLSpecialisation {
    var result = MSLSpecialisation()
    for constant in constants {
      if let value = values[constant.name] { result.set(constant, bytes(of: value)) }
    }
    return result
  }
}

private func bytes(of value: some BitwiseCopyable) -> [UInt8] { withUnsafeBytes(of: value) { Array($0) } }

/// What the first kernel writes into its first buffer, eight floats, with such values.
private func run(
  _ source: String, _ values: [String: any BitwiseCopyable], _ inputs: [[Float]] = [],
  threadgroup: [Int: Int] = [:],
  _ options: MSLOptions = MSLOptions()
) throws -> [Float] {
  let program = try KernelBench.compile(header + source, options)
  let kernel = program.kernels[0]
  let pipeline = try program.pipeline(kernel.name, constants: kernel.specialisation(values))
  let output = KernelMemory([Float](repeating: -1, count: 8))
  let buffers = [output] + inputs.map(KernelMemory.init)
  let result = pipeline.run(buffers, grid: (8, 1, 1), group: (8, 1, 1), threadgroup: threadgroup)
  #expect(result.fault == 0)
  return output.values(of: Float.self)
}

/// One type of constant: a value, and what the kernel sees of its last component.
struct ConstantType: CustomTestStringConvertible, Sendable {
  var name: String
  var value: any BitwiseCopyable & Sendable
  var expected: Float
  var type: MTLDataType
  var testDescription: String { name }
  init(_ name: String, _ value: any BitwiseCopyable & Sendable, _ expected: Float, _ type: MTLDataType) {
    (self.name, self.value, self.expected, self.type) = (name, value, expected, type)
  }
}

private let types: [ConstantType] = [
  .init("bool", true, 1, .bool), .init("bool", UInt8(7), 1, .bool), .init("char", Int8(-100), -100, .char),
  .init("uchar", UInt8(200), 200, .uchar), .init("short", Int16(-30000), -30000, .short),
  .init("ushort", UInt16(60000), 60000, .ushort), .init("int", Int32(-70000), -70000, .int),
  .init("uint", UInt32(3_000_000_000), 3e9, .uint), .init("long", Int64(-1) << 40, -1_099_511_627_776, .long),
  .init("ulong", UInt64(1) << 63, 9_223_372_036_854_775_808, .ulong),
  .init("half", Float16(0.25), 0.25, .half),
  .init("bfloat", UInt16(0x3fc0), 1.5, .bfloat), .init("float", Float(0.1), 0.1, .float),
  .init("bool4", SIMD4<UInt8>(0, 0, 0, 1), 1, .bool4), .init("char2", SIMD2<Int8>(1, -2), -2, .char2),
  .init("uchar3", SIMD3<UInt8>(1, 2, 250), 250, .uchar3),
  .init("short4", SIMD4<Int16>(1, 2, 3, -4), -4, .short4),
  .init("ushort2", SIMD2<UInt16>(1, 65535), 65535, .ushort2),
  .init("int3", SIMD3<Int32>(1, 2, -3), -3, .int3),
  .init("uint4", SIMD4<UInt32>(1, 2, 3, 4), 4, .uint4), .init("long2", SIMD2<Int64>(1, -2), -2, .long2),
  .init("ulong3", SIMD3<UInt64>(1, 2, 3), 3, .ulong3),
  .init("half4", SIMD4<Float16>(1, 2, 3, 4.5), 4.5, .half4),
  .init("bfloat2", SIMD2<UInt16>(0, 0x3fc0), 1.5, .bfloat2),
  .init("float3", SIMD3<Float>(1, 2, 3.5), 3.5, .float3),
  .init("float4", SIMD4<Float>(1, 2, 3, -0.5), -0.5, .float4),
  .init("uint8_t", UInt8(9), 9, .uchar), .init("unsigned int", UInt32(9), 9, .uint),
  .init("metal::float2", SIMD2<Float>(1, 9), 9, .float2),
  .init("vec<uint, 2>", SIMD2<UInt32>(1, 9), 9, .uint2),
  .init("size_t", UInt64(9), 9, .ulong), .init("Count", UInt16(9), 9, .ushort),
  .init("Pair", SIMD2<Int32>(1, 9), 9, .int2),
]

@Suite("Function constants in MSL") struct FunctionConstantTests {
  @Test("All scalar and vector types have their values and are reflected", arguments: types)
  func typesOfConstants(_ type: ConstantType) throws {
    let width = type.type.components!.count
    let source = """
      using Count = ushort; typedef vec<int, 2> Pair;
      constant \(type.name) value [[function_constant(3)]];
      kernel void k(device float *out [[buffer(0)]], uint i [[thread_position_in_grid]]) {
        out[i] = float(value\(width == 1 ? "" : "[\(width - 1)]"));
      }
      """
    let kernel = try KernelBench.compile(header + source).kernels[0]
    #expect(
      kernel.constants == [MSLFunctionConstant(name: "value", type: type.type, index: 3, isRequired: true)])
    #expect(try run(source, ["value": type.value]) == [Float](repeating: type.expected, count: 8))
  }

  private let bias = """
    constant bool has_bias [[function_constant(0)]];
    constant bool no_bias = !has_bias;
    kernel void k(device float *out [[buffer(0)]],
                  device const float *bias [[buffer(1), function_constant(has_bias)]],
                  constant float &other [[buffer(2)]] [[function_constant(no_bias)]],
                  uint i [[thread_position_in_grid]]) {
      float value = i;
      if (has_bias) value += bias[i];
      if (no_bias) value += other;
      out[i] = value;
    }
    """

  @Test("An argument under a condition is there only if it is true")
  func arguments() throws {
    let program = try KernelBench.compile(header + bias)
    let kernel = program.kernels[0]
    #expect(kernel.constants.map(\.name) == ["has_bias"])
    let with = try program.pipeline("k", constants: kernel.specialisation(["has_bias": true]))
    #expect(with.description.arguments.map(\.name) == ["out", "bias"])
    let without = try program.pipeline("k", constants: kernel.specialisation(["has_bias": false]))
    #expect(without.description.arguments.map(\.name) == ["out", "other"])
    #expect(without.description.arguments.map(\.index) == [0, 2])
    #expect(with !== without)
    #expect(try run(bias, ["has_bias": true], [counting]) == counting.map { $0 * 2 })
    #expect(try run(bias, ["has_bias": false], [[], [5]]) == counting.map { $0 + 5 })
  }

  @Test("Who follows an argument that is not there faults, and corrupts nothing")
  func absentArgument() throws {
    let source = """
      constant bool on [[function_constant(0)]];
      kernel void k(device float *out [[buffer(0)]], device float *extra [[buffer(1), function_constant(on)]],
                    threadgroup float *tile [[threadgroup(0), function_constant(on)]],
                    uint i [[thread_position_in_grid]]) {
        if (on) { tile[i] = i; out[i] = tile[i]; }
        extra[i] = 1;
      }
      """
    let program = try KernelBench.compile(header + source)
    let kernel = program.kernels[0]
    let pipeline = try program.pipeline("k", constants: kernel.specialisation(["on": false]))
    #expect(pipeline.description.arguments.map(\.name) == ["out"])
    let result = pipeline.run([KernelMemory(counting)], grid: (8, 1, 1), group: (8, 1, 1))
    #expect(result.fault != 0)
    let whole = try program.pipeline("k", constants: kernel.specialisation(["on": true]))
    #expect(whole.description.arguments.map(\.name) == ["out", "extra", "tile"])
    let output = KernelMemory(counting)
    #expect(
      whole.run([output, KernelMemory(counting)], grid: (8, 1, 1), group: (8, 1, 1), threadgroup: [0: 64])
        .fault == 0)
    #expect(output.values(of: Float.self) == counting)
  }

  private let optional = """
    constant int given [[function_constant(7)]];
    constant int steps = is_function_constant_defined(given) ? given : 3;
    constant float scale [[function_constant(8)]];
    namespace inner { constant uint2 pair [[function_constant(9)]]; }
    float scaled(float x) { return is_function_constant_defined(scale) ? x * scale : x; }
    kernel void a(device float *out [[buffer(0)]], uint i [[thread_position_in_grid]]) {
      float sum = 0;
      for (int step = 0; step < steps; ++step) sum += scaled(1);
      out[i] = sum;
    }
    kernel void b(device float *out [[buffer(0)]], uint i [[thread_position_in_grid]]) {
      out[i] = inner::pair.x + 10 * inner::pair.y + (is_function_constant_defined(inner::pair) ? 100 : 0);
    }
    kernel void c(device float *out [[buffer(0)]], uint i [[thread_position_in_grid]]) { out[i] = scale; }
    kernel void d(device float *out [[buffer(0)]], uint i [[thread_position_in_grid]]) { out[i] = i; }
    """

  @Test("Constants have defaults where the kernel asks whether they are defined")
  func defaults() throws {
    #expect(try run(optional, [:])[0] == 3)
    #expect(try run(optional, ["given": Int32(5)])[0] == 5)
    #expect(try run(optional, ["scale": Float(0.5)])[0] == 1.5)
    #expect(try run(optional, ["given": Int32(2), "scale": Float(4)])[0] == 8)
    // Defined as what it would have been is something else than not defined.
    #expect(try run(optional, ["scale": Float(0)])[0] == 0)
  }

  @Test("A kernel has the constants that it leads to, and needs those that it never asks for")
  func reachable() throws {
    let kernels = try KernelBench.compile(header + optional).kernels
    #expect(
      kernels.map { $0.constants.map(\.name) } == [["given", "scale"], ["inner::pair"], ["scale"], []])
    #expect(kernels.map { $0.constants.map(\.isRequired) } == [[false, false], [false], [true], []])
  }

  @Test("What only bears the name of a constant, or of a function that uses it, is no use of it")
  func exactUses() throws {
    let source =
      header + """
        constant int n [[function_constant(0)]];
        namespace other { constant int n [[function_constant(1)]]; }
        namespace { constant int m [[function_constant(2)]]; }
        struct A { int load() const { return other::n; } };
        struct B { int load() const { return m; } };
        struct C { float x; C operator+(int y) const { return {x + n + y}; } };
        constant int derived = n + m;
        kernel void a(device float *n [[buffer(0)]]) { n[0] = A().load(); }
        kernel void b(device float *out [[buffer(0)]]) { out[0] = B().load() + 1; }
        kernel void c(device float *out [[buffer(0)]]) { out[0] = (C{1} + 2).x; }
        kernel void d(device float *out [[buffer(0)]]) { out[0] = derived; }
        kernel void e(device float *out [[buffer(0)]]) { out[0] = is_function_constant_defined(m) ? 1 : 2; }
        kernel void f(device float *out [[buffer(0)]]) { float m = 1; out[0] = m; }
        constant bool on [[function_constant(3)]];
        constant bool off = !on;
        kernel void g(device float *out [[buffer(0)]], device float *idle [[buffer(1), function_constant(off)]]) {}
        """
    let environment = try KernelBench.environment(cache: KernelBench.cacheWithHeaders())
    func names(_ compiler: MSLCompiler) throws -> [[String]] {
      let program = try compiler.program(source, MSLOptions())
      return program.kernels.map { kernel in
        program.constants(of: kernel.name).map { $0.isRequired ? $0.name : $0.name + "?" }
      }
    }
    let expected = [["other::n"], ["m"], ["n"], ["n", "m"], ["m?"], [], ["on"]]
    #expect(try names(MSLCompiler(environment)) == expected)
    let second = MSLCompiler(environment)
    #expect(try names(second) == expected)
    #expect(second.startedProcesses == 0)
  }

  @Test("Each set of values is compiled for itself and found again, in memory and on disk")
  func variants() throws {
    let environment = try KernelBench.environment(cache: KernelBench.cacheWithHeaders())
    let source =
      header + """
        constant int n [[function_constant(0)]];
        constant int m [[function_constant(1)]];
        kernel void k(device float *out [[buffer(0)]], uint i [[thread_position_in_grid]]) { out[i] = n * 10 + m; }
        """
    func value(_ compiler: MSLCompiler, _ n: Int32, _ m: Int32) throws -> Float {
      let program = try compiler.program(source, MSLOptions())
      let constants = program.kernels[0].specialisation(["n": n, "m": m])
      let pipeline = try program.pipeline("k", constants: constants)
      #expect(try program.pipeline("k", constants: constants) === pipeline)
      let output = KernelMemory([Float](repeating: 0, count: 8))
      #expect(pipeline.run([output], grid: (8, 1, 1), group: (8, 1, 1)).fault == 0)
      return output.values(of: Float.self)[0]
    }
    let sets: [(Int32, Int32)] = [(1, 2), (2, 1), (0, 0), (-1, 0), (0, -1)]
    let first = MSLCompiler(environment)
    for (n, m) in sets { #expect(try value(first, n, m) == Float(n * 10 + m)) }
    let second = MSLCompiler(environment)
    for (n, m) in sets { #expect(try value(second, n, m) == Float(n * 10 + m)) }
    #expect(first.startedProcesses > 0)
    #expect(second.startedProcesses == 0)
  }

  @Test("The values are constants of the code: what they rule out is not compiled")
  func deadBranches() throws {
    // A function that is nowhere defined: only where the branch is gone the kernel links.
    let source = """
      constant bool wild [[function_constant(0)]];
      void missing(device float *out);
      kernel void k(device float *out [[buffer(0)]], uint i [[thread_position_in_grid]]) {
        if (wild) missing(out);
        out[i] = i;
      }
      """
    #expect(try run(source, ["wild": false]) == counting)
    let error = #expect(throws: MSLError.self) { try run(source, ["wild": true]) }
    #expect(error?.message.contains("Undefined symbols") == true)
  }

  @Test("Constants work in templates, members, macros, instances and with barriers")
  func inTemplates() throws {
    let source = """
      #define FLAG(name, index) constant bool name##_given [[function_constant(index)]]; \\
        constant bool name = is_function_constant_defined(name##_given) ? name##_given : false;
      FLAG(twice, 10)
      FLAG(negative, 11)
      enum { kFactor = 12 };
      [[function_constant(kFactor)]] constant constexpr float factor;
      template <typename T> struct Scaler { T apply(T x) const { return (twice ? 2 : 1) * x * T(factor); } };
      template <typename T> kernel void scale(device T *out [[buffer(0)]], uint i [[thread_position_in_threadgroup]]) {
        threadgroup T tile[8];
        tile[i] = Scaler<T>().apply(T(i));
        threadgroup_barrier(mem_flags::mem_threadgroup);
        out[i] = negative ? -tile[7 - i] : tile[7 - i];
      }
      template [[host_name("scale_float")]] kernel void scale<float>(device float *, uint);
      """
    #expect(try run(source, ["factor": Float(1)]) == counting.reversed())
    #expect(
      try run(source, ["factor": Float(3), "twice_given": true, "negative_given": true])
        == counting.reversed().map { $0 * -6 })
    let constants = try KernelBench.compile(header + source).kernels[0].constants
    #expect(constants.map(\.name) == ["twice_given", "negative_given", "factor"])
    #expect(constants.map(\.isRequired) == [false, false, true])
  }

  @Test("Errors after the values are still in the user's lines")
  func lines() throws {
    let source = """
      constant bool on [[function_constant(0)]];
      kernel void k(device float *out [[buffer(0)]], uint i [[thread_position_in_grid]]) {
        out[i] = oops + on;
      }
      """
    let error = #expect(throws: MSLError.self) { try KernelBench.compile(header + source) }
    #expect(
      error?.message.hasPrefix("program_source:5:12: error: use of undeclared identifier 'oops'") == true)
  }
}
