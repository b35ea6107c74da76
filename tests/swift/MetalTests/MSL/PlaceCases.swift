@testable import Metal

/// Where a thread is, and memory that threads share.
let placeCases: [RunCase] = [
  RunCase(
    name: "two dimensions",
    source: """
      kernel void k(device float *out [[buffer(0)]], uint2 p [[thread_position_in_grid]],
                    uint2 size [[threads_per_grid]]) {
        out[p.y * size.x + p.x] = p.x + 10 * p.y;
      }
      """,
    grid: (3, 2, 1), group: (2, 2, 1), expected: [0, 1, 2, 10, 11, 12]),
  RunCase(
    name: "three dimensions in short numbers",
    source: """
      kernel void k(device float *out [[buffer(0)]], ushort3 p [[thread_position_in_grid]],
                    ushort3 origin [[grid_origin]], ushort3 size [[grid_size]]) {
        out[(p.z * size.y + p.y) * size.x + p.x] = p.x + 10 * p.y + 100 * p.z + origin.x;
      }
      """,
    grid: (2, 2, 2), group: (2, 1, 2), expected: [0, 1, 10, 11, 100, 101, 110, 111]),
  RunCase(
    name: "places in the threadgroup",
    source: """
      kernel void k(device float *out [[buffer(0)]], uint i [[thread_position_in_grid]],
                    uint t [[thread_position_in_threadgroup]], uint n [[threads_per_threadgroup]],
                    uint full [[dispatch_threads_per_threadgroup]], uint g [[threadgroup_position_in_grid]],
                    uint groups [[threadgroups_per_grid]], uint index [[thread_index_in_threadgroup]]) {
        out[i] = t + 10 * n + 100 * full + 1000 * g + 10000 * groups + 100000 * index;
      }
      """,
    form: .group, grid: (5, 1, 1), group: (3, 1, 1),
    expected: [20330, 120331, 220332, 21320, 121321]),
  RunCase(
    name: "places in SIMD-groups and quad-groups",
    source: """
      kernel void k(device float *out [[buffer(0)]], uint i [[thread_position_in_grid]],
                    uint lane [[thread_index_in_simdgroup]], uint group [[simdgroup_index_in_threadgroup]],
                    uint groups [[simdgroups_per_threadgroup]], uint width [[threads_per_simdgroup]],
                    uint full [[dispatch_simdgroups_per_threadgroup]], uint old [[thread_execution_width]],
                    uint q [[thread_index_in_quadgroup]], uint quad [[quadgroup_index_in_threadgroup]],
                    uint quads [[quadgroups_per_threadgroup]], uint fq [[dispatch_quadgroups_per_threadgroup]]) {
        if (i == 37) {
          out[0] = lane; out[1] = group; out[2] = groups; out[3] = width; out[4] = full; out[5] = old;
          out[6] = q; out[7] = quad; out[8] = quads; out[9] = fq;
        }
      }
      """,
    form: .group, grid: (50, 1, 1), group: (100, 1, 1), expected: [5, 1, 2, 32, 4, 32, 1, 9, 13, 25]),
  RunCase(
    name: "threadgroup memory and barriers",
    source: """
      kernel void k(device float *out [[buffer(0)]], device const float *in [[buffer(1)]],
                    uint i [[thread_position_in_grid]], uint t [[thread_position_in_threadgroup]],
                    uint n [[threads_per_threadgroup]]) {
        threadgroup float shared[4];
        shared[t] = in[i];
        threadgroup_barrier(mem_flags::mem_threadgroup);
        out[i] = shared[n - 1 - t];
      }
      """,
    form: .thread, inputs: [counting], expected: [3, 2, 1, 0, 7, 6, 5, 4]),
  RunCase(
    name: "threadgroup arguments",
    source: """
      kernel void k(device float *out [[buffer(0)]], threadgroup float *sums [[threadgroup(0)]],
                    threadgroup uint4 *unused [[threadgroup(3)]], uint i [[thread_position_in_grid]],
                    uint t [[thread_index_in_threadgroup]]) {
        sums[t] = i;
        for (uint step = 2; step > 0; step /= 2) {
          threadgroup_barrier(mem_flags::mem_threadgroup);
          if (t < step) sums[t] += sums[t + step];
        }
        threadgroup_barrier(mem_flags::mem_threadgroup);
        out[i] = sums[0];
      }
      """,
    form: .thread, threadgroup: [0: 64, 3: 64], expected: [6, 6, 6, 6, 22, 22, 22, 22]),
  RunCase(
    name: "a barrier behind a method of a template",
    source: """
      template <typename T>
      struct Tile {
        threadgroup T *rows;
        void sync() { threadgroup_barrier(mem_flags::mem_threadgroup); }
        T other(uint t, T x) { rows[t] = x; sync(); return rows[t ^ 1]; }
      };
      kernel void k(device float *out [[buffer(0)]], uint i [[thread_position_in_grid]],
                    uint t [[thread_index_in_threadgroup]]) {
        threadgroup float rows[4];
        Tile<float> tile{rows};
        out[i] = tile.other(t, i);
      }
      """,
    form: .thread, expected: [1, 0, 3, 2, 5, 4, 7, 6]),
  RunCase(
    name: "references to pointers, initialised threadgroup memory",
    source: """
      void advance(device const float *&p, thread uint &n) { p += n; n = 0; }
      kernel void k(device float *out [[buffer(0)]], device const float *in [[buffer(1)]],
                    uint i [[thread_position_in_grid]], uint t [[thread_index_in_threadgroup]]) {
        threadgroup float shared[4] = {0}, other[4];
        uint n = i;
        advance(in, n);
        shared[t] = *in;
        other[t] = n;
        out[i] = shared[t] + other[t];
      }
      """,
    form: .group, inputs: [counting], expected: counting),
  RunCase(
    name: "threadgroup memory without a barrier",
    source: """
      kernel void k(device float *out [[buffer(0)]], uint i [[thread_position_in_grid]]) {
        threadgroup float scratch;
        scratch = i;
        out[i] = scratch;
      }
      """,
    form: .group, expected: counting),
  RunCase(
    name: "pointers to the address spaces",
    source: """
      float load(device const float *p) { return *p; }
      float load(constant float *p) { return *p; }
      float load(thread const float *p) { return *p; }
      void store(device float &to, float x) { to = x; }
      void increase(thread float &x) { x += 1; }
      kernel void k(device float *out [[buffer(0)]], device const float *a [[buffer(1)]],
                    constant float *b [[buffer(2)]], uint i [[thread_position_in_grid]]) {
        float local = 1;
        thread float *p = &local;
        increase(*p);
        device const float *const q = a + i;
        store(out[i], load(q) + load(b) + load(p));
      }
      """,
    inputs: [counting, [10]], expected: counting.map { $0 + 12 }),
  RunCase(
    name: "one of two address spaces",
    source: """
      struct Pair { float a, b; };
      kernel void k(device float *out [[buffer(0)]], constant Pair &in [[buffer(1)]],
                    uint i [[thread_position_in_grid]]) {
        threadgroup Pair shared;
        shared.a = i;
        Pair pair = i < 4 ? shared : in;
        out[i] = pair.a;
      }
      """,
    form: .group, inputs: [[9, 9]], expected: [0, 1, 2, 3, 9, 9, 9, 9]),
  RunCase(
    name: "early return",
    source: """
      kernel void k(device float *out [[buffer(0)]], constant float &n [[buffer(1)]],
                    uint i [[thread_position_in_grid]]) {
        if (i >= n) return;
        out[i] = 1;
      }
      """,
    inputs: [[5]], expected: [1, 1, 1, 1, 1, 0, 0, 0]),
]
