#if os(Linux)
  import Foundation

  @testable import Ingot
  @testable import Metal

  /// The lines that begin with these names of what a software device is told, in the order in which it is told; `body`
  /// uses the device, and it is gone in the end.
  func softwareTrace(of names: [String], _ body: (Device) throws -> Void) throws -> [String] {
    let path = FileManager.default.temporaryDirectory.appending(path: "ingot-trace-\(UUID().uuidString)").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    var switches = Switches()
    switches.traceFile = path
    do {
      let device = try Device(
        metal: SoftwareDevice(switches: switches), residency: true, configuration: Configuration { _ in nil },
        time: ManualTime())
      try body(device)
    }
    let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
    // Without the numbers of the objects.
    let words = lines.map { $0.split(separator: " ").filter { Int($0.trimming(",")) == nil } }
    return words.map { $0.joined(separator: " ") }.filter { line in names.contains { line.hasPrefix($0) } }
  }

  extension Device {
    /// A software device that runs in an order of all those that Metal allows.
    static func seeded(_ seed: UInt64) throws -> Device {
      var switches = Switches()
      switches.seed = seed
      let metal = try SoftwareDevice(switches: switches)
      return try Device(metal: metal, residency: true, configuration: Configuration { _ in nil })
    }
  }

  extension Substring {
    fileprivate func trimming(_ end: String) -> Substring { hasSuffix(end) ? dropLast(end.count) : self }
  }
#endif
