import Foundation
import Testing

@testable import Metal

/// Kernels as programs have them, against the same computed here.
@Suite struct CorpusTests {
  private let head = "#include <metal_stdlib>\nusing namespace metal;\n"

  private func random(_ count: Int, seed: UInt64) -> [Float] {
    var shuffle = Shuffle(seed: seed)
    return (0..<count).map { _ in Float(shuffle.below(2001) - 1000) / 1000 }
  }

  private func isClose(_ a: [Float], _ b: [Float], _ tolerance: Float) -> Bool {
    a.count == b.count && zip(a, b).allSatisfy { abs($0 - $1) <= tolerance * max(1, abs($1)) }
  }

  @Test func tiledMatrixProduct() throws {
    let pipeline = try KernelBench.pipeline(
      head + """
        constant uint TILE = 8;
        struct Sizes { uint rows, columns, inner; };
        kernel void matmul(device const float *a [[buffer(0)]], device const float *b [[buffer(1)]],
                           device float *c [[buffer(2)]], constant Sizes &sizes [[buffer(3)]],
                           uint2 group [[threadgroup_position_in_grid]],
                           uint2 local [[thread_position_in_threadgroup]]) {
          threadgroup float tileA[TILE][TILE];
          threadgroup float tileB[TILE][TILE + 1];
          const uint row = group.y * TILE + local.y, column = group.x * TILE + local.x;
          float sum = 0;
          for (uint k = 0; k < sizes.inner; k += TILE) {
            tileA[local.y][local.x] =
                row < sizes.rows && k + local.x < sizes.inner ? a[row * sizes.inner + k + local.x] : 0;
            tileB[local.y][local.x] =
                column < sizes.columns && k + local.y < sizes.inner ? b[(k + local.y) * sizes.columns + column] : 0;
            threadgroup_barrier(mem_flags::mem_threadgroup);
            for (uint i = 0; i < TILE; ++i) sum = fma(tileA[local.y][i], tileB[i][local.x], sum);
            threadgroup_barrier(mem_flags::mem_threadgroup);
          }
          if (row < sizes.rows && column < sizes.columns) c[row * sizes.columns + column] = sum;
        }
        """)
    let (rows, columns, inner) = (19, 21, 13)
    let (a, b) = (random(rows * inner, seed: 1), random(inner * columns, seed: 2))
    let c = KernelMemory([Float](repeating: -1, count: rows * columns))
    let sizes = KernelMemory([UInt32(rows), UInt32(columns), UInt32(inner)])
    let result = pipeline.run(
      [KernelMemory(a), KernelMemory(b), c, sizes], grid: (24, 24, 1), group: (8, 8, 1))
    #expect(result.fault == 0 && pipeline.staticThreadgroupMemoryLength >= 8 * 8 * 4 + 8 * 9 * 4)
    let expected = (0..<rows * columns).map { index in
      (0..<inner).reduce(Float(0)) {
        $0 + a[index / columns * inner + $1] * b[$1 * columns + index % columns]
      }
    }
    #expect(isClose(c.values(of: Float.self), expected, 1e-5))
  }

  @Test func softmaxOfRows() throws {
    let pipeline = try KernelBench.pipeline(
      head + """
        template <typename Op>
        float reduce(float x, threadgroup float *scratch, uint t, uint n, Op op) {
          scratch[t] = x;
          threadgroup_barrier(mem_flags::mem_threadgroup);
          for (uint step = n / 2; step > 0; step >>= 1) {
            if (t < step) scratch[t] = op(scratch[t], scratch[t + step]);
            threadgroup_barrier(mem_flags::mem_threadgroup);
          }
          float result = scratch[0];
          threadgroup_barrier(mem_flags::mem_threadgroup);
          return result;
        }
        kernel void softmax(device const float *in [[buffer(0)]], device float *out [[buffer(1)]],
                            constant uint &width [[buffer(2)]], threadgroup float *scratch [[threadgroup(0)]],
                            uint row [[threadgroup_position_in_grid]], uint t [[thread_index_in_threadgroup]],
                            uint n [[threads_per_threadgroup]]) {
          float highest = -INFINITY;
          for (uint i = t; i < width; i += n) highest = max(highest, in[row * width + i]);
          highest = reduce(highest, scratch, t, n, [](float a, float b) { return max(a, b); });
          float sum = 0;
          for (uint i = t; i < width; i += n) sum += exp(in[row * width + i] - highest);
          sum = reduce(sum, scratch, t, n, [](float a, float b) { return a + b; });
          for (uint i = t; i < width; i += n) out[row * width + i] = exp(in[row * width + i] - highest) / sum;
        }
        """)
    let (rows, width) = (5, 77)
    let input = random(rows * width, seed: 3)
    let output = KernelMemory([Float](repeating: 0, count: rows * width))
    let result = pipeline.run(
      [KernelMemory(input), output, KernelMemory([UInt32(width)])], grid: (rows * 32, 1, 1),
      group: (32, 1, 1),
      threadgroup: [0: 128])
    #expect(result.fault == 0)
    let expected = (0..<rows).flatMap { row -> [Float] in
      let values = input[row * width..<(row + 1) * width].map { expf($0) }
      return values.map { $0 / values.reduce(0, +) }
    }
    #expect(isClose(output.values(of: Float.self), expected, 1e-5))
  }

