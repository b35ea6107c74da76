import CMetalRuntime
import Glibc
import Testing

@testable import Metal

/// Kernels that fault, trap, overflow or never end: the dispatch fails, and the next one works.
@Suite struct FaultTests {
  private static let object = Result {
    try ShimBench.safe.load(
      """
      static int recurse(volatile int *data, int depth) {
        volatile uchar frame[100];
        frame[0] = uchar(depth);
        return depth == 0 ? 0 : recurse(data, depth - 1) + frame[0];
      }

      GROUP(wild) { if (group->position[0] == 5) *(volatile int *)0x1230 = 1; }
      RANGE(wild_range) { if (begin == 0) *(volatile int *)0x1230 = 1; }
      THREAD(wild_thread) {
        threadgroup_barrier(mem_flags::mem_none);
        if (thread->index_in_threadgroup == 40) *(volatile int *)0x1230 = 1;
        threadgroup_barrier(mem_flags::mem_none);
      }
      GROUP(trap) { if (group->position[0] == 3) __builtin_trap(); }
      GROUP(breakpoint) { if (group->position[0] == 3) __builtin_debugtrap(); }
      THREAD(overflow) { *(int *)launch->buffers[0] = recurse((int *)launch->buffers[0], 1 << 30); }
      GROUP(overflow_group) { *(int *)launch->buffers[0] = recurse((int *)launch->buffers[0], 1 << 30); }

      GROUP(endless) { volatile int run = 1; while (run) {} }
      RANGE(endless_range) { volatile int run = 1; while (run) {} }
      THREAD(endless_thread) {
        volatile int run = 1;
        while (run) threadgroup_barrier(mem_flags::mem_none);
      }
      // Most of the time it is not in its own code.
      GROUP(endless_library) {
        volatile float x = 1e30f;
        while (true) x = sin(x) * 1e30f;
      }

      GROUP(count) { __atomic_fetch_add((uint *)launch->buffers[0], 1, __ATOMIC_RELAXED); }

      template <class T> static void divide_all(const mtl_launch *launch, uint begin, uint end) {
        const T *a = (const T *)launch->buffers[0], *b = (const T *)launch->buffers[1];
        T *quotient = (T *)launch->buffers[2], *remainder = (T *)launch->buffers[3];
        for (uint i = begin; i < end; ++i) {
          quotient[i] = a[i] / b[i];
          remainder[i] = a[i] % b[i];
        }
      }
      RANGE(divide_char) { divide_all<char>(launch, begin, end); }
      RANGE(divide_uchar) { divide_all<uchar>(launch, begin, end); }
      RANGE(divide_short) { divide_all<short>(launch, begin, end); }
      RANGE(divide_ushort) { divide_all<ushort>(launch, begin, end); }
      RANGE(divide_int) { divide_all<int>(launch, begin, end); }
      RANGE(divide_uint) { divide_all<uint>(launch, begin, end); }
      RANGE(divide_long) { divide_all<long>(launch, begin, end); }
      RANGE(divide_ulong) { divide_all<ulong>(launch, begin, end); }
      """)
  }

  private func kernel(_ name: String, _ kind: Int) throws -> mtl_kernel {
    try Self.object.get().kernel(name, kind)
  }

  /// Afterwards everything runs as before.
  private func checkThatDispatchesWork() throws {
    let count = KernelMemory([UInt32(0)])
    #expect(Launch(grid: (3000, 1, 1), buffers: [count]).run(try kernel("count", MTL_ENTRY_GROUP)).fault == 0)
    #expect(count.values(of: UInt32.self) == [3000])
  }

  @Test(arguments: [
    ("wild", MTL_ENTRY_GROUP), ("wild_range", MTL_ENTRY_RANGE), ("wild_thread", MTL_ENTRY_THREAD),
  ])
  func aWildAccessEndsTheDispatch(_ name: String, _ kind: Int) throws {
    for _ in 0..<20 {
      let result = Launch(grid: (6400, 1, 1), group: (64, 1, 1)).run(try kernel(name, kind))
      #expect(result.fault == mtl_u32(MTL_FAULT_ADDRESS))
      #expect(result.address == UnsafeMutableRawPointer(bitPattern: 0x1230))
    }
    try checkThatDispatchesWork()
  }

