// swift-format-ignore-file: AlwaysUseLowerCamelCase, for Apple's names

/// A GPU; on Linux the processor, by the rules of one.
public protocol MTLDevice: AnyObject {
  var name: String { get }
  var registryID: UInt64 { get }
  var architecture: MTLArchitecture { get }
  var maxThreadsPerThreadgroup: MTLSize { get }
  var isLowPower: Bool { get }
  var isHeadless: Bool { get }
  var isRemovable: Bool { get }
  var location: MTLDeviceLocation { get }
  var locationNumber: Int { get }
  var hasUnifiedMemory: Bool { get }
  var recommendedMaxWorkingSetSize: UInt64 { get }
  /// Bytes that the process's resources of this device take now.
  var currentAllocatedSize: Int { get }
  var maxBufferLength: Int { get }
  var maxThreadgroupMemoryLength: Int { get }
  @discardableResult func supportsFamily(_ gpuFamily: MTLGPUFamily) -> Bool

  @discardableResult func makeCommandQueue() -> (any MTLCommandQueue)?
  @discardableResult func makeCommandQueue(maxCommandBufferCount: Int) -> (any MTLCommandQueue)?
  @discardableResult func makeCommandQueue(descriptor: MTLCommandQueueDescriptor) -> (any MTLCommandQueue)?

  /// A buffer of zeros, or nil when there is no memory for it.
  @discardableResult func makeBuffer(length: Int, options: MTLResourceOptions) -> (any MTLBuffer)?
  /// A buffer with a copy of the bytes.
  @discardableResult func makeBuffer(
    bytes pointer: UnsafeRawPointer, length: Int, options: MTLResourceOptions
  ) -> (any MTLBuffer)?
  /// A buffer of whole pages that the caller owns; `deallocator` is called once when the last user lets go of them.
  @discardableResult func makeBuffer(
    bytesNoCopy pointer: UnsafeMutableRawPointer, length: Int, options: MTLResourceOptions,
    deallocator: (@Sendable (UnsafeMutableRawPointer, Int) -> Void)?
  ) -> (any MTLBuffer)?
  @discardableResult func heapBufferSizeAndAlign(length: Int, options: MTLResourceOptions) -> MTLSizeAndAlign

  /// The library of the app's bundle; there are no bundles here, so nil.
  @discardableResult func makeDefaultLibrary() -> (any MTLLibrary)?
  @discardableResult func makeLibrary(source: String, options: MTLCompileOptions?) throws -> any MTLLibrary
  @discardableResult func makeComputePipelineState(
    function computeFunction: any MTLFunction
  ) throws -> any MTLComputePipelineState
  @discardableResult func makeComputePipelineState(
    descriptor: MTLComputePipelineDescriptor, options: MTLPipelineOption
  ) throws -> (any MTLComputePipelineState, MTLComputePipelineReflection?)

  @discardableResult func makeFence() -> (any MTLFence)?
  @discardableResult func makeEvent() -> (any MTLEvent)?
  @discardableResult func makeSharedEvent() -> (any MTLSharedEvent)?
  @discardableResult func makeResidencySet(
    descriptor desc: MTLResidencySetDescriptor
  ) throws -> any MTLResidencySet
  /// Nil where the GPU has none.
  var counterSets: [any MTLCounterSet]? { get }
  @discardableResult func supportsCounterSampling(_ samplingPoint: MTLCounterSamplingPoint) -> Bool
  @discardableResult func makeCounterSampleBuffer(
    descriptor: MTLCounterSampleBufferDescriptor
  ) throws -> any MTLCounterSampleBuffer
  /// Both clocks at one moment: the CPU's in nanoseconds, the GPU's in ticks of its own.
  @discardableResult func sampleTimestamps() -> (cpu: MTLTimestamp, gpu: MTLTimestamp)
}

// The default arguments that the importer makes; a protocol cannot state them.
extension MTLDevice {
  @discardableResult
  public func makeBuffer(length: Int) -> (any MTLBuffer)? {
    makeBuffer(length: length, options: [])
  }

  @discardableResult
  public func makeBuffer(bytes pointer: UnsafeRawPointer, length: Int) -> (any MTLBuffer)? {
    makeBuffer(bytes: pointer, length: length, options: [])
  }

  @discardableResult
  public func makeBuffer(
    bytesNoCopy pointer: UnsafeMutableRawPointer, length: Int,
    deallocator: (@Sendable (UnsafeMutableRawPointer, Int) -> Void)? = nil
  ) -> (any MTLBuffer)? {
    makeBuffer(bytesNoCopy: pointer, length: length, options: [], deallocator: deallocator)
  }

  @discardableResult
  public func makeBuffer(
    bytesNoCopy pointer: UnsafeMutableRawPointer, length: Int, options: MTLResourceOptions
  ) -> (any MTLBuffer)? {
    makeBuffer(bytesNoCopy: pointer, length: length, options: options, deallocator: nil)
  }

  @discardableResult
  public func heapBufferSizeAndAlign(length: Int) -> MTLSizeAndAlign {
    heapBufferSizeAndAlign(length: length, options: [])
  }
}

open class MTLArchitecture {
  public let name: String

  init(name: String) { self.name = name }
}

public enum MTLDeviceLocation: UInt, Sendable {
  case builtIn = 0
  case slot = 1
  case external = 2
  case unspecified = 18_446_744_073_709_551_615
}

/// What a GPU can do, by generation.
public enum MTLGPUFamily: Int, Sendable {
  case apple1 = 1001
  case apple2 = 1002
  case apple3 = 1003
  case apple4 = 1004
  case apple5 = 1005
  case apple6 = 1006
  case apple7 = 1007
  case apple8 = 1008
  case apple9 = 1009
  case apple10 = 1010
  case mac1 = 2001
  case mac2 = 2002
  case common1 = 3001
  case common2 = 3002
  case common3 = 3003
  case metal3 = 5001
  case metal4 = 5002
}

@discardableResult
public func MTLCreateSystemDefaultDevice() -> (any MTLDevice)? { SoftwareDevice.shared }

@discardableResult
public func MTLCopyAllDevices() -> [any MTLDevice] { SoftwareDevice.shared.map { [$0] } ?? [] }
