import CMetalRuntime
import Testing

@testable import Metal

/// Threads that wait for one another.
@Suite struct BarrierTests {
  private static let object = Result {
    try ShimBench.safe.load(
      """
      // Reverses each threadgroup's part of the buffer, as often as buffer 1 says.
      THREAD(reverse) {
        static __thread float tile[1024];
        auto *data = (float *)launch->buffers[0];
        uint times = *(uint *)launch->buffers[1], size = group->size[0], index = thread->index_in_threadgroup;
        uint at = thread->position_in_grid[0];
        for (uint i = 0; i < times; ++i) {
          tile[index] = data[at];
          threadgroup_barrier(mem_flags::mem_threadgroup);
          data[at] = tile[size - 1 - index];
          threadgroup_barrier(mem_flags::mem_threadgroup);
        }
      }

      // The sum of the threadgroup by a tree, with floating-point values alive in registers across the barriers.
      THREAD(tree) {
        auto *partial = (float *)group->threadgroup[0];
        const float *x = (const float *)launch->buffers[0];
        uint index = thread->index_in_threadgroup, size = group->size[0];
        float kept = float(index) * 0.5f, twice = float(index) * 2;
        partial[index] = x[thread->position_in_grid[0]];
        for (uint step = 512; step > 0; step /= 2) {
          threadgroup_barrier(mem_flags::mem_threadgroup);
          if (index < step && index + step < size) partial[index] += partial[index + step];
        }
        threadgroup_barrier(mem_flags::mem_threadgroup);
        bool intact = kept * 4 == twice;
        ((float *)launch->buffers[1])[thread->position_in_grid[0]] = intact ? partial[0] : -1;
      }

      // Whole SIMD-groups and single threads end early; the others go on.
      THREAD(leave) {
        static __thread uint arrived[1024];
        uint index = thread->index_in_threadgroup, size = group->size[0];
        arrived[index] = 0;
        if (thread->simdgroup_index == 1 || index == 5 || index == size - 1) return;
        for (uint i = 1; i <= 10; ++i) {
          arrived[index] = i;
          threadgroup_barrier(mem_flags::mem_threadgroup);
          for (uint other = 0; other < size - 1; ++other)
            if (arrived[other] < i && other / 32 != 1 && other != 5) return;
          threadgroup_barrier(mem_flags::mem_threadgroup);
        }
        ((uint *)launch->buffers[0])[thread->position_in_grid[0]] = 1;
      }

      // Neighbours in a SIMD-group exchange values; SIMD-groups do so differently often, then all meet.
      THREAD(exchange) {
        static __thread uint slot[1024];
        uint index = thread->index_in_threadgroup, lane = thread->index_in_simdgroup;
        uint first = index - lane, lanes = min(32u, group->size[0] - first), value = index;
        for (uint i = 0; i < 3 + thread->simdgroup_index; ++i) {
          slot[index] = value;
          simdgroup_barrier(mem_flags::mem_threadgroup);
          value = slot[first + (lane + 1) % lanes];
          simdgroup_barrier(mem_flags::mem_threadgroup);
        }
        slot[index] = value;
        threadgroup_barrier(mem_flags::mem_threadgroup);
        ((uint *)launch->buffers[0])[thread->position_in_grid[0]] = slot[group->size[0] - 1 - index];
      }
      // The same, where the last lane of each SIMD-group ends between the barriers.
      THREAD(exchange_and_leave) {
        static __thread uint slot[1024];
        uint index = thread->index_in_threadgroup, lane = thread->index_in_simdgroup, value = 0;
        for (uint i = 0; i < 8; ++i) {
          if (lane == 31 - i && i > 0) return;
          slot[index] = i + 1;
          simdgroup_barrier(mem_flags::mem_threadgroup);
          for (uint other = 0; other < 31 - i; ++other) value += slot[index - lane + other] == i + 1;
          simdgroup_barrier(mem_flags::mem_threadgroup);
        }
        threadgroup_barrier(mem_flags::mem_threadgroup);
        ((uint *)launch->buffers[0])[thread->position_in_grid[0]] = value;
      }

      THREAD(deep) {
        volatile uchar memory[200000];
        uint index = thread->index_in_threadgroup;
        for (uint i = 0; i < 200000; i += 1000) memory[i] = uchar(index + i);
        threadgroup_barrier(mem_flags::mem_none);
        uint right = 1;
        for (uint i = 0; i < 200000; i += 1000) right &= memory[i] == uchar(index + i);
        ((uint *)launch->buffers[0])[thread->position_in_grid[0]] = right;
      }
      """)
  }

  private func kernel(_ name: String, stackBytes: Int = 0) throws -> mtl_kernel {
    try Self.object.get().kernel(name, MTL_ENTRY_THREAD, stackBytes: stackBytes)
  }

