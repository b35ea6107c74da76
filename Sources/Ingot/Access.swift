/// What the host or a kernel does with memory; the raw values are those of the C ABI.
///
///     let start = try buffer.contents(for: [.read, .write])
public struct Access: OptionSet, Sendable, Hashable, CustomStringConvertible {
  public let rawValue: UInt32

  public init(rawValue: UInt32) { self.rawValue = rawValue }

  public static let read = Access(rawValue: 1)
  public static let write = Access(rawValue: 2)
  public static let readWrite: Access = [.read, .write]

  public var description: String {
    switch self {
    case .read: "read"
    case .write: "write"
    case .readWrite: "read and write"
    default: "Access(\(rawValue))"
    }
  }
}
