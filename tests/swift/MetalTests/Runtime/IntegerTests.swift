import Testing

@testable import Metal

/// Integer functions of all eight types, exactly, against Swift's wide arithmetic.
@Suite struct IntegerTests {
  typealias Function =
    @convention(c) (
      UnsafeRawPointer, UnsafeRawPointer, UnsafeRawPointer, UnsafeMutableRawPointer, Int32
    ) -> Void

  @Test func char() throws { try check(Int8.self, "char") }
  @Test func uchar() throws { try check(UInt8.self, "uchar") }
  @Test func short() throws { try check(Int16.self, "short") }
  @Test func ushort() throws { try check(UInt16.self, "ushort") }
  @Test func int() throws { try check(Int32.self, "int") }
  @Test func uint() throws { try check(UInt32.self, "uint") }
  @Test func long() throws { try check(Int64.self, "long") }
  @Test func ulong() throws { try check(UInt64.self, "ulong") }

  /// Name and expression of each function, of scalars or vectors a, b, c of one type.
  private static let expressions = [
    ("abs", "abs(a)"), ("absdiff", "absdiff(a, b)"), ("addsat", "addsat(a, b)"),
    ("clamp", "clamp(a, min(b, c), max(b, c))"),
    ("clz", "clz(a)"), ("ctz", "ctz(a)"), ("hadd", "hadd(a, b)"), ("madhi", "madhi(a, b, c)"),
    ("madsat", "madsat(a, b, c)"), ("max", "max(a, b)"), ("max3", "max3(a, b, c)"),
    ("median3", "median3(a, b, c)"), ("min", "min(a, b)"), ("min3", "min3(a, b, c)"),
    ("mulhi", "mulhi(a, b)"),
    ("popcount", "popcount(a)"), ("reverse_bits", "reverse_bits(a)"), ("rhadd", "rhadd(a, b)"),
    ("rotate", "rotate(a, b)"), ("subsat", "subsat(a, b)"), ("extract_bits", "extract_bits(a, 3, 4)"),
    ("extract_none", "extract_bits(a, 3, 0)"), ("insert_bits", "insert_bits(a, b, 2, 5)"),
  ]

  private static func text(_ type: String) -> String {
    expressions.map { name, expression in
      """
      template <class T> static void run_\(name)(const T *x, const T *y, const T *z, T *result, int n) {
        for (int i = 0; i < n; ++i) { T a = x[i], b = y[i], c = z[i]; result[i] = T(\(expression)); }
      }
      EXPORT void \(name)(const \(type) *x, const \(type) *y, const \(type) *z, \(type) *result, int n) {
        run_\(name)<\(type)>(x, y, z, result, n);
      }
      EXPORT void \(name)_4(const \(type)4 *x, const \(type)4 *y, const \(type)4 *z, \(type)4 *result, int n) {
        run_\(name)<\(type)4>(x, y, z, result, n / 4);
      }
      """
    }.joined(separator: "\n")
  }

  private func check<T: FixedWidthInteger & BitwiseCopyable>(_ type: T.Type, _ name: String) throws {
    let object = try ShimBench.safe.load(Self.text(name))
    let (x, y, z) = operands(type)
    for (function, exact) in references(type) {
      let wanted = (0..<x.count).map { exact(x[$0], y[$0], z[$0]) }
      for name in [function, function + "_4"] {
        #expect(results(object, name, x, y, z) == wanted, "\(name)")
      }
    }
  }

  private func results<T: FixedWidthInteger & BitwiseCopyable>(
    _ object: SharedObject, _ name: String, _ x: [T], _ y: [T], _ z: [T]
  ) -> [T] {
    let memory = [x, y, z, x].map(KernelMemory.init)
    let call = object.function(name, as: Function.self)
    call(memory[0].address, memory[1].address, memory[2].address, memory[3].address, Int32(x.count))
    return memory[3].values(of: T.self)
  }

  /// The edges of the type and what is near them, each with each; a multiple of four of them.
  private func operands<T: FixedWidthInteger & BitwiseCopyable>(_ type: T.Type) -> ([T], [T], [T]) {
    let values: [T] = [
      0, 1, 2, 3, 7, 100, .max, .max - 1, .max / 2, .max / 3, .min, .min + 1, .min / 2, 0 &- 1, 0 &- 2,
      T(truncatingIfNeeded: 0x5a5a_5a5a_5a5a_5a5a as UInt64),
    ]
    var (x, y, z): ([T], [T], [T]) = ([], [], [])
    for a in values { for b in values { for c in values { (x, y, z) = (x + [a], y + [b], z + [c]) } } }
    return (x, y, z)
  }

