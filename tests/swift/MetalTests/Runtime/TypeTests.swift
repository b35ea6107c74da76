import Testing

@testable import Metal

/// Sizes, alignments, constructors and conversions of the MSL types, which the compiler itself can check.
@Suite struct TypeTests {
  @Test func scalarsAndVectorsHaveTheSizesOfMetal() {
    var text =
      "template <class T, int size, int alignment> constexpr bool is = sizeof(T) == size && alignof(T) == alignment;\n"
    for (name, size) in Self.scalars {
      text += "static_assert(is<\(name), \(size), \(size)>);\n"
      for (count, lanes) in [(2, 2), (3, 4), (4, 4)] {
        text += "static_assert(is<\(name)\(count), \(size * lanes), \(size * lanes)>);\n"
        text += "static_assert(is<packed_\(name)\(count), \(size * count), \(size)>);\n"
        text += "static_assert(is_same_v<\(name)\(count), vec<\(name), \(count)>>);\n"
      }
    }
    #expect(ShimBench.safe.errors(of: text) == nil)
  }

  private static let scalars = [
    ("bool", 1), ("char", 1), ("uchar", 1), ("short", 2), ("ushort", 2), ("int", 4), ("uint", 4), ("long", 8),
    ("ulong", 8), ("half", 2), ("bfloat", 2), ("float", 4),
  ]

  @Test func vectorsInStructuresLieWhereTheHostPutsThem() {
    let text = """
      struct Particle { float3 position; float mass; half3 color; packed_float3 force; uchar2 flags; };
      static_assert(__builtin_offsetof(Particle, mass) == 16 && __builtin_offsetof(Particle, color) == 24);
      static_assert(__builtin_offsetof(Particle, force) == 32 && __builtin_offsetof(Particle, flags) == 44);
      static_assert(sizeof(Particle) == 48 && is_trivially_copyable_v<Particle>);
      """
    #expect(ShimBench.safe.errors(of: text) == nil)
  }

  @Test(arguments: [
    "constinit float4 v = float4(1, 2, 3, 4); static_assert(float4(1, 2, 3, 4).w == 4);",
    "static_assert(all(float3(7) == float3(7, 7, 7)));",
    "static_assert(all(float4(float2(1, 2), float2(3, 4)) == float4(1, 2, 3, 4)));",
    "static_assert(all(float4(1, float3(2, 3, 4)) == float4(float3(1, 2, 3), 4)));",
    "static_assert(all(int4(1, int2(2, 3), 4) == int4(1, 2, 3, 4)));",
    "static_assert(all(int3(float3(1.9f, -1.9f, 2.5f)) == int3(1, -1, 2)));",
    "static_assert(all(bool3(int3(0, 5, -1)) == bool3(false, true, true)));",
    "static_assert(all(float2(bool2(true, false)) == float2(1, 0)));",
    "static_assert(all(uchar2(ushort2(257, 255)) == uchar2(1, 255)));",
    "float4 braces = {1, 2, 3, 4}; float2 zeros = {}; float3 splat = 2.0f; half4 h = 1.0f;",
    "const float3 directions[2] = {float3(1, 0, 0), {0, 1, 0}};",
    "enum Axis { X, Y }; static_assert(all(int2(X, Y) == int2(0, 1)));",
    "static_assert(as_type<uint>(1.0f) == 0x3f800000u); static_assert(as_type<ushort>(1.5_h) == 0x3e00);",
    "static_assert(as_type<uint2>(float2(1, 2)).y == 0x40000000u && as_type<short4>(1ul).x == 1);",
    "uchar4 bytes(uint x) { return as_type<uchar4>(x); } half2 halves(uint x) { return as_type<half2>(x); }",
    "static_assert(is_same_v<decltype(float4().xyz), float3> && is_same_v<decltype(half2().x), half>);",
    "static_assert(is_same_v<decltype(char2() + char2()), char2>);",
    "static_assert(is_same_v<decltype(float3() < 1.0f), bool3> && is_same_v<decltype(!int2()), bool2>);",
    "static_assert(is_same_v<decltype(ushort2() << 1), ushort2>);",
    "static_assert(is_same_v<decltype(packed_float3() * 2.0f), float3>);",
    "static_assert(is_same_v<decltype(max(1_h, half(2))), half> && is_same_v<decltype(pow(1.0f, 2)), float>);",
    "static_assert(is_same_v<decltype(clamp(float4(), 0.0f, 1.0f)), float4>);",
    "template <class T, int N> int width(vec<T, N>) { return N; } int w = width(float4().xyz);",
    "template <class T> T twice(T x) { return x + x; } float2 t = twice(float4().zw);",
  ])
  func thisCompiles(_ text: String) {
    #expect(ShimBench.safe.errors(of: text) == nil)
  }

