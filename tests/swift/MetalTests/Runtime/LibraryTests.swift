import Testing

@testable import Metal

/// Relational, geometric, packing and other functions by their definitions.
@Suite struct LibraryTests {
  @Test(arguments: [MTLMathMode.safe, .fast]) func classificationHolds(_ mode: MTLMathMode) throws {
    let object = try (mode == .safe ? ShimBench.safe : ShimBench.fast).load(
      """
      template <class T> static int classify(T one, T least) {
        T inf = T(INFINITY), nan = T(NAN);
        CHECK(isnan(nan) && !isnan(inf) && !isnan(one) && !isnan(least));
        CHECK(isinf(inf) && isinf(-inf) && !isinf(nan) && !isinf(one));
        CHECK(isfinite(one) && isfinite(least) && !isfinite(inf) && !isfinite(nan));
        CHECK(isnormal(one) && !isnormal(least) && !isnormal(inf) && !isnormal(nan) && !isnormal(T(0)));
        CHECK(signbit(-one) && signbit(T(-0.0f)) && !signbit(one) && signbit(-inf));
        CHECK(isordered(one, inf) && !isordered(one, nan) && isunordered(nan, one) && !isunordered(one, one));
        return 0;
      }
      EXPORT int floats() { return classify(1.0f, 0x1p-149f); }
      EXPORT int halves() { return classify(1.0_h, half(0x1p-24f)); }
      EXPORT int vectors() {
        float4 v = float4(1, INFINITY, NAN, -0.0f);
        CHECK(all(isnan(v) == bool4(false, false, true, false)) && all(isinf(v) == bool4(false, true, false, false)));
        CHECK(all(signbit(v) == bool4(false, false, false, true)) && any(isfinite(v)) && !all(isfinite(v)));
        CHECK(all(isnan(half3(NAN, 1, 2)) == bool3(true, false, false)));
        return 0;
      }
      EXPORT int selection() {
        CHECK(all(select(float3(1, 2, 3), float3(4, 5, 6), bool3(true, false, true)) == float3(4, 2, 6)));
        CHECK(select(1, 2, true) == 2 && select(1.0f, 2.0f, 3 < 2) == 1);
        CHECK(all(select(uchar4(1), uchar4(2), bool4(false, true, false, true)) == uchar4(1, 2, 1, 2)));
        CHECK(all(select(long2(1), long2(2), bool2(true, false)) == long2(2, 1)) && select(half2(1), 0, bool2(true)).x == 0);
        CHECK(all(not(bool2(true, false)) == bool2(false, true)) && any(bool3(false, false, true)) && all(true));
        return 0;
      }
      """)
    for name in ["floats", "halves", "vectors", "selection"] {
      #expect(object.check(name) == 0, "\(name)")
    }
  }

  @Test func geometryFollowsItsDefinitions() throws {
    let object = try ShimBench.safe.load(
      """
      static bool near(float a, float b) { return abs(a - b) <= 1e-6f * (1 + abs(b)); }
      template <int N> static bool near(vec<float, N> a, vec<float, N> b) { return distance(a, b) <= 2e-6f; }
      EXPORT int check() {
        float3 a = float3(1, 2, 3), b = float3(-2, 0.5f, 4);
        CHECK(dot(a, b) == 11 && dot(float2(1, 2), float2(3, 4)) == 11 && dot(half4(1), half4(2)) == 8.0f);
        CHECK(all(cross(a, b) == float3(6.5f, -10, 4.5f)) && dot(cross(a, b), a) == 0);
        CHECK(length(float2(3, 4)) == 5 && length_squared(a) == 14 && distance(float2(1, 1), float2(4, 5)) == 5);
        CHECK(distance_squared(half2(1, 1), half2(2, 3)) == 5.0f && length(half3(100, 100, 50)) == 150.0f);
        CHECK(near(length(normalize(b)), 1) && near(normalize(float2(0, 5)), float2(0, 1)));
        CHECK(all(faceforward(a, b, float3(0, 0, 1)) == -a) && all(faceforward(a, b, float3(0, 0, -1)) == a));
        CHECK(near(reflect(float3(1, -1, 0), float3(0, 1, 0)), float3(1, 1, 0)));
        float3 in = normalize(float3(1, -1, 0)), out = refract(in, float3(0, 1, 0), 0.5f);
        CHECK(near(out.x, in.x * 0.5f) && near(length(out), 1) && out.y < 0);
        CHECK(all(refract(normalize(float3(1, -0.1f, 0)), float3(0, 1, 0), 1.5f) == float3(0)));
        return 0;
      }
      """)
    #expect(object.check("check") == 0)
  }

