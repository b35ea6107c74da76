// swift-format-ignore-file: AlwaysUseLowerCamelCase, for Apple's names

/// A kernel, compiled and ready to dispatch.
public protocol MTLComputePipelineState: AnyObject {
  var label: String? { get }
  var device: any MTLDevice { get }
  var maxTotalThreadsPerThreadgroup: Int { get }
  var threadExecutionWidth: Int { get }
  var staticThreadgroupMemoryLength: Int { get }
}

open class MTLComputePipelineDescriptor {
  open var label: String?
  open var computeFunction: (any MTLFunction)?
  /// A promise about every dispatch.
  open var threadGroupSizeIsMultipleOfThreadExecutionWidth = false
  /// 0 leaves the limit to the compiler.
  open var maxTotalThreadsPerThreadgroup = 0
  public private(set) var buffers = MTLPipelineBufferDescriptorArray()

  public init() {}

  open func reset() {
    label = nil
    computeFunction = nil
    threadGroupSizeIsMultipleOfThreadExecutionWidth = false
    maxTotalThreadsPerThreadgroup = 0
    buffers = MTLPipelineBufferDescriptorArray()
  }
}

public enum MTLMutability: UInt, Sendable {
  case `default` = 0
  case mutable = 1
  case immutable = 2
}

open class MTLPipelineBufferDescriptor {
  open var mutability = MTLMutability.default

  public init() {}
}

open class MTLPipelineBufferDescriptorArray {
  private var descriptors: [Int: MTLPipelineBufferDescriptor] = [:]

  public init() {}

  open subscript(bufferIndex: Int) -> MTLPipelineBufferDescriptor! {
    get {
      if let descriptor = descriptors[bufferIndex] { return descriptor }
      let descriptor = MTLPipelineBufferDescriptor()
      descriptors[bufferIndex] = descriptor
      return descriptor
    }
    set { descriptors[bufferIndex] = newValue }
  }
}

/// What making a pipeline state returns beside it.
public struct MTLPipelineOption: OptionSet, Sendable {
  public let rawValue: UInt
  public init(rawValue: UInt) { self.rawValue = rawValue }

  public static let argumentInfo = MTLPipelineOption(rawValue: 1)
  public static let bindingInfo = MTLPipelineOption(rawValue: 1)
  public static let bufferTypeInfo = MTLPipelineOption(rawValue: 2)
  public static let failOnBinaryArchiveMiss = MTLPipelineOption(rawValue: 4)
}

open class MTLComputePipelineReflection {
  public let bindings: [any MTLBinding]

  init(bindings: [any MTLBinding]) { self.bindings = bindings }
}
