// swift-format-ignore-file: AlwaysUseLowerCamelCase, for Apple's names

/// The functions of one piece of source.
public protocol MTLLibrary: AnyObject {
  var label: String? { get set }
  var device: any MTLDevice { get }
  var functionNames: [String] { get }
  var type: MTLLibraryType { get }
  var installName: String? { get }
  /// Nil when the library has no function of that name. One that has function constants only tells which: a pipeline
  /// state needs values for them.
  @discardableResult func makeFunction(name functionName: String) -> (any MTLFunction)?
  /// The function with values for its function constants; looked up by index first, then by name.
  @discardableResult func makeFunction(
    name: String, constantValues: MTLFunctionConstantValues
  ) throws -> any MTLFunction
}

public protocol MTLFunction: AnyObject {
  var label: String? { get set }
  var device: any MTLDevice { get }
  var functionType: MTLFunctionType { get }
  var name: String { get }
  /// By name, the function constants that want values; empty once the function has them.
  var functionConstantsDictionary: [String: MTLFunctionConstant] { get }
}

public enum MTLFunctionType: UInt, Sendable {
  case vertex = 1
  case fragment = 2
  case kernel = 3
  case visible = 5
  case intersection = 6
}

public let MTLLibraryErrorDomain = "MTLLibraryErrorDomain"

/// Why source became no library; the description is the compiler's log.
public struct MTLLibraryError: Error, Hashable, Sendable {
  public enum Code: UInt, Sendable {
    case unsupported = 1
    case `internal` = 2
    case compileFailure = 3
    case compileWarning = 4
    case functionNotFound = 5
    case fileNotFound = 6
  }

  public let code: Code
  let message: String

  init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  public static var unsupported: Code { .unsupported }
  public static var `internal`: Code { .internal }
  public static var compileFailure: Code { .compileFailure }
  public static var compileWarning: Code { .compileWarning }
  public static var functionNotFound: Code { .functionNotFound }
  public static var fileNotFound: Code { .fileNotFound }

  public static var errorDomain: String { MTLLibraryErrorDomain }
  public var errorCode: Int { Int(code.rawValue) }
  public var userInfo: [String: Any] { ["NSLocalizedDescription": message] }
}

extension MTLLibraryError: CustomStringConvertible {
  public var description: String { message }
}
