// swift-format-ignore-file: AlwaysUseLowerCamelCase, for Apple's names

/// Encodes dispatches of kernels. Bindings stay for later dispatches of the same encoder.
public protocol MTLComputeCommandEncoder: MTLCommandEncoder {
  var dispatchType: MTLDispatchType { get }
  func setComputePipelineState(_ state: any MTLComputePipelineState)

  /// Copies at most 4096 bytes into the command buffer.
  func setBytes(_ bytes: UnsafeRawPointer, length: Int, index: Int)
  func setBuffer(_ buffer: (any MTLBuffer)?, offset: Int, index: Int)
  func setBufferOffset(_ offset: Int, index: Int)
  func setBuffers(_ buffers: [(any MTLBuffer)?], offsets: [Int], range: Range<Int>)
  /// Bytes of the threadgroup argument at the index: a multiple of 16.
  func setThreadgroupMemoryLength(_ length: Int, index: Int)

  /// Full threadgroups only.
  func dispatchThreadgroups(_ threadgroupsPerGrid: MTLSize, threadsPerThreadgroup: MTLSize)
  /// Exactly these threads; threadgroups at the edge are smaller.
  func dispatchThreads(_ threadsPerGrid: MTLSize, threadsPerThreadgroup: MTLSize)
  /// The grid is read from the buffer when the dispatch runs.
  func dispatchThreadgroups(
    indirectBuffer: any MTLBuffer, indirectBufferOffset: Int, threadsPerThreadgroup: MTLSize)

  /// Later dispatches of this encoder see what earlier ones wrote.
  func memoryBarrier(scope: MTLBarrierScope)
  func memoryBarrier(resources: [any MTLResource])
  /// Declares a resource that kernels reach through `gpuAddress`.
  func useResource(_ resource: any MTLResource, usage: MTLResourceUsage)
  func useResources(_ resources: [any MTLResource], usage: MTLResourceUsage)
  func updateFence(_ fence: any MTLFence)
  func waitForFence(_ fence: any MTLFence)
}

public enum MTLDispatchType: UInt, Sendable {
  case serial = 0
  case concurrent = 1
}

public struct MTLBarrierScope: OptionSet, Sendable {
  public let rawValue: UInt
  public init(rawValue: UInt) { self.rawValue = rawValue }

  public static let buffers = MTLBarrierScope(rawValue: 1)
  public static let textures = MTLBarrierScope(rawValue: 2)
}

/// What the indirect buffer of a dispatch holds.
public struct MTLDispatchThreadgroupsIndirectArguments: Sendable, BitwiseCopyable {
  public var threadgroupsPerGrid: (UInt32, UInt32, UInt32)

  public init() { threadgroupsPerGrid = (0, 0, 0) }

  public init(threadgroupsPerGrid: (UInt32, UInt32, UInt32)) {
    self.threadgroupsPerGrid = threadgroupsPerGrid
  }
}
