import Testing

@testable import Metal

/// What vectors do when they run: swizzles, elements, operators, packed vectors.
@Suite struct VectorTests {
  struct Check: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var text: String
  }

  @Test(arguments: checks) func holds(_ check: Check) throws {
    #expect(try ShimBench.safe.load(check.text).check("check") == 0)
  }

  @Test(arguments: checks) func holdsInFastMaths(_ check: Check) throws {
    #expect(try ShimBench.fast.load(check.text).check("check") == 0)
  }

  /// The headers for the other processor, in an emulator.
  @Test(
    .enabled(if: RuntimeProgram.isEmulatedHere, "needs qemu-user and gcc-aarch64-linux-gnu"),
    arguments: checks)
  func holdsOnAArch64(_ check: Check) throws {
    #expect(try ShimBench.emulate(check.text) == .exited(0))
  }

  static let checks = [
    Check(
      testDescription: "swizzles read and write",
      text: """
        EXPORT int check() {
          float4 v = float4(1, 2, 3, 4);
          CHECK(all(v.wzyx == float4(4, 3, 2, 1)) && all(v.bgr == float3(3, 2, 1)) && v.a == 4);
          CHECK(all(v.xxxx == float4(1)) && all(v.rrg == float3(1, 1, 2)));
          v.xy = v.yx;
          CHECK(all(v == float4(2, 1, 3, 4)));
          v.zw += float2(10, 20);
          CHECK(all(v == float4(2, 1, 13, 24)));
          v.wx *= 2.0f;
          CHECK(all(v == float4(4, 1, 13, 48)));
          v.zyx = float3(7, 8, 9);
          CHECK(all(v == float4(9, 8, 7, 48)));
          v.argb = v;
          CHECK(all(v == float4(8, 7, 48, 9)));
          v.x++; --v.y; v.z -= 40; v.w /= 3;
          CHECK(all(v == float4(9, 6, 8, 3)));
          v[1] = v[2] + 1; v[3] *= 2;
          CHECK(all(v == float4(9, 9, 8, 6)));
          float2 *part = (float2 *)&v;
          part[1].x = 5;
          CHECK(v.z == 5);
          bool3 b = bool3(true, false, true);
          b.yz = bool2(true, false);
          CHECK(b.x && b.y && !b.z && any(b) && !all(b));
          half3 h = half3(1, 2, 3);
          h.xz = h.zx;
          CHECK(all(h == half3(3, 2, 1)));
          return 0;
        }
        """),
    Check(
      testDescription: "operators work component by component",
      text: """
        EXPORT int check() {
          int4 a = int4(7, -7, 100, 5), b = int4(2, 2, -3, 5);
          CHECK(all(a / b == int4(3, -3, -33, 1)) && all(a % b == int4(1, -1, 1, 0)));
          CHECK(all((a & 3) == int4(3, 1, 0, 1)) && all((a | 8) == int4(15, -7, 108, 13)) && all((a ^ a) == 0));
          CHECK(all(~a == -a - 1) && all(+a == a) && all((a > b) == bool4(true, false, true, false)));
          CHECK(all((a >= b) == bool4(true, false, true, true)) && all((a != b) == bool4(true, true, true, false)));
          CHECK(all(!int3(0, 2, 0) == bool3(true, false, true)));
          CHECK(all((bool2(true, false) && true) == bool2(true, false)) && all((bool2(true, false) || true)));
          CHECK(all(2.0f * float2(1, 2) - 1 == float2(1, 3)) && all(1.0f / float2(2, 4) == float2(0.5f, 0.25f)));
          uchar4 c = uchar4(250, 1, 2, 3);
          c += 10;
          CHECK(all(c == uchar4(4, 11, 12, 13)));
          c <<= 1;
          CHECK(all(c == uchar4(8, 22, 24, 26)) && all((short2(-8, 8) >> short2(1, 2)) == short2(-4, 2)));
          uint3 u = 5;
          CHECK(all(u++ == 5) && all(u == 6) && all(--u == 5));
          float3 f = float3(1, 2, 3);
          f -= float3(1); f *= f; f /= 2.0f;
          CHECK(all(f == float3(0, 0.5f, 2)) && all(-f == float3(0, -0.5f, -2)));
          bfloat2 s = bfloat2(1, 256);
          CHECK(all(s + bfloat2(1) == bfloat2(2, 256)));
          float scale = 3;
          CHECK(all((scale > 2 ? f : -f) == f));
          return 0;
        }
        """),
    Check(
      testDescription: "packed vectors compute as vectors",
      text: """
        EXPORT int check() {
          packed_float3 points[2] = {packed_float3(1, 2, 3), float3(4, 5, 6)};
          float3 sum = points[0] + points[1];
          CHECK(all(sum == float3(5, 7, 9)) && points[1].y == 5 && points[1][2] == 6);
          points[0].xy = points[1].zx;
          CHECK(all(points[0] == float3(6, 4, 3)));
          points[0] += float3(1); points[0] *= 2.0f; points[0] -= points[1];
          CHECK(all(points[0] == float3(10, 5, 2)));
          points[0].z = 9; points[0][0] = 1;
          CHECK(all(float3(points[0]) == float3(1, 5, 9)) && all(-points[0] == float3(-1, -5, -9)));
          CHECK(dot(points[0], float3(1)) == 15 && all(max(points[0], 4.0f) == float3(4, 5, 9)));
          packed_uchar4 color = uchar4(1, 2, 3, 4);
          CHECK(all(color.bgra == uchar4(3, 2, 1, 4)) && all(float4(color) == float4(1, 2, 3, 4)));
          packed_half2 h = half2(1.5_h, -2);
          CHECK(all(h * 2 == half2(3, -4)) && all(int2(h) == int2(1, -2)));
          CHECK(((char *)&points[1]) - (char *)&points[0] == 12);
          return 0;
        }
        """),
    Check(
      testDescription: "integer operations without a meaning give a value",
      text: """
        EXPORT int check() {
          volatile int zero = 0, minus = -1, least = INT_MIN;
          int3 a = int3(5, least, 7), b = int3(zero, minus, 2);
          CHECK((a / b).z == 3 && (a / b).y == INT_MIN && (a % b).z == 1 && (a % b).y == 0);
          CHECK(all((uint2(1, 3) << uint2(33, zero + 32)) == uint2(2, 3)));
          CHECK(all((long2(-8, 8) >> long2(65, 66)) == long2(-4, 2)));
          volatile float big = 1e20f, nan = NAN;
          CHECK(int(big) == INT_MAX && int(-big) == INT_MIN && uint(-big) == 0 && int(nan) == 0);
          CHECK(all(int4(float4(big, -big, nan, 2.9f)) == int4(INT_MAX, INT_MIN, 0, 2)));
          CHECK(all(uchar2(float2(300, -5)) == uchar2(255, 0)));
          return 0;
        }
        """),
  ]
}
