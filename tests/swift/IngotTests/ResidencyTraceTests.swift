#if os(Linux)
  import Testing

  @testable import Ingot

  /// What the software device is told, in the order in which it is told.
  @Suite struct ResidencyTraceTests {
    @Test("Changes are staged and committed right before the command buffer, once")
    func order() throws {
      let lines = try softwareTrace(of: ["residencySet", "commandBuffer commit"]) { device in
        let kept = try (0..<3).map { _ in try device.exact.empty([16], .uint8) }
        _ = try device.exact.empty([16], .uint8)
        try device.encoder().commitAndWait()
        try device.encoder().commitAndWait()
        withExtendedLifetime(kept) {}
      }
      #expect(
        lines == [
          "residencySet addAllocations buffer buffer buffer", "residencySet commit", "commandBuffer commit",
          "commandBuffer commit",
          // At the end, when they are dropped.
          "residencySet removeAllocations buffer buffer buffer", "residencySet commit",
        ])
    }

    @Test(
      "Where residency was requested and nothing was ever submitted, the GPU gets a little work at the end")
    func workAtTheEnd() throws {
      for (requests, submits, fills) in [
        (false, false, 0), (true, false, 1), (true, true, 0), (false, true, 0),
      ] {
        let lines = try softwareTrace(of: ["encoder fill"]) { device in
          if requests { try device.residencySet().request() }
          if submits { try device.encoder().commitAndWait() }
        }
        #expect(lines.count == fills)
      }
    }
  }
#endif
