// swift-format-ignore-file: AlwaysUseLowerCamelCase, for Apple's names

public let MTLCommandBufferErrorDomain = "MTLCommandBufferErrorDomain"
public let MTLCommandBufferEncoderInfoErrorKey = "MTLCommandBufferEncoderInfoErrorKey"

/// Why a command buffer ended with the status `.error`.
public struct MTLCommandBufferError: Error, Sendable {
  public enum Code: UInt, Sendable {
    case none = 0
    case `internal` = 1
    case timeout = 2
    case pageFault = 3
    case accessRevoked = 4
    case notPermitted = 7
    case outOfMemory = 8
    case invalidResource = 9
    case memoryless = 10
    case deviceRemoved = 11
    case stackOverflow = 12
  }

  public let code: Code
  let message: String
  let encoderInfos: [EncoderInfo]

  init(_ code: Code, _ message: String, encoderInfos: [EncoderInfo] = []) {
    self.code = code
    self.message = message
    self.encoderInfos = encoderInfos
  }

  public static var none: Code { .none }
  public static var `internal`: Code { .internal }
  public static var timeout: Code { .timeout }
  public static var pageFault: Code { .pageFault }
  public static var accessRevoked: Code { .accessRevoked }
  public static var notPermitted: Code { .notPermitted }
  public static var outOfMemory: Code { .outOfMemory }
  public static var invalidResource: Code { .invalidResource }
  public static var memoryless: Code { .memoryless }
  public static var deviceRemoved: Code { .deviceRemoved }
  public static var stackOverflow: Code { .stackOverflow }

  public static var errorDomain: String { MTLCommandBufferErrorDomain }
  public var errorCode: Int { Int(code.rawValue) }
  public var userInfo: [String: Any] {
    var info: [String: Any] = ["NSLocalizedDescription": message]
    if !encoderInfos.isEmpty {
      info[MTLCommandBufferEncoderInfoErrorKey] = encoderInfos as [any MTLCommandBufferEncoderInfo]
    }
    return info
  }
}

extension MTLCommandBufferError: Hashable {
  public static func == (left: MTLCommandBufferError, right: MTLCommandBufferError) -> Bool {
    left.code == right.code && left.message == right.message
  }

  public func hash(into hasher: inout Hasher) {
    hasher.combine(code)
    hasher.combine(message)
  }
}

extension MTLCommandBufferError: CustomStringConvertible {
  public var description: String { message }
}

/// How far an encoder of a failed command buffer came.
public protocol MTLCommandBufferEncoderInfo: AnyObject {
  var label: String { get }
  var debugSignposts: [String] { get }
  var errorState: MTLCommandEncoderErrorState { get }
}

public enum MTLCommandEncoderErrorState: Int, Sendable {
  case unknown = 0
  case completed = 1
  case affected = 2
  case pending = 3
  case faulted = 4
}

final class EncoderInfo: MTLCommandBufferEncoderInfo, Sendable {
  let label: String
  let debugSignposts: [String]
  let errorState: MTLCommandEncoderErrorState

  init(label: String, debugSignposts: [String], errorState: MTLCommandEncoderErrorState) {
    self.label = label
    self.debugSignposts = debugSignposts
    self.errorState = errorState
  }
}
