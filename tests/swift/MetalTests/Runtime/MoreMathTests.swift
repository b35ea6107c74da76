import Glibc
import Testing

@testable import Metal

/// Functions of two and three operands, the ones that give two results, and those of half and bfloat.
@Suite struct MoreMathTests {
  typealias Binary =
    @convention(c) (
      UnsafePointer<Float>, UnsafePointer<Float>, UnsafeMutablePointer<Float>, Int32
    ) -> Void

  struct Function: Sendable, CustomTestStringConvertible {
    var name: String
    var limit: Double
    var exact: @Sendable (Double, Double) -> Double
    var testDescription: String { name }
  }

  static let functions: [Function] = [
    Function(name: "atan2", limit: 6) { atan2($0, $1) },
    Function(name: "copysign", limit: 0) { copysign($0, $1) },
    Function(name: "divide", limit: 0.5) { $0 / $1 },
    Function(name: "fdim", limit: 0.5) { fdim($0, $1) },
    Function(name: "fmax", limit: 0) { fmax($0, $1) },
    Function(name: "fmin", limit: 0) { fmin($0, $1) },
    Function(name: "fmod", limit: 0) { fmod($0, $1) },
    Function(name: "max", limit: 0) { fmax($0, $1) },
    Function(name: "min", limit: 0) { fmin($0, $1) },
    Function(name: "pow", limit: 16) { pow($0, $1) },
    Function(name: "step", limit: 0) { $1 < $0 ? 0 : 1 },
    Function(name: "nextafter", limit: 0) { Double(nextafterf(Float($0), Float($1))) },
  ]

  @Test(arguments: functions) func isWithinItsLimit(_ function: Function) throws {
    let call = try Self.object.get().function("all_" + function.name, as: Binary.self)
    var (xs, ys): ([Float], [Float]) = ([], [])
    for x in floatSample(150) + floatSample(-4...4, 40) {
      for y in floatSample(150) + floatSample(-4...4, 40) { (xs, ys) = (xs + [x], ys + [y]) }
    }
    var results = [Float](repeating: 0, count: xs.count)
    call(xs, ys, &results, Int32(xs.count))
    var (worst, at) = (-1.0, 0)
    for index in xs.indices {
      let exact = function.exact(Double(xs[index]), Double(ys[index]))
      let distance = unitsInTheLastPlace(results[index], from: exact)
      if distance > worst { (worst, at) = (distance, index) }
    }
    #expect(worst <= function.limit, "\(function.name)(\(xs[at]), \(ys[at])) = \(results[at])")
  }

  private static let object = Result {
    try ShimBench.safe.load(
      functions.map {
        """
        EXPORT void all_\($0.name)(const float *x, const float *y, float *result, int n) {
          for (int i = 0; i < n; ++i) result[i] = \($0.name)(x[i], y[i]);
        }
        """
      }.joined(separator: "\n"))
  }

  @Test func resultsInTwoPartsBelongTogether() throws {
    let object = try ShimBench.safe.load(
      """
      static bool same(float a, float b) { return as_type<uint>(a) == as_type<uint>(b); }
      EXPORT int check() {
        int e;
        CHECK(frexp(10.0f, e) == 0.625f && e == 4);
        CHECK(frexp(-0x1p-149f, e) == -0.5f && e == -148);
        CHECK(same(frexp(-0.0f, e), -0.0f) && e == 0 && frexp(INFINITY, e) == INFINITY && isnan(frexp(NAN, e)));
        int3 es;
        CHECK(all(frexp(half3(1, 3, 0x1p-24f), es) == half3(0.5f, 0.75f, 0.5f)) && all(es == int3(1, 2, -23)));
        CHECK(ldexp(0.75f, 4) == 12 && ldexp(1.0f, -149) == 0x1p-149f && ldexp(1.0f, 200) == INFINITY);
        CHECK(ldexp(0x1p-149f, 276) == 0x1p127f && ldexp(0x1.8p-100f, -49) == 0x1p-148f);
        CHECK(all(ldexp(float2(1, 3), int2(3, -1)) == float2(8, 1.5f)));
        CHECK(ilogb(10.0f) == 3 && ilogb(0x1p-149f) == -149 && ilogb(0.0f) == FP_ILOGB0);
        CHECK(ilogb(NAN) == FP_ILOGBNAN && ilogb(INFINITY) == INT_MAX && all(ilogb(half2(2, 0.25f)) == int2(1, -2)));
        float whole;
        CHECK(modf(-3.25f, whole) == -0.25f && whole == -3 && same(modf(-INFINITY, whole), -0.0f) && whole == -INFINITY);
        float2 wholes;
        CHECK(all(modf(float2(2.5f, -0.5f), wholes) == float2(0.5f, -0.5f)) && all(wholes == float2(2, 0)));
        float4 cosine, x = float4(0, 1, 2, 3);
        float4 sine = sincos(x, cosine);
        CHECK(all(sine == sin(x)) && all(cosine == cos(x)));
        return 0;
      }
      """)
    #expect(object.check("check") == 0)
  }

