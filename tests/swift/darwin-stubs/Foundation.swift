// What Ingot uses of Apple's Foundation module, so that its Darwin branches can be type-checked elsewhere.

import Metal

extension Error {
  public var localizedDescription: String { "" }
}

public final class ProcessInfo: Sendable {
  public static var processInfo: ProcessInfo { ProcessInfo() }
  public var physicalMemory: UInt64 { 0 }
}

public struct URL: Sendable {
  public init(fileURLWithPath path: String) {}
}

// Its type is Foundation's, which Metal has not on Linux.
extension MTLCaptureDescriptor {
  public var outputURL: URL? {
    get { nil }
    set {}
  }
}
