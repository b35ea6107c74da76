import CMetalRuntime
import Testing

@testable import Metal

/// The types and the library in real MSL, where what is read and written is in device, constant and threadgroup memory.
@Suite struct AddressSpaceTests {
  @Test func vectorsInEveryAddressSpaceWork() throws {
    let result = try run(
      """
      struct Body { packed_float3 position; half2 spin; float4 color; };
      constant float3 axes[2] = {float3(1, 0, 0), float3(0, 1, 0)};
      constant float table[4] = {1, 2, 4, 8};

      static float3 turned(device const Body &body, threadgroup float4 *shared) {
        return float3(body.position).zxy + shared[0].xyz;
      }

      kernel void work(device Body *bodies [[buffer(0)]], constant float4 &scale [[buffer(1)]],
                       device float *out [[buffer(2)]], uint i [[thread_position_in_threadgroup]]) {
        threadgroup float4 shared[4];
        shared[i] = scale;
        shared[i].xy += float2(1, 2);
        shared[i].w = table[i & 3u];
        threadgroup_barrier(mem_flags::mem_threadgroup);
        device Body &body = bodies[i];
        body.position = float3(1, 2, 3);
        body.position.y = 5;
        body.position[2] *= 2;
        body.spin.yx = half2(1.5h, 2.5h);
        body.color.rgb = float3(body.position) * axes[1];
        body.color.a = dot(float3(body.position), axes[0]) + shared[1].w;
        thread float3 sum = turned(body, shared);
        thread float3 *p = &sum;
        p->x += scale.x;
        (*p).yz = scale.wz;
        out[i] = sum.x + sum.y + sum.z + body.color.g + body.color.a + float(body.spin.x);
      }
      """, bodies: 4, body: 32, scale: [10, 20, 30, 40])
    // position (1, 5, 6); shared[0] (11, 22, 30, 1); turned (17, 23, 35); sum (27, 40, 30).
    #expect(result == [Float](repeating: 27 + 40 + 30 + 5 + (1 + 2) + 2.5, count: 4))
  }

  @Test func functionsWithTwoResultsTakeReferences() throws {
    let result = try run(
      """
      kernel void work(device float4 *bodies [[buffer(0)]], constant float4 &scale [[buffer(1)]],
                       device float *out [[buffer(2)]], uint i [[thread_position_in_grid]]) {
        int exponent;
        float whole, cosine;
        int2 exponents;
        float fraction = frexp(scale.x, exponent);
        float2 fractions = frexp(scale.yz, exponents);
        float rest = modf(scale.w + 0.25f, whole);
        float sine = sincos(0.0f, cosine);
        out[i] = fraction * exp2(float(exponent)) + fractions.x * exp2(float(exponents.x)) + whole + rest + sine + cosine
                 + float(clamp(int(i), 0, 1)) + select(0.0f, 100.0f, isnan(scale.x)) + ldexp(1.0f, 3)
                 + float(popcount(7u) + extract_bits(0xf0u, 4u, 4u)) + float(as_type<uint>(1.0f) >> 23);
      }
      """, bodies: 4, body: 16, scale: [10, 20, 30, 40])
    let base: Float = 10 + 20 + 40.25 + 1 + 8 + 3 + 15 + 127
    #expect(result == [base, base + 1, base + 1, base + 1])
  }

  @Test func everyFunctionOfTheLibraryIsThere() throws {
    let text =
      Self.names.map { name, operands in
        "  v += float4(\(name)(\(operands)));"
      }.joined(separator: "\n")
    let result = try run(
      """
      kernel void work(device float4 *bodies [[buffer(0)]], constant float4 &scale [[buffer(1)]],
                       device float *out [[buffer(2)]], uint i [[thread_position_in_grid]]) {
        float4 v = scale, w = scale * 0.01f;
        int4 a = int4(scale), b = int4(1, 2, 3, 4);
        bool4 c = v > w;
      \(text)
        out[i] = v.x == v.x ? 1 : 2;
      }
      """, bodies: 4, body: 16, scale: [10, 20, 30, 40])
    #expect(result.allSatisfy { $0 == 1 || $0 == 2 })
  }

  /// Names of the specification's tables with operands: vectors v and w, integers a and b, conditions c.
  private static let names: [(String, String)] =
    [
      "acos", "asin", "asinh", "atan", "atanh", "ceil", "cos", "cosh", "cospi", "exp", "exp10", "exp2",
      "fabs", "floor",
      "fract", "log", "log10", "log2", "rint", "round", "rsqrt", "sin", "sinh", "sinpi", "sqrt", "tan",
      "tanh", "tanpi",
      "trunc", "abs", "saturate", "sign", "normalize", "length", "length_squared", "isfinite", "isinf",
      "isnan",
      "isnormal", "signbit", "acosh", "precise::exp", "fast::exp",
    ].map { ($0, "w") }
    + [
      "atan2", "copysign", "divide", "fdim", "fmax", "fmin", "fmod", "max", "min", "pow", "powr", "step",
      "nextafter",
      "distance", "distance_squared", "dot", "reflect", "isordered", "isunordered",
    ].map { ($0, "v, w") }
    + [
      "clamp", "fma", "mix", "smoothstep", "max3", "min3", "median3", "fmax3", "fmin3", "fmedian3",
      "faceforward",
    ]
    .map { ($0, "w, v, v") }
    + ["abs", "clz", "ctz", "popcount", "reverse_bits"].map { ($0, "a") }
    + ["absdiff", "addsat", "hadd", "max", "min", "mul24", "mulhi", "rhadd", "rotate", "subsat"].map {
      ($0, "a, b")
    }
    + ["clamp", "mad24", "madhi", "madsat", "max3", "median3", "min3"].map { ($0, "a, b, b") }
    + [
      ("select", "v, w, c"), ("refract", "v, w, 0.5f"), ("ldexp", "v, b"), ("ilogb", "v"), ("all", "c"),
      ("any", "c"),
      ("not", "c"), ("extract_bits", "a, 1u, 3u"), ("insert_bits", "a, b, 1u, 3u"), ("as_type<float4>", "a"),
      ("unpack_unorm4x8_to_float", "uint(a.x)"), ("unpack_snorm4x8_to_half", "uint(a.x)"),
      ("pack_float_to_unorm4x8", "w"), ("pack_half_to_snorm4x8", "half4(w)"),
      ("length", "cross(v.xyz, w.xyz)"),
    ]

  /// Runs the only kernel of a source on four threads.
  private func run(_ source: String, bodies: Int, body: Int, scale: [Float]) throws -> [Float] {
    let text = "#include <metal_stdlib>\nusing namespace metal;\n" + source
    let pipeline = try KernelBench.pipeline(text)
    let memory = KernelMemory([UInt8](repeating: 0, count: bodies * body))
    let out = KernelMemory([Float](repeating: 0, count: 4))
    let result = pipeline.run([memory, KernelMemory(scale), out], grid: (4, 1, 1), group: (4, 1, 1))
    #expect(result.fault == 0)
    return out.values(of: Float.self)
  }
}
