#if os(Linux)
  import Foundation
  import Testing

  @testable import Ingot
  @testable import Metal

  /// What the software device is told, in the order in which it is told.
  @Suite struct ResidencyTraceTests {
    /// The lines that begin with these names, of a device that `body` uses; after the device has gone.
    private func trace(of names: [String], _ body: (Device) throws -> Void) throws -> [String] {
      let path = FileManager.default.temporaryDirectory.appending(path: "ingot-trace-\(UUID().uuidString)")
        .path
      defer { try? FileManager.default.removeItem(atPath: path) }
      var switches = Switches()
      switches.traceFile = path
      do {
        let device = try Device(
          metal: SoftwareDevice(switches: switches), residency: true,
          configuration: Configuration { _ in nil },
          time: ManualTime())
        try body(device)
      }
      let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
      // Without the numbers of the objects.
      let words = lines.map { $0.split(separator: " ").filter { Int($0.trimming(",")) == nil } }
      return words.map { $0.joined(separator: " ") }.filter { line in names.contains { line.hasPrefix($0) } }
    }

    @Test("Changes are staged and committed right before the command buffer, once")
    func order() throws {
      let lines = try trace(of: ["residencySet", "commandBuffer commit"]) { device in
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
        let lines = try trace(of: ["encoder fill"]) { device in
          if requests { try device.residencySet().request() }
          if submits { try device.encoder().commitAndWait() }
        }
        #expect(lines.count == fills)
      }
    }
  }

  extension Substring {
    fileprivate func trimming(_ end: String) -> Substring { hasSuffix(end) ? dropLast(end.count) : self }
  }
#endif