  @Test(arguments: [1, 31, 32, 33, 250, 1024], [0, 3] as [UInt64])
  func groupsOfEverySizeExchangeValues(_ size: Int, _ seed: UInt64) throws {
    let count = 20_000 / size * size + size / 2
    for times in [1, 2, 5] as [UInt32] {
      let data = KernelMemory((0..<count).map(Float.init))
      let launch = Launch(
        grid: (count, 1, 1), group: (size, 1, 1), buffers: [data, KernelMemory([times])], seed: seed)
      #expect(launch.run(try kernel("reverse")).fault == 0)
      let wanted = (0..<count).map { index in
        let first = index / size * size
        return Float(times % 2 == 0 ? index : first + min(first + size, count) - 1 - index)
      }
      #expect(data.values(of: Float.self) == wanted)
    }
  }

  @Test func registersSurviveBarriers() throws {
    let x = KernelMemory((0..<100_000).map { Float($0 % 7) })
    let sums = KernelMemory([Float](repeating: 0, count: 100_000))
    let launch = Launch(
      grid: (100_000, 1, 1), group: (256, 1, 1), buffers: [x, sums], threadgroup: [0: 1024], seed: 2)
    #expect(launch.run(try kernel("tree")).fault == 0)
    let wanted = (0..<100_000).map { index in
      let group = index / 256 * 256..<min(index / 256 * 256 + 256, 100_000)
      return group.reduce(0) { $0 + Float($1 % 7) }
    }
    #expect(sums.values(of: Float.self) == wanted)
  }

  @Test func threadsThatEndedAreNotWaitedFor() throws {
    let done = KernelMemory([UInt32](repeating: 0, count: 1000))
    let launch = Launch(grid: (1000, 1, 1), group: (100, 1, 1), buffers: [done])
    #expect(launch.run(try kernel("leave")).fault == 0)
    let wanted = (0..<1000).map { index -> UInt32 in
      let inside = index % 100
      return inside / 32 == 1 || inside == 5 || inside == 99 ? 0 : 1
    }
    #expect(done.values(of: UInt32.self) == wanted)
  }

  @Test(arguments: [32, 64, 75, 256]) func simdgroupsWaitForThemselvesOnly(_ size: Int) throws {
    let result = KernelMemory([UInt32](repeating: .max, count: size * 5))
    let launch = Launch(grid: (size * 5, 1, 1), group: (size, 1, 1), buffers: [result])
    #expect(launch.run(try kernel("exchange")).fault == 0)
    let exchanged = (0..<size).map { index -> UInt32 in
      let (first, simdgroup) = (index / 32 * 32, index / 32)
      let lanes = min(32, size - first)
      return UInt32(first + (index - first + 3 + simdgroup) % lanes)
    }
    let wanted = (0..<size * 5).map { exchanged[size - 1 - $0 % size] }
    #expect(result.values(of: UInt32.self) == wanted)
  }

  @Test func aSimdgroupGoesOnWithoutTheThreadsThatEnded() throws {
    let result = KernelMemory([UInt32](repeating: 0, count: 128))
    let launch = Launch(grid: (128, 1, 1), group: (128, 1, 1), buffers: [result])
    #expect(launch.run(try kernel("exchange_and_leave")).fault == 0)
    let seen = (0..<8).reduce(0) { $0 + UInt32(31 - $1) }
    #expect(result.values(of: UInt32.self) == (0..<128).map { $0 % 32 >= 24 && $0 % 32 < 31 ? 0 : seen })
  }

  @Test func largeStacksAreGivenWhereTheyAreAskedFor() throws {
    let result = KernelMemory([UInt32](repeating: 0, count: 300))
    let launch = Launch(grid: (300, 1, 1), group: (100, 1, 1), buffers: [result])
    #expect(launch.run(try kernel("deep", stackBytes: 210_000)).fault == 0)
    #expect(result.values(of: UInt32.self) == [UInt32](repeating: 1, count: 300))
  }

  /// Every shared object has threadgroup arrays of its own, and they are large: more than a process has room for in
  /// the part that is set aside at its start.
  @Test func manyKernelsWithThreadgroupArraysLoad() throws {
    let text = """
      THREAD(fill) {
        static __thread uint tile[8000];
        for (uint i = thread->index_in_threadgroup; i < 8000; i += group->size[0]) tile[i] = i;
        threadgroup_barrier(mem_flags::mem_threadgroup);
        ((uint *)launch->buffers[0])[thread->position_in_grid[0]] = tile[7999 - thread->index_in_threadgroup];
      }
      """
    for _ in 0..<12 {
      let kernel = try ShimBench.safe.load(text).kernel("fill", MTL_ENTRY_THREAD)
      #expect(kernel.thread_local_bytes == 32_000)
      let result = KernelMemory([UInt32](repeating: 0, count: 640))
      #expect(Launch(grid: (640, 1, 1), group: (64, 1, 1), buffers: [result], seed: 4).run(kernel).fault == 0)
      #expect(result.values(of: UInt32.self) == (0..<640).map { 7999 - UInt32($0 % 64) })
    }
  }
}
