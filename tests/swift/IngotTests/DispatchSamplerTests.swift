#if os(Linux)
  import Glibc
  import Testing

  @testable import Ingot
  @testable import Metal

  @Suite("What stands in the way of times is said, and nothing else changes")
  struct DispatchSamplerTests {
    private static let source = """
      kernel void step(device uint *x, constant uint &term, uint i [[thread_position_in_grid]]) {
        x[i] = x[i] * 3 + term;
      }
      """

    private func device(_ change: (inout Switches) -> Void = { _ in }) throws -> Device {
      var switches = Switches()
      change(&switches)
      return try Device(
        metal: SoftwareDevice(switches: switches), residency: true, configuration: Configuration { _ in nil })
    }

    private func encoder(
      _ device: Device, _ buffer: Ingot.Buffer, _ terms: Range<UInt32>
    ) throws -> CommandEncoder {
      let step = try device.kernel("step", of: Self.source)
      let encoder = device.encoder(label: "steps", profile: true)
      for term in terms { try encoder.dispatch(step, buffer, term, grid: 16) }
      return encoder
    }

    @Test("C83: a device that does not sample gives no times")
    func unsupported() throws {
      let device = try device { $0.hasCounters = false }
      let x = try device.zeros([16], .uint32)
      let submission = try encoder(device, x, 1..<4).commitAndWait()
      #expect(try x.values(of: UInt32.self)[0] == 18)
      #expect(submission.dispatchTimes.isEmpty)
      #expect(
        submission.profileMethod
          == "none: \(device.name) does not sample its clock at the boundaries of passes")
    }

    @Test("Dispatches beyond what one encoder samples have no times")
    func limit() throws {
      let device = try device()
      let x = try device.zeros([16], .uint32)
      let count = DispatchSampler.dispatchLimit + 5
      let submission = try encoder(device, x, 0..<UInt32(count)).commitAndWait()
      let times = submission.dispatchTimes
      #expect(times.count == count)
      #expect(times.prefix(count - 5).allSatisfy { $0.start != nil })
      #expect(times.suffix(5).allSatisfy { $0.start == nil && $0.duration == nil && $0.kernel == "step" })
      let method = try #require(submission.profileMethod)
      #expect(method.hasSuffix("5 of \(count) have no time: one encoder samples 8192 dispatches at most"))
    }

    @Test("More encoders than there are sample buffers: the last ones get none")
    func sampleBuffersRunOut() throws {
      let device = try device()
      let gate = try Gate(device)
      let x = try device.zeros([16], .uint32)
      let submissions = try (0..<34).map { _ in try encoder(device, x, 0..<1).commit() }
      gate.open()
      for submission in submissions { try submission.wait() }
      #expect(submissions.prefix(32).allSatisfy { $0.dispatchTimes.count == 1 })
      for submission in submissions.suffix(2) {
        #expect(submission.dispatchTimes.isEmpty)
        #expect(
          submission.profileMethod?.hasPrefix("none: Metal gives no counter sample buffer: Cannot") == true)
      }
      // They are there again.
      #expect(try encoder(device, x, 0..<1).commitAndWait().dispatchTimes.count == 1)
    }

    @Test("A submission that fails has no times")
    func failed() throws {
      let device = try device { $0.failSubmission = 1 }
      let submission = try encoder(device, device.zeros([16], .uint32), 0..<3).commit()
      #expect(try failure { try submission.wait() }.kind == .commandBuffer)
      #expect(submission.dispatchTimes.isEmpty)
      #expect(submission.profileMethod == "none: the submission failed")
    }

    @Test("No memory for the samples' results")
    func noResults() throws {
      let device = try device { $0.failAllocation = 2 }
      let x = try device.exact.zeros([16], .uint32)
      let submission = try encoder(device, x, 1..<2).commitAndWait()
      #expect(try x.values(of: UInt32.self)[0] == 1)
      #expect(submission.profileMethod == "none: Metal gives no memory to resolve the samples to")
    }

    @Test(
      "Passes keep the order, of untracked memory too", arguments: 1...12 as ClosedRange<UInt64>,
      [true, false])
    func order(seed: UInt64, isTracked: Bool) throws {
      let device = try device { $0.seed = seed }
      let metal = try #require(
        device.metalDevice.makeBuffer(length: 64, options: isTracked ? [] : .hazardTrackingModeUntracked))
      let buffer = try device.adopt(metal, shape: [16], dtype: .uint32)
      let gate = try Gate(device)
      let submissions = try [1..<4, 4..<7].map { try encoder(device, buffer, $0).commit() }
      gate.open()
      for submission in submissions { try submission.wait() }
      #expect(
        try buffer.values(of: UInt32.self)[0] == (1..<7 as Range<UInt32>).reduce(0) { $0 * 3 + $1 })
      let times = submissions.flatMap(\.dispatchTimes)
      #expect(times.count == 6)
      for (time, next) in zip(times, times.dropFirst()) { #expect(time.end! <= next.start! + 1e-6) }
    }

    @Test("Sample buffers and results go with the work")
    func nothingIsLeft() async {
      await #expect(processExitsWith: .success) {
        let before = SoftwareMetal.liveObjectsByKind
        do {
          let tests = DispatchSamplerTests()
          let device = try tests.device()
          let submission = try tests.encoder(device, device.zeros([16], .uint32), 0..<10).commit()
          try await submission.completed()
          // Metal lets go of what its command buffer has a moment after it has told of its end.
          for _ in 0..<1000 where SoftwareMetal.liveObjectsByKind["counterSampleBuffers"] != 0 {
            usleep(1000)
          }
          #expect(SoftwareMetal.liveObjectsByKind["counterSampleBuffers"] == 0)
          try tests.encoder(device, device.zeros([16], .uint32), 0..<10).discard()
          #expect(SoftwareMetal.liveObjectsByKind["counterSampleBuffers"] == 0)
          #expect(submission.dispatchTimes.count == 10)
        }
        for _ in 0..<1000 where SoftwareMetal.liveObjectsByKind != before { usleep(1000) }
        #expect(SoftwareMetal.liveObjectsByKind == before)
      }
    }
  }
#endif
