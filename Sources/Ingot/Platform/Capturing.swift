// The system's tool that records what a GPU does, for Xcode.
import Metal

#if canImport(Darwin)
  import Foundation
#endif

/// What a capture needs of Metal.
protocol CaptureTool: Sendable {
  /// Whether it can write documents, here and now.
  var isSupported: Bool { get }
  /// Whether anybody captures.
  var isCapturing: Bool { get }
  func start(_ device: any MTLDevice, path: String) throws
  func stop()
}

/// `MTLCaptureManager`.
struct SystemCaptureTool: CaptureTool {
  var isSupported: Bool { MTLCaptureManager.shared().supportsDestination(.gpuTraceDocument) }

  var isCapturing: Bool { MTLCaptureManager.shared().isCapturing }

  func start(_ device: any MTLDevice, path: String) throws {
    let descriptor = MTLCaptureDescriptor()
    descriptor.captureObject = device
    descriptor.destination = .gpuTraceDocument
    #if canImport(Darwin)
      descriptor.outputURL = URL(fileURLWithPath: path)
    #endif
    try MTLCaptureManager.shared().startCapture(with: descriptor)
  }

  func stop() { MTLCaptureManager.shared().stopCapture() }
}
