#if os(Linux)
  import Foundation
  import Testing

  @testable import Ingot
  @testable import Metal

  /// What the software device is told of queues and events.
  @Suite struct QueueTraceTests {
    @Test("Residency sets are attached to queues that come later, and to all when they come later themselves")
    func residencySets() throws {
      let lines = try softwareTrace(of: ["queue addResidencySets", "queue removeResidencySets"]) { device in
        let queue = try device.queue()
        let set = try device.residencySet()
        #expect(device.sets.counts.sets == 3)
        withExtendedLifetime((queue, set)) {}
      }
      let (adds, removes) = (lines.count { $0.contains("add") }, lines.count { $0.contains("remove") })
      // The device's two to its own queue, the two and the user's to the second, the user's to the first.
      #expect(adds == 6)
      // Whichever of queue and set goes first, each set leaves each queue.
      #expect(removes == 6)
    }

    @Test("A queue has all sets when its work is committed, and changes are committed before it")
    func flushBeforeAnyQueue() throws {
      let lines = try softwareTrace(of: ["residencySet", "commandBuffer commit"]) { device in
        let queue = try device.queue()
        let kept = try device.exact.empty([16], .uint8)
        try queue.encoder().commitAndWait()
        try device.encoder().commitAndWait()
        withExtendedLifetime(kept) {}
      }
      #expect(
        lines == [
          "residencySet addAllocations buffer", "residencySet commit", "commandBuffer commit",
          "commandBuffer commit", "residencySet removeAllocations buffer", "residencySet commit",
        ])
    }

    @Test("An event ends the compute encoder, and the next one binds everything anew")
    func bindsAnew() throws {
      let lines = try softwareTrace(of: ["commandBuffer", "encoder"]) { device in
        let increment = try device.kernel("increment", of: Sources.steps)
        let (x, event) = try (device.exact.zeros([8], .int32), device.event())
        let encoder = device.encoder()
        for value in 1...2 as ClosedRange<UInt64> {
          try encoder.dispatch(increment, x, grid: 8, group: 8)
          try encoder.dispatch(increment, x, grid: 8, group: 8)
          try encoder.signal(event, value: value)
        }
        try encoder.commitAndWait()
      }
      let part = [
        "commandBuffer makeComputeCommandEncoder concurrent -> encoder",
        "encoder setComputePipelineState increment",
        "encoder setBuffer buffer offset=0 index=0", "encoder dispatchThreads",
        "encoder memoryBarrier scope=1",
        "encoder dispatchThreads", "encoder endEncoding",
      ]
      let expected =
        part + ["commandBuffer signalEvent value=1"] + part
        + ["commandBuffer signalEvent value=2", "commandBuffer addCompletedHandler", "commandBuffer commit"]
      #expect(
        lines.map { $0.hasPrefix("encoder dispatchThreads") ? "encoder dispatchThreads" : $0 } == expected)
    }
  }

  @Suite struct KeepAliveQueueTests {
    @Test("Memory is kept wired only while no queue has work")
    func idleMeansAllQueues() throws {
      let time = ManualTime()
      let device = try Device(
        metal: SoftwareDevice(switches: Switches()), residency: true,
        configuration: Configuration { _ in nil },
        time: time)
      let kept = try device.exact.empty([16], .uint8)
      let (queue, event) = try (device.queue(), device.event())
      let held = queue.encoder()
      try held.wait(for: event, value: 1)
      let submission = try held.commit()
      try device.encoder().commitAndWait()
      time.advance(by: 2_000_000_000)
      #expect(device.statistics.residencyRequests == 0)
      event.signal(1)
      try submission.wait()
      time.advance(by: 500_000_000)
      #expect(device.statistics.residencyRequests > 0)
      withExtendedLifetime(kept) {}
    }
  }
#endif
