import Foundation
import Testing

@testable import Metal

/// A parameter's type and what reflection must say of what it points to.
struct ReflectedType: CustomTestStringConvertible, Sendable {
  var type: String
  var dataType: MTLDataType
  var size: Int
  var alignment: Int
  var testDescription: String { type }
}

private let types: [ReflectedType] = [
  .init(type: "float", dataType: .float, size: 4, alignment: 4),
  .init(type: "float2", dataType: .float2, size: 8, alignment: 8),
  .init(type: "float3", dataType: .float3, size: 16, alignment: 16),
  .init(type: "float4", dataType: .float4, size: 16, alignment: 16),
  .init(type: "packed_float3", dataType: .float3, size: 12, alignment: 4),
  .init(type: "packed_half2", dataType: .half2, size: 4, alignment: 2),
  .init(type: "half", dataType: .half, size: 2, alignment: 2),
  .init(type: "half3", dataType: .half3, size: 8, alignment: 8),
  .init(type: "bfloat", dataType: .bfloat, size: 2, alignment: 2),
  .init(type: "bfloat4", dataType: .bfloat4, size: 8, alignment: 8),
  .init(type: "int", dataType: .int, size: 4, alignment: 4),
  .init(type: "uint3", dataType: .uint3, size: 16, alignment: 16),
  .init(type: "int16_t", dataType: .short, size: 2, alignment: 2),
  .init(type: "ushort4", dataType: .ushort4, size: 8, alignment: 8),
  .init(type: "char", dataType: .char, size: 1, alignment: 1),
  .init(type: "int8_t", dataType: .char, size: 1, alignment: 1),
  .init(type: "uchar4", dataType: .uchar4, size: 4, alignment: 4),
  .init(type: "bool", dataType: .bool, size: 1, alignment: 1),
  .init(type: "bool2", dataType: .bool2, size: 2, alignment: 2),
  .init(type: "long", dataType: .long, size: 8, alignment: 8),
  .init(type: "ulong2", dataType: .ulong2, size: 16, alignment: 16),
  .init(type: "uint64_t", dataType: .ulong, size: 8, alignment: 8),
  .init(type: "vec<int, 2>", dataType: .int2, size: 8, alignment: 8),
  .init(type: "Element", dataType: .float4, size: 16, alignment: 16),
  .init(type: "Pair", dataType: .struct, size: 8, alignment: 4),
  .init(type: "Kind", dataType: .ushort, size: 2, alignment: 2),
  .init(type: "Box<half>", dataType: .struct, size: 32, alignment: 16),
]

@Suite struct ReflectionTests {
  private let head = """
    #include <metal_stdlib>
    using namespace metal;
    typedef metal::float4 Element;
    struct Pair { float a; short b; };
    enum class Kind : ushort { one, two };
    template <typename T> struct Box { float3 place; T value; };

    """

  @Test func elementsOfAllTypes() throws {
    let parameters = types.enumerated().map { "constant \($1.type) &p\($0)" }.joined(separator: ", ")
    let arguments = try KernelBench.pipeline(head + "kernel void k(\(parameters)) {}").description.arguments
    #expect(arguments.count == types.count)
    for (argument, type) in zip(arguments, types) {
      #expect(argument.dataType == type.dataType, "\(type.type)")
      #expect(argument.dataSize == type.size, "\(type.type)")
      #expect(argument.alignment == type.alignment, "\(type.type)")
    }
  }

  @Test func namesOrderAccessAndUse() throws {
    let pipeline = try KernelBench.pipeline(
      head + """
        typedef device const uchar *Bytes;
        kernel void k(threadgroup float *scratch [[threadgroup(1)]], device float *out [[buffer(5)]],
                      constant Pair &pair, Bytes bytes [[buffer(2)]], device void *raw, threadgroup half4 &more,
                      uint i [[thread_position_in_grid]]) {
          out[i] = pair.a + bytes[i];
          scratch[0] = 1;
        }
        """)
    let arguments = pipeline.description.arguments
    #expect(arguments.map(\.name) == ["pair", "raw", "bytes", "out", "more", "scratch"])
    #expect(arguments.map(\.index) == [0, 1, 2, 5, 0, 1])
    #expect(arguments.map(\.kind) == [.buffer, .buffer, .buffer, .buffer, .threadgroup, .threadgroup])
    #expect(
      arguments.map(\.access) == [.readOnly, .readWrite, .readOnly, .readWrite, .readWrite, .readWrite])
    #expect(arguments.map(\.isConstantAddressSpace) == [true, false, false, false, false, false])
    #expect(arguments.map(\.isUsed) == [true, false, true, true, false, true])
    #expect(arguments.map(\.dataType) == [.struct, .none, .uchar, .float, .half4, .float])
    #expect(arguments[1].dataSize == 1 && arguments[1].alignment == 1)
  }

  @Test func templatesAreReflectedByInstance() throws {
    let program = try KernelBench.compile(
      head
        + """
        template <typename T, int n> [[max_total_threads_per_threadgroup(n * 32)]]
        kernel void fill(device T *out [[buffer(0)]], constant T &value [[buffer(1)]],
                         uint i [[thread_position_in_grid]]) { out[i] = value; }
        template [[host_name("fill_b")]] kernel void fill<uchar, 2>(device uchar *, constant uchar &, uint);
        template [[host_name("fill_a")]] kernel void fill<float3, 2>(device float3 *, constant float3 &, uint);
        [[max_total_threads_per_threadgroup(128)]] kernel void other(device int *x) {}
        """.replacingOccurrences(of: "n * 32", with: "64"))
    #expect(program.kernels.map(\.name) == ["fill_a", "fill_b", "other"])
    #expect(try program.pipeline("fill_a").description.arguments.map(\.dataType) == [.float3, .float3])
    #expect(try program.pipeline("fill_b").description.arguments.map(\.dataType) == [.uchar, .uchar])
    #expect(try program.pipeline("fill_b").maxTotalThreadsPerThreadgroup == 64)
    #expect(try program.pipeline("other").maxTotalThreadsPerThreadgroup == 128)
  }

  @Test func anUnknownKernelNamesTheKnownOnes() throws {
    let program = try KernelBench.compile("kernel void b(device int *x) {}\nkernel void a(device int *x) {}")
    let error = #expect(throws: MSLError.self) { try program.pipeline("c") }
    #expect(error?.kind == .pipeline && error?.message.contains("a, b") == true)
  }

  @Test func tooMuchThreadgroupMemoryIsRefused() throws {
    let program = try KernelBench.compile(
      "kernel void k(device float *x, uint i [[thread_index_in_threadgroup]]) {"
        + " threadgroup float t[8193]; t[i] = x[i]; x[i] = t[i ^ 1]; }")
    let error = #expect(throws: MSLError.self) { try program.pipeline("k") }
    #expect(error?.message.contains("exceeds the maximum threadgroup memory allowed (32768)") == true)
  }

  @Test func undefinedFunctionsAreNamed() throws {
    let program = try KernelBench.compile(
      "float elsewhere(float x);\nkernel void k(device float *x) { x[0] = elsewhere(x[0]); }")
    let error = #expect(throws: MSLError.self) { try program.pipeline("k") }
    #expect(error?.kind == .pipeline && error?.message.contains("elsewhere") == true)
  }
}
