// What Ingot uses of Apple's Foundation module, so that its Darwin branches can be type-checked elsewhere.

extension Error {
  public var localizedDescription: String { "" }
}

public final class ProcessInfo: Sendable {
  public static var processInfo: ProcessInfo { ProcessInfo() }
  public var physicalMemory: UInt64 { 0 }
}
