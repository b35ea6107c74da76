// swift-format-ignore-file: AlwaysUseLowerCamelCase, for Apple's names

/// What a function does with an argument.
public enum MTLBindingAccess: UInt, Sendable {
  case readOnly = 0
  case readWrite = 1
  case writeOnly = 2
}

public enum MTLBindingType: Int, Sendable {
  case buffer = 0
  case threadgroupMemory = 1
  case texture = 2
  case sampler = 3
  case imageblockData = 16
  case imageblock = 17
  case visibleFunctionTable = 24
  case primitiveAccelerationStructure = 25
  case instanceAccelerationStructure = 26
  case intersectionFunctionTable = 27
  case objectPayload = 34
}

/// One argument of a function, as `MTLComputePipelineReflection.bindings` lists it.
public protocol MTLBinding: AnyObject {
  var name: String { get }
  var type: MTLBindingType { get }
  var access: MTLBindingAccess { get }
  var index: Int { get }
  var isUsed: Bool { get }
  var isArgument: Bool { get }
}

public protocol MTLBufferBinding: MTLBinding {
  /// The least alignment of the offset, in bytes.
  var bufferAlignment: Int { get }
  /// Bytes of one element.
  var bufferDataSize: Int { get }
  var bufferDataType: MTLDataType { get }
}

public protocol MTLThreadgroupBinding: MTLBinding {
  var threadgroupMemoryAlignment: Int { get }
  /// Bytes of one element.
  var threadgroupMemoryDataSize: Int { get }
}
