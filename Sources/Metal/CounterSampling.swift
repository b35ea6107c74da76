// swift-format-ignore-file: AlwaysUseLowerCamelCase, for Apple's names

/// A value that the GPU can sample.
public protocol MTLCounter: AnyObject {
  var name: String { get }
}

/// Counters that are sampled together.
public protocol MTLCounterSet: AnyObject {
  /// For example that of `MTLCommonCounterSet.timestamp`.
  var name: String { get }
  var counters: [any MTLCounter] { get }
}

/// Memory for samples, which only the GPU understands until they are resolved.
public protocol MTLCounterSampleBuffer: AnyObject {
  var device: any MTLDevice { get }
  var label: String { get }
  var sampleCount: Int { get }
}

public struct MTLCommonCounterSet: RawRepresentable, Hashable, Sendable {
  public let rawValue: String
  public init(rawValue: String) { self.rawValue = rawValue }

  public static let timestamp = MTLCommonCounterSet(rawValue: "timestamp")
}

/// A resolved sample of `MTLCommonCounterSet.timestamp`, in ticks of the GPU; all bits are set where there is none.
public struct MTLCounterResultTimestamp: Sendable, BitwiseCopyable {
  public var timestamp: UInt64

  public init() { timestamp = 0 }
  public init(timestamp: UInt64) { self.timestamp = timestamp }
}

/// When counters can be sampled.
public enum MTLCounterSamplingPoint: UInt, Sendable {
  case atStageBoundary = 0
  case atDrawBoundary = 1
  case atDispatchBoundary = 2
  case atTileDispatchBoundary = 3
  case atBlitBoundary = 4
}

open class MTLCounterSampleBufferDescriptor {
  open var counterSet: (any MTLCounterSet)?
  open var label = ""
  open var storageMode = MTLStorageMode.shared
  open var sampleCount = 0

  public init() {}
}

/// Why there is no sample buffer.
public struct MTLCounterSampleBufferError: Error, Hashable, Sendable {
  public enum Code: Int, Sendable {
    case outOfMemory = 0
    case invalid = 1
    case `internal` = 2
  }

  public let code: Code
  let message: String

  init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  public static var outOfMemory: Code { .outOfMemory }
  public static var invalid: Code { .invalid }
  public static var `internal`: Code { .internal }
}

extension MTLCounterSampleBufferError: CustomStringConvertible {
  public var description: String { message }
}

/// Where a compute encoder's samples go.
open class MTLComputePassSampleBufferAttachmentDescriptor {
  open var sampleBuffer: (any MTLCounterSampleBuffer)?
  /// The sample that is taken before the encoder's first command; -1 takes none.
  open var startOfEncoderSampleIndex = -1
  /// The sample that is taken after the encoder's last command; -1 takes none.
  open var endOfEncoderSampleIndex = -1

  public init() {}
}

open class MTLComputePassSampleBufferAttachmentDescriptorArray {
  private var descriptors: [Int: MTLComputePassSampleBufferAttachmentDescriptor] = [:]

  public init() {}

  open subscript(attachmentIndex: Int) -> MTLComputePassSampleBufferAttachmentDescriptor! {
    get {
      if let descriptor = descriptors[attachmentIndex] { return descriptor }
      let descriptor = MTLComputePassSampleBufferAttachmentDescriptor()
      descriptors[attachmentIndex] = descriptor
      return descriptor
    }
    set { descriptors[attachmentIndex] = newValue }
  }
}
