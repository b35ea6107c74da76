import CMetalRuntime
import Testing

@testable import Metal

/// What mtl_dispatch runs, how often and where: entry kinds, edges, positions, orders.
@Suite struct DispatchTests {
  private static let object = Result {
    try ShimBench.safe.load(
      """
      // Each thread of a range counts itself.
      RANGE(count_range) {
        auto *counts = (uint *)launch->buffers[0];
        ulong row = (ulong(z) * launch->threads_per_grid[1] + y) * launch->threads_per_grid[0];
        for (uint x = begin; x < end; ++x) counts[row + x] += 1;
      }

      static ulong place(const mtl_launch *launch, const mtl_group *group, uint x, uint y, uint z) {
        const mtl_u32 *whole = launch->threads_per_threadgroup, *at = group->position;
        ulong row = (ulong(at[2] * whole[2] + z) * launch->threads_per_grid[1] + at[1] * whole[1] + y);
        return row * launch->threads_per_grid[0] + at[0] * whole[0] + x;
      }
      GROUP(count_group) {
        auto *counts = (uint *)launch->buffers[0];
        for (uint z = 0; z < group->size[2]; ++z)
          for (uint y = 0; y < group->size[1]; ++y)
            for (uint x = 0; x < group->size[0]; ++x) counts[place(launch, group, x, y, z)] += 1;
      }

      // A thread writes what it knows of itself.
      THREAD(tell) {
        auto *told = (uint4 *)launch->buffers[0];
        const mtl_u32 *p = thread->position_in_threadgroup, *g = thread->position_in_grid;
        ulong index = place(launch, group, p[0], p[1], p[2]);
        bool right = index == (ulong(g[2]) * launch->threads_per_grid[1] + g[1]) * launch->threads_per_grid[0] + g[0];
        uint inside = (p[2] * group->size[1] + p[1]) * group->size[0] + p[0];
        right = right && inside == thread->index_in_threadgroup && inside % 32 == thread->index_in_simdgroup &&
                inside / 32 == thread->simdgroup_index &&
                group->simdgroups == (group->size[0] * group->size[1] * group->size[2] + 31) / 32;
        told[index] += uint4(1, right, group->size[0] << 16 | group->size[1] << 8 | group->size[2], 0);
      }

      // In which order the threadgroups ran.
      GROUP(order) {
        auto *next = (uint *)launch->buffers[1];
        ((uint *)launch->buffers[0])[__atomic_fetch_add(next, 1, __ATOMIC_RELAXED)] = group->position[0];
      }

      GROUP(garbage) {
        auto *memory = (uchar *)group->threadgroup[2];
        bool zero = true;
        for (uint i = 0; i < 64; ++i) zero = zero && memory[i] == 0;
        ((uint *)launch->buffers[0])[group->position[0]] = zero ? 1 : 2;
        for (uint i = 0; i < 64; ++i) memory[i] = 0;
      }

      GROUP(threadgroup_arguments) {
        auto *result = (ulong *)launch->buffers[0] + group->position[0] * 4;
        result[0] = (ulong)group->threadgroup[0]; result[1] = (ulong)group->threadgroup[1];
        result[2] = (ulong)group->threadgroup[5]; result[3] = (ulong)group->threadgroup[6];
      }

      RANGE(saxpy) {
        const float *__restrict x = (const float *)launch->buffers[0];
        float *__restrict result = (float *)launch->buffers[1];
        for (uint i = begin; i < end; ++i) result[i] = 2 * x[i] + result[i];
      }
      """)
  }

  static let grids = [
    (1, 1, 1), (31, 1, 1), (1000, 1, 1), (65_537, 1, 1), (7, 100, 3), (1, 1, 5000), (4097, 33, 2),
  ].map(Triple.init)

  struct Triple: Sendable {
    var x, y, z: Int
    init(_ x: Int, _ y: Int, _ z: Int) { (self.x, self.y, self.z) = (x, y, z) }
    var count: Int { x * y * z }
  }

  @Test(arguments: grids, [0, 1, 77] as [UInt64])
  func everyThreadOfARangeRunsOnce(_ grid: Triple, _ seed: UInt64) throws {
    try checkCounts("count_range", MTL_ENTRY_RANGE, grid, Triple(32, 1, 1), seed)
  }

  @Test(arguments: grids, [0, 1, 77] as [UInt64])
  func everyThreadOfAGroupRunsOnce(_ grid: Triple, _ seed: UInt64) throws {
    for group in [Triple(32, 1, 1), Triple(5, 3, 2), Triple(1, 16, 4)] {
      try checkCounts("count_group", MTL_ENTRY_GROUP, grid, group, seed)
    }
  }

