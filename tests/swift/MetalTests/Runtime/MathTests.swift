import Glibc
import Testing

@testable import Metal

/// Functions of floats against the C library in double precision. The limits are those that the MSL specification sets
/// for precise maths; sums of a few random arguments would not find what is wrong at the seams of ranges.
@Suite struct MathTests {
  struct Function: Sendable, CustomTestStringConvertible {
    var name: String
    var limit: Double
    var range: ClosedRange<Float>
    var exact: @Sendable (Double) -> Double
    var testDescription: String { name }
  }

  /// Beside all of the floats, a range where the function does something is looked at more closely.
  static let functions: [Function] = [
    Function(name: "acos", limit: 4, range: -1...1) { acos($0) },
    Function(name: "acosh", limit: 4, range: 1...20) { acosh($0) },
    Function(name: "asin", limit: 4, range: -1...1) { asin($0) },
    Function(name: "asinh", limit: 4, range: -20...20) { asinh($0) },
    Function(name: "atan", limit: 5, range: -10...10) { atan($0) },
    Function(name: "atanh", limit: 5, range: -1...1) { atanh($0) },
    Function(name: "ceil", limit: 0, range: -100...100) { $0.rounded(.up) },
    Function(name: "cos", limit: 4, range: -100...100) { cos($0) },
    Function(name: "cosh", limit: 4, range: -90...90) { cosh($0) },
    Function(name: "cospi", limit: 4, range: -10...10) { cosineOfHalfTurns($0) },
    Function(name: "exp", limit: 4, range: -104...89) { exp($0) },
    Function(name: "exp10", limit: 4, range: -46...39) { pow(10, $0) },
    Function(name: "exp2", limit: 4, range: -151...129) { exp2($0) },
    Function(name: "fabs", limit: 0, range: -1...1) { abs($0) },
    Function(name: "floor", limit: 0, range: -100...100) { $0.rounded(.down) },
    Function(name: "fract", limit: 1, range: -10...10) { $0.isInfinite ? 0 : $0 - $0.rounded(.down) },
    Function(name: "log", limit: 4, range: 0...20) { log($0) },
    Function(name: "log10", limit: 4, range: 0...20) { log10($0) },
    Function(name: "log2", limit: 4, range: 0...20) { log2($0) },
    Function(name: "rint", limit: 0, range: -100...100) { $0.rounded(.toNearestOrEven) },
    Function(name: "round", limit: 0, range: -100...100) { $0.rounded(.toNearestOrAwayFromZero) },
    Function(name: "rsqrt", limit: 2, range: 0...10) { 1 / $0.squareRoot() },
    Function(name: "sin", limit: 4, range: -100...100) { sin($0) },
    Function(name: "sinh", limit: 4, range: -90...90) { sinh($0) },
    Function(name: "sinpi", limit: 4, range: -10...10) { sineOfHalfTurns($0) },
    Function(name: "sqrt", limit: 0.5, range: 0...10) { $0.squareRoot() },
    Function(name: "tan", limit: 6, range: -100...100) { tan($0) },
    Function(name: "tanh", limit: 5, range: -10...10) { tanh($0) },
    Function(name: "tanpi", limit: 6, range: -10...10) { sineOfHalfTurns($0) / cosineOfHalfTurns($0) },
    Function(name: "trunc", limit: 0, range: -100...100) { $0.rounded(.towardZero) },
    Function(name: "sign", limit: 0, range: -1...1) { $0 > 0 ? 1 : $0 < 0 ? -1 : 0 },
    Function(name: "saturate", limit: 0, range: -2...2) { $0.isNaN ? 0 : min(max($0, 0), 1) },
  ]

  @Test(arguments: functions) func isWithinItsLimit(_ function: Function) throws {
    let call = try Self.safe.get().function("all_" + function.name, as: Unary.self)
    try check(function, call, floatSample(40_000) + floatSample(function.range, 20_000))
  }