  @Test func prefixSum() throws {
    let pipeline = try KernelBench.pipeline(
      head + """
        kernel void scan(device uint *data [[buffer(0)]], uint i [[thread_position_in_grid]],
                         ushort t [[thread_position_in_threadgroup]], ushort n [[threads_per_threadgroup]]) {
          threadgroup uint sums[2][64];
          uint from = 0;
          sums[0][t] = data[i];
          for (ushort step = 1; step < n; step *= 2) {
            threadgroup_barrier(mem_flags::mem_threadgroup);
            sums[1 - from][t] = t >= step ? sums[from][t] + sums[from][t - step] : sums[from][t];
            from = 1 - from;
          }
          data[i] = sums[from][t];
        }
        """)
    let data = KernelMemory((0..<128).map { UInt32($0 * 7 % 11) })
    let input = data.values(of: UInt32.self)
    #expect(pipeline.run([data], grid: (128, 1, 1), group: (64, 1, 1)).fault == 0)
    let expected = (0..<128).map { index in input[(index / 64 * 64)...index].reduce(0, +) }
    #expect(data.values(of: UInt32.self) == expected)
  }

  @Test func transposition() throws {
    let pipeline = try KernelBench.pipeline(
      head + """
        template <typename T, uint side>
        [[kernel]] void transpose(const device T *in [[buffer(0)]], device T *out [[buffer(1)]],
                                  constant uint2 &size [[buffer(2)]], uint2 group [[threadgroup_position_in_grid]],
                                  uint2 local [[thread_position_in_threadgroup]]) {
          threadgroup T tile[side][side + 1];
          uint2 from = group * side + local;
          if (all(from < size)) tile[local.y][local.x] = in[from.y * size.x + from.x];
          threadgroup_barrier(mem_flags::mem_threadgroup);
          uint2 to = group.yx * side + local;
          if (all(to < size.yx)) out[to.y * size.y + to.x] = tile[local.x][local.y];
        }
        template [[host_name("transpose_half")]] [[kernel]] decltype(transpose<half, 4>) transpose<half, 4>;
        """)
    let (width, height) = (10, 7)
    let input = (0..<width * height).map { Float16($0) }
    let output = KernelMemory([Float16](repeating: -1, count: width * height))
    let size = KernelMemory([UInt32(width), UInt32(height)])
    #expect(pipeline.run([KernelMemory(input), output, size], grid: (12, 8, 1), group: (4, 4, 1)).fault == 0)
    let expected = (0..<width * height).map { Float16($0 % height * width + $0 / height) }
    #expect(output.values(of: Float16.self) == expected)
    #expect(pipeline.description.arguments.map(\.dataType) == [.half, .half, .uint2])
  }

