/// What went wrong: the one error that everything in Ingot throws.
///
/// The message says what was asked, what the limit or the alternatives are, and what to do.
///
///     do { try device.compile(source) } catch {
///       if error.kind == .compile { print(error.compileFailure?.line ?? 0, error.message) }
///     }
public struct IngotError: Error, Sendable, CustomStringConvertible {
  /// The kinds of failure; the raw values are the statuses of the C ABI.
  public enum Kind: Int32, Sendable, CaseIterable {
    /// A value, shape, dtype, name or kernel argument that cannot be meant.
    case argument = 1
    /// A handle of the C ABI that is released, forged or null.
    case closed = 2
    /// No Metal device, not that many, or no GPU where one is required.
    case deviceNotFound = 3
    /// Metal could not allocate.
    case outOfMemory = 4
    /// MSL that does not compile.
    case compile = 5
    /// A kernel that Metal cannot make a pipeline of.
    case pipeline = 6
    /// Not in this state: dispatch after commit, a second commit, use from two threads at once.
    case state = 7
    /// Host access to memory that an unfinished submission uses.
    case inFlight = 8
    /// The wait ended first; what was waited for goes on.
    case timeout = 9
    /// The GPU failed.
    case commandBuffer = 10
  }

  public let kind: Kind
  public let message: String
  /// Where the source does not compile, for `.compile`.
  public let compileFailure: CompileFailure?
  /// Metal's own error code, for `.commandBuffer`: the raw value of `MTLCommandBufferError.Code`.
  public let metalCode: Int?
  /// The kernels that were in the submission, by their pipelines' labels, for `.commandBuffer`.
  public let kernels: [String]
  /// The label of the submission's encoder, for `.commandBuffer`; empty if it had none.
  public let label: String

  public init(
    _ kind: Kind, _ message: String, compileFailure: CompileFailure? = nil, metalCode: Int? = nil,
    kernels: [String] = [], label: String = ""
  ) {
    self.kind = kind
    self.message = message
    self.compileFailure = compileFailure
    self.metalCode = metalCode
    self.kernels = kernels
    self.label = label
  }

  public var description: String { "\(kind): \(message)" }
}

extension IngotError {
  static func argument(_ message: String) -> IngotError { IngotError(.argument, message) }
  static func state(_ message: String) -> IngotError { IngotError(.state, message) }
}
