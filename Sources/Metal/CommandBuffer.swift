// swift-format-ignore-file: AlwaysUseLowerCamelCase, for Apple's names

/// Commands that are encoded once, committed once and run once. For one thread at a time.
public protocol MTLCommandBuffer: AnyObject {
  var device: any MTLDevice { get }
  var commandQueue: any MTLCommandQueue { get }
  var retainedReferences: Bool { get }
  var errorOptions: MTLCommandBufferErrorOption { get }
  var label: String? { get set }
  var status: MTLCommandBufferStatus { get }
  /// Nil unless the status is `.error`.
  var error: (any Error)? { get }

  // Seconds on the host's clock, 0 until known.
  var kernelStartTime: CFTimeInterval { get }
  var kernelEndTime: CFTimeInterval { get }
  var gpuStartTime: CFTimeInterval { get }
  var gpuEndTime: CFTimeInterval { get }

  /// Reserves the place in the queue's order.
  func enqueue()
  func commit()
  @available(*, noasync)
  func waitUntilScheduled()
  @available(*, noasync)
  func waitUntilCompleted()
  func addScheduledHandler(_ block: @escaping MTLCommandBufferHandler)
  func addCompletedHandler(_ block: @escaping MTLCommandBufferHandler)

  @discardableResult func makeComputeCommandEncoder() -> (any MTLComputeCommandEncoder)?
  @discardableResult func makeComputeCommandEncoder(
    dispatchType: MTLDispatchType
  ) -> (any MTLComputeCommandEncoder)?
  @discardableResult func makeComputeCommandEncoder(
    descriptor computePassDescriptor: MTLComputePassDescriptor
  ) -> (any MTLComputeCommandEncoder)?
  @discardableResult func makeBlitCommandEncoder() -> (any MTLBlitCommandEncoder)?

  /// Everything after this in the queue's order waits until the event has the value.
  func encodeWaitForEvent(_ event: any MTLEvent, value: UInt64)
  /// The event gets the value when everything before this has finished.
  func encodeSignalEvent(_ event: any MTLEvent, value: UInt64)
  func pushDebugGroup(_ string: String)
  func popDebugGroup()
  func useResidencySet(_ residencySet: any MTLResidencySet)
  func useResidencySets(_ residencySets: [any MTLResidencySet])
}

public typealias MTLCommandBufferHandler = @Sendable (any MTLCommandBuffer) -> Void

public enum MTLCommandBufferStatus: UInt, Sendable {
  case notEnqueued = 0
  case enqueued = 1
  case committed = 2
  case scheduled = 3
  case completed = 4
  case error = 5
}

public struct MTLCommandBufferErrorOption: OptionSet, Sendable {
  public let rawValue: UInt
  public init(rawValue: UInt) { self.rawValue = rawValue }

  /// An error says how far each encoder came.
  public static let encoderExecutionStatus = MTLCommandBufferErrorOption(rawValue: 1)
}

open class MTLCommandBufferDescriptor {
  /// Whether the command buffer keeps alive what it uses.
  open var retainedReferences = true
  open var errorOptions: MTLCommandBufferErrorOption = []

  public init() {}
}

open class MTLComputePassDescriptor {
  open var dispatchType = MTLDispatchType.serial
  public private(set) var sampleBufferAttachments = MTLComputePassSampleBufferAttachmentDescriptorArray()

  public init() {}
}