  @Test func separableBlurWithHalo() throws {
    let pipeline = try KernelBench.pipeline(
      head + """
        #define RADIUS 2
        constant float weights[2 * RADIUS + 1] = {0.1, 0.2, 0.4, 0.2, 0.1};
        kernel void blur(device const float *in [[buffer(0)]], device float *out [[buffer(1)]],
                         constant uint &width [[buffer(2)]], uint2 p [[thread_position_in_grid]],
                         uint2 local [[thread_position_in_threadgroup]], uint2 size [[threads_per_threadgroup]]) {
          threadgroup float row[32 + 2 * RADIUS];
          const int first = int(p.x) - int(local.x) - RADIUS;
          for (uint i = local.x; i < size.x + 2 * RADIUS; i += size.x)
            row[i] = in[p.y * width + uint(clamp(first + int(i), 0, int(width) - 1))];
          threadgroup_barrier(mem_flags::mem_threadgroup);
          float sum = 0;
          #pragma unroll
          for (int k = 0; k <= 2 * RADIUS; ++k) sum += weights[k] * row[local.x + k];
          out[p.y * width + p.x] = sum;
        }
        """)
    let (width, height) = (45, 3)
    let input = random(width * height, seed: 4)
    let output = KernelMemory([Float](repeating: 0, count: width * height))
    let result = pipeline.run(
      [KernelMemory(input), output, KernelMemory([UInt32(width)])], grid: (width, height, 1),
      group: (32, 1, 1))
    #expect(result.fault == 0)
    let weights: [Float] = [0.1, 0.2, 0.4, 0.2, 0.1]
    let expected = (0..<width * height).map { index in
      (0..<5).reduce(Float(0)) { sum, k in
        sum + weights[k] * input[index / width * width + min(max(index % width + k - 2, 0), width - 1)]
      }
    }
    #expect(isClose(output.values(of: Float.self), expected, 1e-6))
  }

  @Test func mandelbrotSet() throws {
    let pipeline = try KernelBench.pipeline(
      head + """
        struct View { float2 centre; float scale; uint limit; };
        kernel void mandelbrot(device ushort *out [[buffer(0)]], constant View &view [[buffer(1)]],
                               ushort2 p [[thread_position_in_grid]], ushort2 size [[threads_per_grid]]) {
          float2 c = view.centre + (float2(p) - float2(size) / 2) * view.scale, z = 0;
          uint n = 0;
          while (n < view.limit && dot(z, z) <= 4) {
            z = float2(z.x * z.x - z.y * z.y, 2 * z.x * z.y) + c;
            ++n;
          }
          out[p.y * size.x + p.x] = ushort(n);
        }
        """, MSLOptions(mathMode: .safe))
    let out = KernelMemory([UInt16](repeating: 0, count: 16 * 16))
    let view = KernelMemory([Float(-0.5).bitPattern, 0, Float(0.125).bitPattern, 50, 0, 0])
    #expect(pipeline.run([out, view], grid: (16, 16, 1), group: (8, 4, 1)).fault == 0)
    let expected = (0..<256).map { index -> UInt16 in
      let c = (-0.5 + Float(index % 16 - 8) * 0.125, Float(index / 16 - 8) * 0.125)
      var (x, y, n) = (Float(0), Float(0), UInt16(0))
      while n < 50, x * x + y * y <= 4 {
        (x, y) = (x * x - y * y + c.0, 2 * x * y + c.1)
        n += 1
      }
      return n
    }
    #expect(out.values(of: UInt16.self) == expected)
    #expect(pipeline.description.arguments.map(\.dataType) == [.ushort, .struct])
    #expect(pipeline.description.arguments.map(\.dataSize) == [2, 16])
  }

  @Test func bitonicSort() throws {
    let program = try KernelBench.compile(
      head + """
        struct Step { uint block, distance; };
        kernel void bitonic(device int *data [[buffer(0)]], constant Step &step [[buffer(1)]],
                            uint i [[thread_position_in_grid]]) {
          uint other = i ^ step.distance;
          if (other <= i) return;
          int a = data[i], b = data[other];
          bool ascends = (i & step.block) == 0;
          if ((a > b) == ascends) { data[i] = b; data[other] = a; }
        }
        """)
    let pipeline = try program.pipeline("bitonic")
    var shuffle = Shuffle(seed: 5)
    let input = (0..<256).map { _ in Int32(shuffle.below(1000)) - 500 }
    let data = KernelMemory(input)
    var block = 2
    while block <= 256 {
      var distance = block / 2
      while distance > 0 {
        let step = KernelMemory([UInt32(block), UInt32(distance)])
        #expect(pipeline.run([data, step], grid: (256, 1, 1), group: (64, 1, 1)).fault == 0)
        distance /= 2
      }
      block *= 2
    }
    #expect(data.values(of: Int32.self) == input.sorted())
  }

