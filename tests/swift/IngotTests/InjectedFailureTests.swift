#if os(Linux)
  import Testing

  @testable import Ingot
  @testable import Metal

  /// What only the software device can be told to do: fail at a given call.
  @Suite struct InjectedFailureTests {
    private func device(_ change: (inout Switches) -> Void) throws -> Device {
      var switches = Switches()
      change(&switches)
      let metal = try SoftwareDevice(switches: switches)
      return try Device(metal: metal, residency: true, configuration: Configuration { _ in nil })
    }

    @Test func noMemoryIsAnErrorWithTheNumbers() throws {
      let device = try device { $0.failAllocation = 1 }
      let error = try failure { _ = try device.zeros([1000], .float32) }
      #expect(error.kind == .outOfMemory)
      #expect(error.message.contains("4000 bytes"))
      let next = try device.full([2], Int32(7))
      #expect(try next.values(of: Int32.self) == [7, 7])
      #expect(device.statistics.residentCount == 1)
    }

    @Test func droppedMemoryIsGivenBackBeforeGivingUp() throws {
      let device = try device { $0.failAllocation = 2 }
      _ = try device.exact.zeros([1000], .float32)
      let next = try device.full([2], Int32(7))
      #expect(try next.values(of: Int32.self) == [7, 7])
      #expect(device.statistics.residentCount == 1 && device.statistics.residencyCommits == 1)
    }

    @Test func whatAPoolCachesIsGivenBackBeforeGivingUp() throws {
      var switches = Switches()
      switches.failAllocation = 2
      let metal = try SoftwareDevice(switches: switches)
      let device = try Device(metal: metal, residency: false, configuration: Configuration { _ in nil })
      let pool = Pool(device)
      do { _ = try pool.empty([1 << 20], .uint8) }
      let next = try pool.empty([2 << 20], .uint8)
      #expect(
        pool.statistics == PoolStatistics(usedBytes: 2 << 20, usedBlocks: 1, misses: 2, highWater: 2 << 20))
      withExtendedLifetime(next) {}
    }

    @Test func aPoolCountsNothingThatItDidNotGet() throws {
      let device = try device { $0.failAllocation = 1 }
      let pool = Pool(device)
      try pool.setLimit(bytes: 1 << 20)
      #expect(try failure { _ = try pool.empty([1 << 20], .uint8) }.message.contains("\(1 << 20) bytes"))
      #expect(pool.statistics == PoolStatistics())
      // All of the limit is there still.
      #expect(try pool.empty([1 << 20], .uint8).nbytes == 1 << 20)
    }

    @Test func aFailedSubmissionIsAnErrorAtTheWait() throws {
      let device = try device { $0.failSubmission = 2 }
      let increment = try device.kernel("increment", of: Sources.steps)
      let x = try device.zeros([4], .int32)
      var errors: [IngotError?] = []
      for index in 0..<3 {
        let encoder = device.encoder(label: "step \(index)")
        try encoder.dispatch(increment, x, grid: 4)
        let submission = try encoder.commit()
        try? submission.wait()
        errors.append(submission.error)
      }
      #expect(errors[0] == nil && errors[2] == nil)
      let error = try #require(errors[1])
      #expect(error.kind == .commandBuffer && error.metalCode == 1)
      #expect(error.message.contains("'step 1'") && error.message.contains("increment"))
    }

    @Test func aKernelThatNeverEndsIsAnErrorAtTheWait() throws {
      let device = try device { $0.timeoutMilliseconds = 50 }
      let source = """
        kernel void endless(device const volatile int *x [[buffer(0)]], device int *y [[buffer(1)]]) {
          while (*x == 0) {}
          *y = 1;
        }
        """
      let (x, y) = (try device.zeros([1], .int32), try device.zeros([1], .int32))
      let encoder = device.encoder(label: "hung")
      try encoder.dispatch(device.kernel("endless", of: source), x, y, grid: 1)
      let error = try failure { try encoder.commitAndWait() }
      #expect(error.kind == .commandBuffer && error.metalCode == 2 && error.kernels == ["endless"])
      for text in ["'hung'", "endless", "Timeout", "a loop that does not end"] {
        #expect(error.message.contains(text), "\(error.message)")
      }
      let next = device.encoder()
      try next.fill(y, with: Int32(7))
      try next.commitAndWait()
      #expect(try y.values(of: Int32.self) == [7])
    }

    @Test func smallThreadgroupLimitsAreKept() throws {
      let device = try device { $0.maxThreads = 64 }
      let increment = try device.kernel("increment", of: Sources.steps)
      #expect(increment.maxThreadsPerThreadgroup <= 64)
      let x = try device.zeros([1000], .int32)
      let encoder = device.encoder()
      try encoder.dispatch(increment, x, grid: 1000)
      #expect(
        try failure { try encoder.dispatch(increment, x, grid: 1000, group: 128) }.message.contains("64"))
      try encoder.commitAndWait()
      #expect(try x.values(of: Int32.self) == Array(repeating: 1, count: 1000))
    }
  }
#endif
