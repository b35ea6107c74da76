/// Allocations that are kept resident together. Not thread-safe.
public protocol MTLResidencySet: AnyObject {
  var device: any MTLDevice { get }
  var label: String? { get }
  /// Bytes as of the last commit.
  var allocatedSize: UInt64 { get }
  /// How many, with what is staged.
  var allocationCount: Int { get }
  var allAllocations: [any MTLAllocation] { get }

  func addAllocation(_ allocation: any MTLAllocation)
  func addAllocations(_ allocations: [any MTLAllocation])
  func removeAllocation(_ allocation: any MTLAllocation)
  func removeAllocations(_ allocations: [any MTLAllocation])
  func removeAllAllocations()
  @discardableResult func containsAllocation(_ anAllocation: any MTLAllocation) -> Bool
  /// Applies what was added and removed since the last commit.
  func commit()
  func requestResidency()
  func endResidency()
}

open class MTLResidencySetDescriptor {
  open var label: String?
  open var initialCapacity = 0

  public init() {}
}