  /// Loops over them become vector code, in other widths, and the functions of vectors are used.
  @Test(arguments: functions) func isWithinItsLimitInFastMaths(_ function: Function) throws {
    let call = try Self.fast.get().function("all_" + function.name, as: Unary.self)
    // There zeros have no sign, hence 1 / x for a zero that becomes -0 is not asked for.
    let sample = floatSample(20_000).filter { $0 != 0 || function.name != "rsqrt" }
    try check(function, call, sample + floatSample(function.range, 20_000))
  }

  @Test(arguments: functions) func isTheSameForVectors(_ function: Function) throws {
    let scalar = try Self.safe.get().function("all_" + function.name, as: Unary.self)
    let vector = try Self.safe.get().function("vectors_" + function.name, as: Unary.self)
    let sample = Array(floatSample(function.range, 2_399))
    try check(function, vector, sample)
    if function.limit == 0 { #expect(results(scalar, sample) == results(vector, sample)) }
  }

  typealias Unary = @convention(c) (UnsafePointer<Float>, UnsafeMutablePointer<Float>, Int32) -> Void

  private func results(_ call: Unary, _ sample: [Float]) -> [Float] {
    [Float](unsafeUninitializedCapacity: sample.count) { results, count in
      sample.withUnsafeBufferPointer { call($0.baseAddress!, results.baseAddress!, Int32(sample.count)) }
      count = sample.count
    }
  }

  private func check(_ function: Function, _ call: Unary, _ sample: [Float]) throws {
    var (worst, worstX, worstResult) = (-1.0, Float(0), Float(0))
    for (x, result) in zip(sample, results(call, sample)) {
      let distance = unitsInTheLastPlace(result, from: function.exact(Double(x)))
      if distance > worst { (worst, worstX, worstResult) = (distance, x, result) }
    }
    #expect(worst <= function.limit, "\(function.name)(\(worstX)) = \(worstResult)")
  }

  // MARK: The code under test

  private static let safe = Result { try ShimBench.safe.load(text) }
  private static let fast = Result { try ShimBench.fast.load(text) }

  private static let text =
    functions.map { function in
      """
      EXPORT void all_\(function.name)(const float *__restrict x, float *__restrict y, int n) {
        for (int i = 0; i < n; ++i) y[i] = \(function.name)(x[i]);
      }
      EXPORT void vectors_\(function.name)(const packed_float3 *x, packed_float3 *y, int n) {
        for (int i = 0; i < n / 3; ++i) y[i] = \(function.name)(x[i]);
      }
      """
    }.joined(separator: "\n")

  /// A loop that is no vector code calls a scalar function for each lane; one call may be left for the last elements.
  @Test func loopsOverThemVectorise() throws {
    let needLibrary: Set<String> = ["cos", "sin", "tan"]
    for function in Self.functions where MathLibraries.areVector || !needLibrary.contains(function.name) {
      let code = try ShimBench.fast.assembly(
        of: """
          EXPORT void loop(const float *__restrict x, float *__restrict y, int n) {
            for (int i = 0; i < n; ++i) y[i] = \(function.name)(x[i]);
          }
          """)
      let calls = code.split(separator: "\n").filter { $0.contains("\tcall") || $0.contains("\tbl\t") }
      let scalar = calls.filter { !$0.contains("_ZGV") }
      #expect(scalar.count <= (needLibrary.contains(function.name) ? 1 : 0), "\(function.name): \(scalar)")
    }
  }
}

private func sineOfHalfTurns(_ x: Double) -> Double {
  if x.isInfinite { return .nan }
  let rest = fmod(x, 2)
  if rest == rest.rounded() { return x.sign == .minus ? -0.0 : 0 }
  return abs(rest) > 0.5 ? sin(.pi * (copysign(1, rest) - rest)) : sin(.pi * rest)
}

private func cosineOfHalfTurns(_ x: Double) -> Double {
  if x.isInfinite { return .nan }
  let rest = abs(fmod(x, 2))
  return rest == 0.5 || rest == 1.5 ? 0 : cos(.pi * rest)
}