  @Test func commonFunctionsFollowTheirDefinitions() throws {
    let object = try ShimBench.safe.load(
      """
      EXPORT int check() {
        CHECK(clamp(5.0f, 0.0f, 1.0f) == 1 && all(clamp(int3(-5, 0, 5), -1, 1) == int3(-1, 0, 1)));
        CHECK(all(mix(float2(0, 10), float2(10, 20), 0.25f) == float2(2.5f, 12.5f)));
        CHECK(smoothstep(0.0f, 2.0f, 1.0f) == 0.5f && smoothstep(0.0f, 1.0f, -1.0f) == 0 && smoothstep(0.0f, 1.0f, 2.0f) == 1);
        CHECK(all(sign(half3(-2, 0, 5)) == half3(-1, 0, 1)) && sign(NAN) == 0 && signbit(sign(-0.0f)));
        CHECK(fma(0x1.001p0f, 0x1.001p0f, -0x1.002p0f) == 0x1p-24f);
        CHECK(max3(1, 5, 3) == 5 && min3(1.0f, 5.0f, 3.0f) == 1 && median3(9, 5, 7) == 7 && fmedian3(1.0f, 9.0f, 5.0f) == 5);
        CHECK(fmax(NAN, 1.0f) == 1 && fmin(1.0f, NAN) == 1 && isnan(fmax(NAN, NAN)) && fmax3(NAN, 2.0f, 1.0f) == 2);
        CHECK(abs(-3) == 3 && abs(-3.5f) == 3.5f && all(abs(char2(-7, 7)) == char2(7, 7)) && abs(3u) == 3);
        CHECK(precise::sqrt(2.0f) == sqrt(2.0f) && fast::max(1.0f, 2.0f) == 2 && metal::precise::exp(0.0f) == 1);
        CHECK(fract(half(-0x1p-24f)) < 1 && fract(-1e-20f) < 1);
        return 0;
      }
      """)
    #expect(object.check("check") == 0)
  }

  // MARK: Half and bfloat

  typealias Convert = @convention(c) (UnsafeRawPointer, UnsafeMutableRawPointer, Int32) -> Void

  @Test func halfRoundsToTheNearest() throws {
    let object = try ShimBench.safe.load(
      """
      EXPORT void to_half(const float *x, half *y, int n) { for (int i = 0; i < n; ++i) y[i] = half(x[i]); }
      EXPORT void to_half3(const packed_float3 *x, packed_half3 *y, int n) {
        for (int i = 0; i < n / 3; ++i) y[i] = half3(float3(x[i]));
      }
      """)
    var sample = floatSample(60_000)
    for half in stride(from: UInt16(0), to: 0x7c00, by: 7).map({ Float16(bitPattern: $0) }) {
      let middle = (Float(half) + Float(half.nextUp)) / 2
      sample += [middle, middle.nextUp, middle.nextDown, -middle, -middle.nextUp]
    }
    sample.removeLast(sample.count % 3)
    for name in ["to_half", "to_half3"] {
      var results = [UInt16](repeating: 0, count: sample.count)
      object.function(name, as: Convert.self)(sample, &results, Int32(sample.count))
      let wrong = zip(sample, results).first { x, bits in
        x.isNaN ? !Float16(bitPattern: bits).isNaN : Float16(x).bitPattern != bits
      }
      #expect(wrong == nil, "\(name)")
    }
  }

  @Test func bfloatRoundsToTheNearest() throws {
    let object = try ShimBench.safe.load(
      """
      EXPORT void to_bfloat(const float *x, bfloat *y, int n) { for (int i = 0; i < n; ++i) y[i] = bfloat(x[i]); }
      EXPORT void to_bfloat2(const packed_float2 *x, packed_bfloat2 *y, int n) {
        for (int i = 0; i < n / 2; ++i) y[i] = bfloat2(float2(x[i]));
      }
      """)
    // Subnormal numbers, which some processors' instructions flush, only where the conversion is our own.
    let sample =
      floatSample(60_000)
      + stride(from: UInt32(0x3f80_0000), to: 0x3f90_0000, by: 0x2000).map(Float.init(bitPattern:))
    for name in ["to_bfloat", "to_bfloat2"] {
      var results = [UInt16](repeating: 0, count: sample.count)
      object.function(name, as: Convert.self)(sample, &results, Int32(sample.count & ~1))
      let wrong = zip(sample, results).dropLast().first { x, bits in
        let result = Float(bitPattern: UInt32(bits) << 16)
        if x.isNaN { return !result.isNaN }
        if x.isSubnormal && name == "to_bfloat" { return abs(result) > abs(x) * 2 + 1e-38 }
        let even = (x.bitPattern >> 16) & 1
        return UInt32(bits) != (x.bitPattern &+ 0x7fff &+ even) >> 16
      }
      #expect(wrong == nil, "\(name)")
    }
  }

  /// Computed in float and rounded once, a half result is the exact one or, at a tie, a neighbour.
  @Test(arguments: ["exp", "log2", "sin", "sqrt", "tanh"]) func halfFunctionsAreExactToTheLastBit(
    _ name: String
  ) throws {
    let exact = MathTests.functions.first { $0.name == name }!.exact
    let object = try ShimBench.safe.load(
      "EXPORT void all(const half *x, half *y, int n) { for (int i = 0; i < n; ++i) y[i] = \(name)(x[i]); }")
    let sample = (0...UInt16.max).map { $0 }
    var results = [UInt16](repeating: 0, count: sample.count)
    object.function("all", as: Convert.self)(sample, &results, Int32(sample.count))
    let wrong = zip(sample, results).filter { bits, resultBits in
      let (result, wanted) = (
        Float16(bitPattern: resultBits), Float16(exact(Double(Float16(bitPattern: bits))))
      )
      return wanted.isNaN
        ? !result.isNaN : abs(Int(result.bitPattern) - Int(wanted.bitPattern)) > 1 && result != wanted
    }
    #expect(wrong.isEmpty, "\(wrong.count) of \(sample.count)")
  }
}
