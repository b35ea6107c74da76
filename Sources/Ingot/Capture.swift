import Metal
import Synchronization

extension Device {
  /// Records everything that is committed on the GPU meanwhile into a document for Xcode (`MTLCaptureManager`).
  ///
  ///     try device.capture(to: "frame.gputrace") {
  ///       try encoder.commitAndWait()
  ///     }
  ///
  /// Wait for submissions within `body`. The capture ends with it, also if it throws. Throws as `startCapture(to:)`.
  public func capture<R>(to path: String, _ body: () throws -> R) throws -> R {
    try Captures.ofProcess.around(self, path, body)
  }

  /// Begins a capture, which `stopCapture()` ends.
  ///
  /// Throws `.argument` if the path does not end in `.gputrace` or something is there: nothing is replaced. Throws `.state`
  /// while a capture is under way in the process, and where there can be none: on Linux, and on a Mac if the process was
  /// started without `MTL_CAPTURE_ENABLED=1` (older systems: `METAL_CAPTURE_ENABLED=1`) in its environment.
  public func startCapture(to path: String) throws(IngotError) {
    try Captures.ofProcess.start(self, path)
  }

  /// Ends the capture that `startCapture(to:)` has begun on this device. Throws `.state` if there is none.
  public func stopCapture() throws(IngotError) { try Captures.ofProcess.stop(self) }

  /// Whether a capture of this device is under way.
  public var isCapturing: Bool { Captures.ofProcess.isUnderWay(on: self) }
}

/// The one capture that a process can have at a time.
final class Captures: Sendable {
  static let ofProcess = Captures(SystemCaptureTool())

  private let tool: any CaptureTool
  private let captured = Mutex<Device?>(nil)

  init(_ tool: any CaptureTool) { self.tool = tool }

  func start(_ device: Device, _ path: String) throws(IngotError) {
    try Self.check(path)
    try captured.withLock { (captured) throws(IngotError) in
      guard captured == nil, !withAutoreleasePool({ tool.isCapturing }) else {
        throw .state("a GPU capture is under way in this process; stop it first")
      }
      try withAutoreleasePool { () throws(IngotError) in try begin(device, path) }
      captured = device
    }
  }

  func stop(_ device: Device) throws(IngotError) {
    try captured.withLock { (captured) throws(IngotError) in
      guard captured === device else {
        throw .state(
          "no GPU capture of \(device.name) is under way that was started here, so there is none to stop")
      }
      withAutoreleasePool { tool.stop() }
      captured = nil
    }
  }

  func around<R>(_ device: Device, _ path: String, _ body: () throws -> R) throws -> R {
    try start(device, path)
    // It fails only if the body has stopped it.
    defer { try? stop(device) }
    return try body()
  }

  func isUnderWay(on device: Device) -> Bool { captured.withLock { $0 === device } }

  private static func check(_ path: String) throws(IngotError) {
    guard path.hasSuffix(".gputrace") else {
      throw .argument("a GPU capture to '\(path)'; Metal writes only to paths that end in .gputrace")
    }
    guard !Platform.exists(path) else {
      throw .argument("'\(path)' exists, and a GPU capture replaces nothing; remove it, or give another path")
    }
  }

  private func begin(_ device: Device, _ path: String) throws(IngotError) {
    guard tool.isSupported else {
      throw .state(
        "GPU capture is not supported here: it takes a Mac, and MTL_CAPTURE_ENABLED=1 (older systems:"
          + " METAL_CAPTURE_ENABLED=1) in the environment before the process starts (\(device.name))")
    }
    do { try tool.start(device.metalDevice, path: path) } catch {
      throw .state("Metal starts no GPU capture to '\(path)': \(Platform.text(of: error))")
    }
  }
}