  @Test(arguments: [
    "float4 f(int4 x) { return x; }",  // no conversion between element types unasked
    "int4 f(int4 x) { return x * 2.5f; }",
    "float4 v = float4(1, 2, 3);",  // too few components
    "float2 v = float2(float3(1));",  // too many
    "void f(thread_float4) { }",
    "void f(float4 v) { v.xx = float2(1, 2); }",  // a component twice
    "void f(float2 v) { v.z = 1; }",  // out of the vector
    "float3 f(float3 a, float2 b) { return a + b; }",
    "int f(int a, uint b) { return max(a, b); }",  // ambiguous in Metal, as all up to the next line
    "float f(float a) { return max(a, 0); }", "float f(float a) { return min(1, a); }",
    "half f(half a) { return clamp(a, 0, 1); }", "float4 f(float4 a) { return clamp(a, 0, 1); }",
    "float f(float a) { return max3(a, 0, 1); }", "float f(float a, bool b) { return select(a, 0, b); }",
    "bfloat f(bfloat a) { return exp(a); }", "bfloat f(bfloat a) { return max(a, a); }",
    "bool f(bfloat a) { return isnan(a); }", "bfloat2 f(bfloat2 a) { return fma(a, a, a); }",
    "ulong f(thread float *a) { return as_type<ulong>(a); }",
    "float f(int a) { return sqrt(a); }",
    "float f(half a, float b) { return pow(a, b); }",
    "float4 f(float4 a) { return a % a; }",
    "float4 f(float4 a) { return ~a; }",
    "float f(float2 a, float2 b) { return cross(a, b).x; }",
    "uint f(float a) { return as_type<ushort>(a); }",  // sizes differ
  ])
  func thisDoesNotCompile(_ text: String) {
    #expect(ShimBench.safe.errors(of: text) != nil)
  }

  @Test func limitsAreThoseOfTheTypes() {
    let text = """
      template <class T> using L = numeric_limits<T>;
      static_assert(L<char>::min() == -128 && L<char>::max() == 127 && L<uchar>::max() == 255);
      static_assert(L<short>::lowest() == SHRT_MIN && L<ushort>::max() == USHRT_MAX);
      static_assert(L<int>::min() == INT_MIN && L<int>::max() == INT_MAX && L<uint>::max() == UINT_MAX);
      static_assert(L<long>::min() == LONG_MIN && L<long>::max() == LONG_MAX && L<ulong>::max() == ULONG_MAX);
      static_assert(L<int>::digits == 31 && L<uint>::digits10 == 9 && L<long>::digits10 == 18);
      static_assert(L<float>::max() == FLT_MAX && L<float>::min() == FLT_MIN && L<float>::lowest() == -FLT_MAX);
      static_assert(L<float>::epsilon() == FLT_EPSILON && L<float>::denorm_min() == 0x1p-149f);
      static_assert(L<half>::max() == 65504.0f && L<half>::min() == HALF_MIN && L<half>::denorm_min() == 0x1p-24f);
      static_assert(L<bfloat>::max() == BFLT_MAX && L<bfloat>::epsilon() == 0x1p-7f);
      static_assert(L<float>::digits10 == FLT_DIG && L<float>::max_exponent == FLT_MAX_EXP);
      static_assert(L<half>::max_exponent == HALF_MAX_EXP && L<half>::min_exponent10 == HALF_MIN_10_EXP);
      static_assert(L<float>::infinity() == INFINITY && L<half>::has_quiet_NaN && !L<int>::has_infinity);
      static_assert(!L<float4>::is_specialized);
      """
    #expect(ShimBench.safe.errors(of: text) == nil)
  }
}
