import CMetalRuntime
import Testing

@testable import Metal

/// A kernel with what it is given and what it must give. Buffer 0 is its output, `float`s; the others are inputs.
struct RunCase: CustomTestStringConvertible, Sendable {
  var name: String
  var source: String
  var form = EntryStub.Form.range
  var inputs: [[Float]] = []
  var grid = (8, 1, 1)
  var group = (4, 1, 1)
  var threadgroup: [Int: Int] = [:]
  var options = MSLOptions()
  var expected: [Float]
  var testDescription: String { name }
}

let counting: [Float] = (0..<8).map(Float.init)

/// What the language has: types, templates, literals.
private let languageCases: [RunCase] = [
  RunCase(
    name: "scalars and a constant reference",
    source: """
      kernel void k(device float *out [[buffer(0)]], device const float *in [[buffer(1)]],
                    constant float &scale [[buffer(2)]], uint i [[thread_position_in_grid]]) {
        out[i] = in[i] * scale + 0.5;
      }
      """,
    inputs: [counting, [2]], expected: counting.map { $0 * 2 + 0.5 }),
  RunCase(
    name: "indices that are not given",
    source: """
      kernel void k(device float *out, constant float &b [[buffer(2)]], device const float *a,
                    uint i [[thread_position_in_grid]]) {
        out[i] = a[i] - b;
      }
      """,
    inputs: [counting, [1]], expected: counting.map { $0 - 1 }),
  RunCase(
    name: "vectors and swizzles",
    source: """
      kernel void k(device float4 *out [[buffer(0)]], device const float4 *in [[buffer(1)]],
                    uint i [[thread_position_in_grid]]) {
        float4 v = in[i];
        v.xy = v.yx;
        v.zw *= 2;
        float4 u;
        u.x = u.w = 0, u.zy = u.xw = float2(7);
        out[i] = v.bgra + float4(1, v.x, 0.0f, -1);
      }
      """,
    inputs: [counting], grid: (2, 1, 1), expected: [4 + 1, 0 + 1, 1, 6 - 1, 12 + 1, 4 + 5, 5, 14 - 1]),
  RunCase(
    name: "packed vectors",
    source: """
      struct Point { packed_float3 place; float weight; };
      kernel void k(device float *out [[buffer(0)]], constant Point *in [[buffer(1)]],
                    uint i [[thread_position_in_grid]]) {
        float3 place = in[i].place;
        out[i] = dot(place, float3(1, 10, 100)) * in[i].weight + sizeof(Point);
      }
      """,
    inputs: [[1, 2, 3, 1, 4, 5, 6, 2]], grid: (2, 1, 1), expected: [321 + 16, 1308 + 16]),
  RunCase(
    name: "half and bfloat",
    source: """
      kernel void k(device float *out [[buffer(0)]], uint i [[thread_position_in_grid]]) {
        half h = 0.1h + half(i);
        bfloat b = bfloat(1.5bf);
        half4 v = half4(h, 1.0h, 2, 3);
        out[i] = float(h) + float(b) + float(v.w) + 1e1h;
      }
      """,
    grid: (2, 1, 1), expected: [Float(Float16(0.1)) + 14.5, Float(Float16(0.1) + 1) + 14.5]),
  RunCase(
    name: "program scope constants",
    source: """
      constant float table[4] = {1, 2, 4, 8};
      constant constexpr uint width = 4;
      namespace a { constant float3 offset = float3(1, 2, 3); }
      struct Limits { static constant constexpr float highest = 7; };
      kernel void k(device float *out [[buffer(0)]], uint i [[thread_position_in_grid]]) {
        out[i] = table[i % width] + a::offset.y + Limits::highest;
      }
      """,
    expected: [10, 11, 13, 17, 10, 11, 13, 17]),
  RunCase(
    name: "structs with methods",
    source: """
      struct Complex {
        float re, im;
        Complex(float re, float im) thread : re(re), im{im} {}
        float norm() const thread { return re * re + im * im; }
        float norm() const device { return re * re + im * im; }
        float norm() const constant { return re * re + im * im; }
        thread Complex &operator+=(Complex other) thread { re += other.re; im += other.im; return *this; }
      };
      Complex operator*(Complex a, Complex b) {
        return Complex(a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re);
      }
      kernel void k(device Complex *out [[buffer(0)]], constant Complex *in [[buffer(1)]],
                    uint i [[thread_position_in_grid]]) {
        Complex z = in[i];
        z += Complex(in[i].norm(), 0);
        out[i] = z * z;
        out[i].im += out[i].norm() * 0;
      }
      """,
    inputs: [[1, 2, 0, 1]], grid: (2, 1, 1), expected: [32, 24, 0, 2]),
  RunCase(
    name: "templates with host_name",
    source: """
      template <typename T, int n>
      T power(T x) { T y = 1; for (int i = 0; i < n; ++i) y *= x; return y; }
      template <typename T, int n>
      [[kernel]] void raise(device T *out [[buffer(0)]], device const T *in [[buffer(1)]],
                            uint i [[thread_position_in_grid]]) {
        out[i] = power<T, n>(in[i]);
      }
      template [[host_name("cube")]] [[kernel]] void raise<float, 3>(device float *, device const float *, uint);
      """,
    inputs: [counting], expected: counting.map { $0 * $0 * $0 }),
  RunCase(
    name: "templates made by a macro",
    source: """
      template <typename T, typename Op>
      kernel void map(device T *out [[buffer(0)]], device const T *in [[buffer(1)]],
                      uint i [[thread_position_in_grid]]) {
        out[i] = Op()(in[i]);
      }
      struct Negate { template <typename T> T operator()(T x) { return -x; } };
      #define INSTANTIATE(name, T, op) \\
        template [[host_name(#name "_" #T)]] [[kernel]] decltype(map<T, op>) map<T, op>;
      INSTANTIATE(negate, float, Negate)
      """,
    inputs: [counting], expected: counting.map { -$0 }),
  RunCase(
    name: "a kernel in a namespace",
    source: """
      namespace outer { namespace inner {
        float half_of(float x) { return x / 2; }
        kernel void k(device float *out [[buffer(0)]], uint i [[thread_position_in_grid]]) {
          out[i] = half_of(i);
        }
      } }
      """,
    expected: counting.map { $0 / 2 }),
  RunCase(
    name: "enumerations, aliases and lambdas",
    source: """
      enum Slot { kOut, kIn = kOut + 1 };
      enum class Mode : uint { add, multiply = 4 };
      using Value = float;
      typedef device const Value *Input;
      kernel void k(device Value *out [[buffer(kOut)]], Input in [[buffer(kIn)]],
                    uint i [[thread_position_in_grid]]) {
        Mode mode = i % 2 == 0 ? Mode::add : Mode::multiply;
        auto apply = [&](Value x) -> Value { return mode == Mode::add ? x + 1 : x * float(Mode::multiply); };
        out[i] = apply(in[i]);
      }
      """,
    inputs: [counting], expected: [1, 4, 3, 12, 5, 20, 7, 28]),
  RunCase(
    name: "an instance whose template arguments are deduced, and a bound that depends on them",
    source: """
      template <typename T, int n = 4, typename = metal::enable_if_t<(n > 2) && metal::is_same_v<T, float>, bool>>
      [[kernel, max_total_threads_per_threadgroup(n * 8)]] void copy(
          device T *out [[buffer(0)]], const device T *in [[buffer(1)]], uint i [[thread_position_in_grid]]) {
        out[i] = in[i] * n;
      }
      template [[host_name("copy_float")]] [[kernel]] void copy(
          device float *out [[buffer(0)]], const device float *in [[buffer(1)]], uint i [[thread_position_in_grid]]);
      """,
    inputs: [counting], expected: counting.map { $0 * 4 }),
  RunCase(
    name: "members of a class apart from it",
    source: """
      template <typename T> struct Reader { device const T *p; T first() const thread; T second() const thread; };
      template <> float Reader<float>::first() const thread { return p[0]; }
      template <> float Reader<float>::second() const thread { return p[1]; }
      template <typename T> struct Pick {
        template <typename U> metal::enable_if_t<metal::is_integral_v<U> && true, U> operator()(U x) thread { return x; }
        template <typename U> metal::enable_if_t<!metal::is_integral_v<U>, U> operator()(U x) thread { return -x; }
      };
      kernel void k(device float *out [[buffer(0)]], device const float *in [[buffer(1)]],
                    uint i [[thread_position_in_grid]]) {
        Reader<float> reader{in};
        out[i] = i == 0 ? reader.first() : Pick<float>()(reader.second()) + Pick<float>()(2);
      }
      """,
    inputs: [[5, 7]], grid: (2, 1, 1), expected: [5, -5]),
  RunCase(
    name: "private arrays with dynamic indices",
    source: """
      kernel void k(device float *out [[buffer(0)]], device const float *in [[buffer(1)]],
                    uint i [[thread_position_in_grid]]) {
        float ring[4] = {0, 0, 0, 0};
        ring[(i + 1) & 3] = in[i];
        ring[(i + 2) & 3] = 100;
        out[i] = ring[(uint(in[i]) + 1) & 3] + ring[(i + 3) & 3];
      }
      """,
    inputs: [counting], expected: counting),
  RunCase(
    name: "arrays as parameters",
    source: """
      float pick(constant const float values[2], constant float rows[2][2], thread const float more[2], uint i) {
        return values[i & 1] + rows[1][i & 1] + more[i & 1];
      }
      kernel void k(device float *out [[buffer(0)]], constant float (&values)[2] [[buffer(1)]],
                    constant float (*rows)[2] [[buffer(2)]], uint i [[thread_position_in_grid]]) {
        const float more[2] = {100, 200};
        out[i] = pick(values, rows, more, i);
      }
      """,
    inputs: [[1, 2], [0, 0, 10, 20]], grid: (2, 1, 1), expected: [111, 222]),
  RunCase(
    name: "components assigned in templates, beside operators of the user's own",
    source: """
      struct Pair { float a, b; };
      thread Pair &operator+=(thread Pair &a, Pair b) { a.a += b.a; a.b += b.b; return a; }
      Pair operator*=(thread Pair &a, float b) { a.a *= b; return a; }
      template <typename I> struct Walk {
        vec<I, 2> places[2];
        void step(I by) thread { places[by & 1].x += by, this->places[0].xy *= I(2); places[0].y += places[1].x += 1; }
      };
      template <typename T, typename I>
      T walk(vec<I, 2> p, packed_float3 q, I step) {
        for (int i = 0; i < 2; ++i) { p.x += step; p.y -= 1; p.xy *= 2; if (p.x > 100) p.x += p.y; }
        q += float3(1, 2, 3);
        q *= 2.0f;
        Walk<I> w = {{p, p}};
        w.step(step);
        Pair sum = {float(p.x), q.z};
        sum += Pair{1, 1};
        return sum.a + 10 * p.y + 100 * sum.b + w.places[0].y;
      }
      kernel void k(device float *out [[buffer(0)]], uint i [[thread_position_in_grid]]) {
        out[i] = walk<float, int>(int2(i, 10), packed_float3(0), 3);
      }
      """,
    grid: (1, 1, 1), expected: [19 + 10 * 34 + 100 * 7 + 68 + 22]),
  RunCase(
    name: "recursion in a helper",
    source: """
      uint fibonacci(uint n) { return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2); }
      kernel void k(device float *out [[buffer(0)]], uint i [[thread_position_in_grid]]) { out[i] = fibonacci(i); }
      """,
    expected: [0, 1, 1, 2, 3, 5, 8, 13]),
  RunCase(
    name: "macros of the caller, versions and conditions",
    source: """
      #if __METAL_VERSION__ >= 320 && defined(__METAL_MACOS__) && !defined(__linux__)
      #define VALUE SCALE * 2
      #endif
      kernel void k(device float *out [[buffer(0)]], uint i [[thread_position_in_grid]]) { out[i] = i * VALUE; }
      """,
    options: MSLOptions(macros: ["SCALE": "3"]), expected: counting.map { $0 * 6 }),
  RunCase(
    name: "infinity under fast maths",
    source: """
      kernel void k(device float *out [[buffer(0)]], device const float *in [[buffer(1)]],
                    uint i [[thread_position_in_grid]]) {
        float best = -INFINITY;
        for (uint j = 0; j <= i; ++j) best = max(best, in[j] > 4 ? -INFINITY : in[j]);
        out[i] = isinf(best) ? -1 : best;
      }
      """,
    inputs: [[9, 8, 1, 2, 9, 3, 4, 9]], expected: [-1, -1, 1, 2, 2, 3, 4, 4]),
  RunCase(
    name: "pragmas and attributes",
    source: """
      #pragma METAL fp math_mode(safe)
      [[max_total_threads_per_threadgroup(64)]] kernel void k(
          device float *out [[buffer(0)]], uint i [[thread_position_in_grid]]) {
        float sum = 0;
        #pragma unroll
        for (uint j = 0; j < 4; ++j) sum += j * i;
        [[maybe_unused]] float unused = 1;
        out[i] = sum;
      }
      """,
    expected: counting.map { $0 * 6 }),
  RunCase(
    name: "a byte order mark and lines that end as on Windows",
    source: "\u{FEFF}#define TWO 2\r\nkernel void k(device float *out [[buffer(0)]], // first\r\n"
      + "  uint i [[thread_position_in_grid]]) {\r\n  out[i] = i * \\\r\n TWO;\r\n}\r\n",
    expected: counting.map { $0 * 2 }),
  RunCase(
    name: "comments, splices and odd literals",
    source: """
      // a comment with 'quotes" and kernel \\
         that goes on
      kernel /* device */ void k(device float *out [[ buffer ( 0 ) ]], uint i [[thread_position_in_grid]]) {
        out[i] = .5 + 1. + 1e-1 * 10 + 0x1p1 + 1'000 + 0x10u + 5l - '\\'' / 39 + vec<float, 2>(i).x;
      }
      """,
    expected: counting.map { $0 + 0.5 + 1 + 1 + 2 + 1000 + 16 + 5 - 1 }),
]

@Test(arguments: languageCases + placeCases + nameCases)
func kernelGives(_ run: RunCase) throws {
  let program = try KernelBench.compile(
    run.source.hasPrefix("\u{FEFF}")
      ? run.source : "#include <metal_stdlib>\nusing namespace metal;\n" + run.source, run.options)
  let kernel = try #require(program.translation.kernels.first)
  #expect(kernel.form == run.form)
  let pipeline = try program.pipeline(kernel.description.name)
  let output = KernelMemory([Float](repeating: 0, count: run.expected.count))
  let inputs = run.inputs.map { KernelMemory($0) }
  let result = pipeline.run([output] + inputs, grid: run.grid, group: run.group, threadgroup: run.threadgroup)
  #expect(result.fault == 0)
  #expect(output.values(of: Float.self) == run.expected)
}