  private func checkCounts(
    _ name: String, _ kind: Int, _ grid: Triple, _ group: Triple, _ seed: UInt64
  ) throws {
    let counts = KernelMemory([UInt32](repeating: 0, count: grid.count))
    let launch = Launch(
      grid: (grid.x, grid.y, grid.z), group: (group.x, group.y, group.z), buffers: [counts], seed: seed)
    #expect(launch.run(try Self.object.get().kernel(name, kind)).fault == 0)
    #expect(counts.values(of: UInt32.self).allSatisfy { $0 == 1 })
  }

  @Test(arguments: grids.filter { $0.count < 20_000 }, [0, 5] as [UInt64])
  func threadsKnowTheirPlaces(_ grid: Triple, _ seed: UInt64) throws {
    for group in [Triple(64, 1, 1), Triple(5, 3, 2), Triple(1, 33, 1)] {
      let told = KernelMemory([SIMD4<UInt32>](repeating: .zero, count: grid.count))
      let launch = Launch(
        grid: (grid.x, grid.y, grid.z), group: (group.x, group.y, group.z), buffers: [told], seed: seed)
      #expect(launch.run(try Self.object.get().kernel("tell", MTL_ENTRY_THREAD)).fault == 0)
      let values = told.values(of: SIMD4<UInt32>.self)
      #expect(values.allSatisfy { $0.x == 1 && $0.y == 1 })
      let edge = UInt32(
        edge(grid.x, group.x) << 16 | edge(grid.y, group.y) << 8 | edge(grid.z, group.z))
      #expect(values.last!.z == edge, "the size of the last threadgroup")
    }
  }

  private func edge(_ grid: Int, _ group: Int) -> Int { grid % group == 0 ? group : grid % group }

  @Test(arguments: [MTL_ENTRY_RANGE, MTL_ENTRY_GROUP, MTL_ENTRY_THREAD])
  func aGridWithoutThreadsRunsNothing(_ kind: Int) throws {
    let kernel = try Self.object.get().kernel("tell", kind)
    for grid in [(0, 1, 1), (5, 0, 1), (5, 1, 0)] {
      #expect(Launch(grid: grid, group: (4, 1, 1)).run(kernel).fault == 0)
    }
  }

  // MARK: Order and memory

  @Test func aSeedChangesTheOrderAndNothingElse() throws {
    let kernel = try Self.object.get().kernel("order", MTL_ENTRY_GROUP)
    var orders: Set<[UInt32]> = []
    for seed in 0...3 as ClosedRange<UInt64> {
      let (order, next) = (KernelMemory([UInt32](repeating: .max, count: 100)), KernelMemory([UInt32(0)]))
      #expect(Launch(grid: (100, 1, 1), buffers: [order, next], seed: seed).run(kernel).fault == 0)
      let values = order.values(of: UInt32.self)
      #expect(values.sorted() == Array(0..<100))
      orders.insert(values)
      if seed != 0 { #expect(values != Array(0..<100)) }
    }
    #expect(orders.count == 4)
  }

  @Test func threadgroupMemoryIsNotCleared() throws {
    let kernel = try Self.object.get().kernel("garbage", MTL_ENTRY_GROUP)
    let found = KernelMemory([UInt32](repeating: 0, count: 500))
    let launch = Launch(grid: (500, 1, 1), buffers: [found], threadgroup: [2: 64], seed: 9)
    #expect(launch.run(kernel).fault == 0)
    #expect(found.values(of: UInt32.self) == [UInt32](repeating: 2, count: 500))
  }

  @Test func threadgroupArgumentsLieApart() throws {
    let kernel = try Self.object.get().kernel("threadgroup_arguments", MTL_ENTRY_GROUP)
    let addresses = KernelMemory([UInt64](repeating: 1, count: 4 * 50))
    let launch = Launch(grid: (50, 1, 1), buffers: [addresses], threadgroup: [0: 16, 1: 1000, 5: 32])
    #expect(launch.run(kernel).fault == 0)
    let values = addresses.values(of: UInt64.self)
    for index in stride(from: 0, to: 200, by: 4) {
      let (a, b, c, none) = (values[index], values[index + 1], values[index + 2], values[index + 3])
      #expect(a % 16 == 0 && b % 16 == 0 && c % 16 == 0 && none == 0)
      #expect(b >= a + 16 && c >= b + 1000)
    }
  }

  @Test func manyThreadsMayDispatchAtOnce() async throws {
    let object = try Self.object.get()
    await withTaskGroup(of: Bool.self) { tasks in
      for task in 0..<8 {
        tasks.addTask {
          let kernel = object.kernel("saxpy", MTL_ENTRY_RANGE)
          let count = 1000 * (task + 1)
          let x = KernelMemory((0..<count).map(Float.init))
          let result = KernelMemory([Float](repeating: 0, count: count))
          for _ in 0..<20 {
            _ = Launch(grid: (count, 1, 1), group: (64, 1, 1), buffers: [x, result]).run(kernel)
          }
          return result.values(of: Float.self) == (0..<count).map { Float($0) * 40 }
        }
      }
      for await right in tasks { #expect(right) }
    }
  }
}