  @Test(arguments: ["trap", "breakpoint"]) func aTrapEndsTheDispatch(_ name: String) throws {
    let result = Launch(grid: (100, 1, 1)).run(try kernel(name, MTL_ENTRY_GROUP))
    #expect(result.fault == mtl_u32(MTL_FAULT_INSTRUCTION))
    try checkThatDispatchesWork()
  }

  @Test(arguments: [("overflow", MTL_ENTRY_THREAD), ("overflow_group", MTL_ENTRY_GROUP)])
  func anOverflowOfTheStackEndsTheDispatch(_ name: String, _ kind: Int) throws {
    let memory = KernelMemory([UInt32(0)])
    for _ in 0..<5 {
      let launch = Launch(grid: (640, 1, 1), group: (64, 1, 1), buffers: [memory])
      #expect(launch.run(try kernel(name, kind)).fault == mtl_u32(MTL_FAULT_STACK))
    }
    try checkThatDispatchesWork()
  }

  @Test(arguments: [
    ("endless", MTL_ENTRY_GROUP), ("endless_range", MTL_ENTRY_RANGE), ("endless_thread", MTL_ENTRY_THREAD),
    ("endless_library", MTL_ENTRY_GROUP),
  ])
  func anEndlessKernelIsStopped(_ name: String, _ kind: Int) throws {
    let launch = Launch(grid: (6400, 1, 1), group: (64, 1, 1), timeout: 30_000_000)
    #expect(launch.run(try kernel(name, kind)).fault == mtl_u32(MTL_FAULT_TIMEOUT))
    try checkThatDispatchesWork()
  }

  @Test func aTimeoutThatIsNotReachedDoesNothing() throws {
    let count = KernelMemory([UInt32(0)])
    for timeout in [60_000_000_000, UInt64.max] {
      let launch = Launch(grid: (100, 1, 1), buffers: [count], timeout: timeout)
      #expect(launch.run(try kernel("count", MTL_ENTRY_GROUP)).fault == 0)
    }
    #expect(count.values(of: UInt32.self) == [200])
  }

  @Test func whatDoesNotFitIsRefused() throws {
    let threads = Launch(grid: (2048, 1, 1), group: (2048, 1, 1))
    #expect(threads.run(try kernel("wild_thread", MTL_ENTRY_THREAD)).fault == mtl_u32(MTL_FAULT_MEMORY))
    let stacks = try Self.object.get().kernel("wild_thread", MTL_ENTRY_THREAD, stackBytes: 1 << 31)
    #expect(Launch(grid: (64, 1, 1), group: (64, 1, 1)).run(stacks).fault == mtl_u32(MTL_FAULT_MEMORY))
    try checkThatDispatchesWork()
  }

  @Test func aKernelThatIsMissingIsNotFound() throws {
    #expect(try kernel("nothing", MTL_ENTRY_GROUP).entry == nil)
  }

  // MARK: Integer division

  @Test func divisionWithoutAResultDoesNotTrap() throws {
    try checkDivision(Int8.self, "char")
    try checkDivision(UInt8.self, "uchar")
    try checkDivision(Int16.self, "short")
    try checkDivision(UInt16.self, "ushort")
    try checkDivision(Int32.self, "int")
    try checkDivision(UInt32.self, "uint")
    try checkDivision(Int64.self, "long")
    try checkDivision(UInt64.self, "ulong")
  }

  /// What has a result has the right one; the least integer by -1 is itself.
  private func checkDivision<T: FixedWidthInteger & BitwiseCopyable>(_ type: T.Type, _ name: String) throws {
    let values: [T] = [0, 1, 2, 7, .max, .min, 0 &- 1, .max / 3]
    let (a, b) = (values.flatMap { a in values.map { _ in a } }, values.flatMap { _ in values })
    let memory = [a, b, a, b].map(KernelMemory.init)
    let result = Launch(grid: (a.count, 1, 1), buffers: memory).run(
      try kernel("divide_\(name)", MTL_ENTRY_RANGE))
    #expect(result.fault == 0)
    let (quotients, remainders) = (memory[2].values(of: T.self), memory[3].values(of: T.self))
    for index in a.indices where b[index] != 0 {
      #expect(quotients[index] == a[index].dividedReportingOverflow(by: b[index]).partialValue, "\(name)")
      #expect(remainders[index] == a[index].remainderReportingOverflow(dividingBy: b[index]).partialValue)
    }
  }
}
