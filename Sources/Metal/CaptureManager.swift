// swift-format-ignore-file: AlwaysUseLowerCamelCase, for Apple's names

/// Records what a GPU does, for Xcode. There is no such tool here, so there is no destination either.
open class MTLCaptureManager: @unchecked Sendable {
  // Unchecked: it holds nothing.

  private static let manager = MTLCaptureManager()

  private init() {}

  open class func shared() -> MTLCaptureManager { manager }

  open func supportsDestination(_ destination: MTLCaptureDestination) -> Bool { false }

  open func startCapture(with descriptor: MTLCaptureDescriptor) throws { throw CaptureNotSupported() }

  open func stopCapture() {}

  open var isCapturing: Bool { false }
}

open class MTLCaptureDescriptor {
  /// A device, a queue or a scope.
  open var captureObject: Any?
  open var destination = MTLCaptureDestination.developerTools

  public init() {}
}

public enum MTLCaptureDestination: Int, Sendable {
  case developerTools = 1
  case gpuTraceDocument = 2
}