  // MARK: References

  private func references<T: FixedWidthInteger & BitwiseCopyable>(_ type: T.Type) -> [(
    String, (T, T, T) -> T
  )] {
    let bits = T.bitWidth
    return [
      ("abs", { a, _, _ in a < 0 ? 0 &- a : a }),
      ("absdiff", { a, b, _ in a > b ? a &- b : b &- a }),
      ("addsat", { a, b, _ in saturate(a.addingReportingOverflow(b), b < 0) }),
      ("subsat", { a, b, _ in saturate(a.subtractingReportingOverflow(b), T.isSigned ? b > 0 : true) }),
      ("clamp", { a, b, c in min(max(a, min(b, c)), max(b, c)) }),
      ("clz", { a, _, _ in T(truncatingIfNeeded: a.leadingZeroBitCount) }),
      ("ctz", { a, _, _ in T(truncatingIfNeeded: a.trailingZeroBitCount) }),
      ("hadd", { a, b, _ in half(a, b, 0) }),
      ("rhadd", { a, b, _ in half(a, b, 1) }),
      ("mulhi", { a, b, _ in a.multipliedFullWidth(by: b).high }),
      ("madhi", { a, b, c in a.multipliedFullWidth(by: b).high &+ c }),
      ("madsat", { a, b, c in saturatedProduct(a, b, c) }),
      ("max", { a, b, _ in max(a, b) }),
      ("min", { a, b, _ in min(a, b) }),
      ("max3", { max($0, $1, $2) }),
      ("min3", { min($0, $1, $2) }),
      ("median3", { [$0, $1, $2].sorted()[1] }),
      ("popcount", { a, _, _ in T(truncatingIfNeeded: a.nonzeroBitCount) }),
      ("reverse_bits", { a, _, _ in reversed(a) }),
      ("rotate", { a, b, _ in rotated(a, Int(truncatingIfNeeded: b) & (bits - 1)) }),
      ("extract_bits", { a, _, _ in T.isSigned ? (a << T(bits - 7)) >> T(bits - 4) : (a >> 3) & 15 }),
      ("extract_none", { _, _, _ in 0 }),
      ("insert_bits", { a, b, _ in (a & ~0x7c) | ((b & 31) << 2) }),
    ]
  }
}

private func saturate<T: FixedWidthInteger & BitwiseCopyable>(_ result: (T, overflow: Bool), _ down: Bool)
  -> T
{
  result.overflow ? (down ? .min : .max) : result.0
}

/// (a + b + round) / 2, rounded down.
private func half<T: FixedWidthInteger & BitwiseCopyable>(_ a: T, _ b: T, _ round: T) -> T {
  let low = (a & 1) &+ (b & 1) &+ round
  return (a >> 1) &+ (b >> 1) &+ (low >> 1)
}

private func saturatedProduct<T: FixedWidthInteger & BitwiseCopyable>(_ a: T, _ b: T, _ c: T) -> T {
  var (high, low) = a.multipliedFullWidth(by: b)
  let (sum, carry) = low.addingReportingOverflow(T.Magnitude(truncatingIfNeeded: c))
  low = sum
  high = high &+ (carry ? 1 : 0) &+ (c < 0 ? -1 as T : 0)
  let result = T(truncatingIfNeeded: low)
  let fits = T.isSigned ? high == (result < 0 ? 0 &- 1 : 0) : high == 0
  return fits ? result : high < 0 ? .min : .max
}

private func reversed<T: FixedWidthInteger & BitwiseCopyable>(_ a: T) -> T {
  (0..<T.bitWidth).reduce(0) { $0 | ((a >> T($1)) & 1) << T(T.bitWidth - 1 - $1) }
}

private func rotated<T: FixedWidthInteger & BitwiseCopyable>(_ a: T, _ count: Int) -> T {
  let bits = T.Magnitude(truncatingIfNeeded: a)
  return T(truncatingIfNeeded: bits << T.Magnitude(count) | bits >> T.Magnitude(T.bitWidth - count))
}