  @Test func bodiesUnderGravity() throws {
    let pipeline = try KernelBench.pipeline(
      head + """
        struct Body { packed_float3 place; float mass; };
        static float3 pull(float3 at, Body other) {
          float3 d = float3(other.place) - at;
          float r2 = length_squared(d) + 0.01f;
          return d * (other.mass / (r2 * sqrt(r2)));
        }
        kernel void accelerate(const device Body *bodies [[buffer(0)]], device packed_float3 *out [[buffer(1)]],
                               constant uint &count [[buffer(2)]], uint i [[thread_position_in_grid]]) {
          float3 sum = 0;
          for (uint j = 0; j < count; ++j) sum += pull(bodies[i].place, bodies[j]);
          out[i] = sum;
        }
        """)
    let count = 33
    let bodies = random(count * 4, seed: 6)
    let out = KernelMemory([Float](repeating: 0, count: count * 3))
    let result = pipeline.run(
      [KernelMemory(bodies), out, KernelMemory([UInt32(count)])], grid: (count, 1, 1), group: (16, 1, 1))
    #expect(result.fault == 0)
    let expected = (0..<count).flatMap { i -> [Float] in
      var sum: [Float] = [0, 0, 0]
      for j in 0..<count {
        let d = (0..<3).map { bodies[j * 4 + $0] - bodies[i * 4 + $0] }
        let r2 = d.reduce(0) { $0 + $1 * $1 } + 0.01
        for axis in 0..<3 { sum[axis] += d[axis] * (bodies[j * 4 + 3] / (r2 * r2.squareRoot())) }
      }
      return sum
    }
    #expect(isClose(out.values(of: Float.self), expected, 1e-4))
  }

  @Test func halfArithmeticRoundsAtEachStepUnderSafeMaths() throws {
    let pipeline = try KernelBench.pipeline(
      head + """
        kernel void k(device half *x [[buffer(0)]], uint i [[thread_position_in_grid]]) {
          x[i] = (x[i] + 0.0005h) * 3.0h - 3.0h;
        }
        """, MSLOptions(mathMode: .safe))
    let data = KernelMemory([Float16](repeating: 1, count: 4))
    #expect(pipeline.run([data], grid: (4, 1, 1), group: (4, 1, 1)).fault == 0)
    // 1.0005 is 1 + half a unit in the last place: it rounds to 1 before it is multiplied.
    let expected = (Float16(1) + Float16(0.0005)) * 3 - 3
    #expect(data.values(of: Float16.self) == [Float16](repeating: expected, count: 4))
  }

  @Test func nothingIsContractedUnderSafeMaths() throws {
    let source =
      head + """
        kernel void k(device float *x [[buffer(0)]], constant float &a [[buffer(1)]], constant float &b [[buffer(2)]]) {
          x[0] = a * a - b;
        }
        """
    let a = 1 + Float.ulpOfOne
    let b = (a * a)
    let safe = try KernelBench.pipeline(source, MSLOptions(mathMode: .safe))
    let output = KernelMemory([Float(7)])
    let buffers = [output, KernelMemory([a]), KernelMemory([b])]
    #expect(safe.run(buffers, grid: (1, 1, 1), group: (1, 1, 1)).fault == 0)
    #expect(output.values(of: Float.self) == [0])
  }

  @Test func oneMemoryForInputAndOutput() throws {
    let pipeline = try KernelBench.pipeline(
      head + """
        kernel void k(device const float *in [[buffer(0)]], device float *out [[buffer(1)]],
                      uint i [[thread_position_in_grid]]) {
          float x = in[i];
          out[i] = x * x + 1;
        }
        """)
    let data = KernelMemory((0..<1000).map(Float.init))
    #expect(pipeline.run([data, data], grid: (1000, 1, 1), group: (64, 1, 1)).fault == 0)
    let expected: [Float] = (0..<1000).map { (value: Int) in Float(value * value + 1) }
    #expect(data.values(of: Float.self) == expected)
  }
}
