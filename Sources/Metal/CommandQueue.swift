/// Runs command buffers, in the order they are enqueued or committed.
public protocol MTLCommandQueue: AnyObject {
  var label: String? { get set }
  var device: any MTLDevice { get }

  /// Blocks while as many command buffers as the queue allows are unfinished.
  @discardableResult func makeCommandBuffer() -> (any MTLCommandBuffer)?
  @discardableResult func makeCommandBuffer(
    descriptor: MTLCommandBufferDescriptor
  ) -> (any MTLCommandBuffer)?
  /// The caller keeps every resource alive until the command buffer has finished.
  @discardableResult func makeCommandBufferWithUnretainedReferences() -> (any MTLCommandBuffer)?

  /// Makes the set's allocations resident for all command buffers committed from now on; at most 32 sets.
  func addResidencySet(_ residencySet: any MTLResidencySet)
  func addResidencySets(_ residencySets: [any MTLResidencySet])
  func removeResidencySet(_ residencySet: any MTLResidencySet)
  func removeResidencySets(_ residencySets: [any MTLResidencySet])
}

open class MTLCommandQueueDescriptor {
  /// How many command buffers may be unfinished at a time.
  open var maxCommandBufferCount = 64

  public init() {}
}