  @Test func packingRoundsAndSaturates() throws {
    let object = try ShimBench.safe.load(
      """
      EXPORT int check() {
        CHECK(pack_float_to_unorm4x8(float4(0, 1, 0.5f, 2)) == 0xff80ff00u);
        CHECK(pack_float_to_snorm4x8(float4(-1, 1, 0, -5)) == 0x81007f81u);
        CHECK(pack_float_to_unorm2x16(float2(1, -1)) == 0x0000ffffu && pack_half_to_unorm2x16(half2(1, 1)) == ~0u);
        CHECK(pack_float_to_snorm2x16(float2(1, -1)) == 0x80017fffu);
        CHECK(pack_float_to_unorm10a2(float4(1, 0, 1, 0.34f)) == 0x7ff003ffu);
        CHECK(pack_float_to_unorm565(float3(1, 0, 1)) == 0xf81f);
        CHECK(pack_float_to_unorm4x8(float4(NAN)) == 0);
        for (uint i = 0; i < 256; ++i) {
          uint4 bytes = uint4(i, 255 - i, i ^ 85, 7);
          uint x = bytes.x | bytes.y << 8 | bytes.z << 16 | bytes.w << 24;
          CHECK(pack_float_to_unorm4x8(unpack_unorm4x8_to_float(x)) == x);
          CHECK(pack_half_to_unorm4x8(unpack_unorm4x8_to_half(x)) == x);
          CHECK(pack_float_to_srgb_unorm4x8(unpack_unorm4x8_srgb_to_float(x)) == x);
          CHECK(pack_float_to_unorm10a2(unpack_unorm10a2_to_float(x)) == x);
          CHECK(pack_float_to_unorm2x16(unpack_unorm2x16_to_float(x)) == x);
          CHECK(pack_float_to_unorm565(unpack_unorm565_to_float(ushort(i * 257))) == i * 257);
          float4 s = unpack_snorm4x8_to_float(x);
          CHECK(all(s >= -1) && all(s <= 1));
        }
        CHECK(all(unpack_snorm4x8_to_float(0x80817f00u) == float4(0, 1, -1, -1)));
        CHECK(abs(unpack_unorm4x8_srgb_to_float(128u).x - 0.215861f) < 1e-5f);
        return 0;
      }
      """)
    #expect(object.check("check") == 0)
  }

  @Test func otherPartsAreThere() throws {
    let object = try ShimBench.safe.load(
      """
      template <class T> enable_if_t<is_floating_point_v<T>, int> kind(T) { return 1; }
      template <class T> enable_if_t<is_integral_v<T>, int> kind(T) { return 2; }
      EXPORT int check() {
        array<float, 3> a = {1, 2, 3};
        float sum = 0;
        for (float x : a) sum += x;
        CHECK(sum == 6 && a.size() == 3 && a.back() == 3);
        CHECK(kind(1.0_h) == 1 && kind(ushort(1)) == 2 && kind(1.0_bf) == 1);
        static_assert(is_same_v<make_unsigned_t<int3>, uint3> && is_same_v<conditional_t<true, int, float>, int>);
        static_assert(is_same_v<remove_cv_t<const float>, float> && is_convertible_v<int, float>);
        static_assert(is_same_v<common_type_t<int, float>, float> && rank_v<int[2][3]> == 2);
        CHECK((mem_flags::mem_device | mem_flags::mem_threadgroup) != mem_flags::mem_none);
        CHECK(M_PI_F > 3.14159f && M_PI_H > 3.13_h && MAXFLOAT == FLT_MAX && INFINITY > MAXFLOAT && isnan(NAN));
        atomic_thread_fence(mem_flags::mem_device, memory_order_seq_cst, thread_scope_device);
        CHECK(mul24(-5, 7) == -35 && mad24(3u, 4u, 5u) == 17 && mul24(0x1000002, 3) == 6);
        CHECK(all(mul24(int2(-8388608, 2), 2) == int2(-16777216, 4)));
        return 0;
      }
      """)
    #expect(object.check("check") == 0)
  }
}
