import Synchronization

final class SoftwareResidencySet: MTLResidencySet, @unchecked Sendable {
  static let maxAllocations = 262_144

  let id: Int
  let label: String?
  private let softwareDevice: SoftwareDevice
  /// With what is staged.
  private var allocations: [ObjectIdentifier: any MTLAllocation] = [:]
  /// Staged for removal; memory stays resident, and alive, until the commit.
  private var removed: [any MTLAllocation] = []
  private var size: UInt64 = 0
  private var committedSize: UInt64 = 0
  private let isBusy = Atomic(false)

  struct TooLarge: Error, CustomStringConvertible {
    let description: String
  }

  init(device: SoftwareDevice, descriptor: MTLResidencySetDescriptor) throws(TooLarge) {
    guard descriptor.initialCapacity <= SoftwareResidencySet.maxAllocations else {
      let limit = SoftwareResidencySet.maxAllocations
      throw TooLarge(
        description: "initialCapacity \(descriptor.initialCapacity) is above the limit of \(limit)")
    }
    id = Counter.objects.add(1)
    softwareDevice = device
    label = descriptor.label
    allocations.reserveCapacity(max(0, descriptor.initialCapacity))
    LiveObject.residencySets.made()
  }

  deinit { LiveObject.residencySets.released() }

  var device: any MTLDevice { softwareDevice }
  var allocatedSize: UInt64 { exclusively { committedSize } }
  var allocationCount: Int { exclusively { allocations.count } }
  var allAllocations: [any MTLAllocation] { exclusively { Array(allocations.values) } }

  func containsAllocation(_ anAllocation: any MTLAllocation) -> Bool {
    exclusively { allocations[ObjectIdentifier(anAllocation)] != nil }
  }

  func addAllocation(_ allocation: any MTLAllocation) { addAllocations([allocation]) }

  func addAllocations(_ allocations: [any MTLAllocation]) {
    trace("addAllocations", allocations)
    exclusively {
      for allocation in allocations { add(allocation) }
      guard self.allocations.count <= SoftwareResidencySet.maxAllocations else {
        misuse(
          "-[IOGPUMetalResidencySet addAllocation:]", "the set holds \(self.allocations.count) allocations")
      }
    }
  }

  func removeAllocation(_ allocation: any MTLAllocation) { removeAllocations([allocation]) }

  func removeAllocations(_ allocations: [any MTLAllocation]) {
    trace("removeAllocations", allocations)
    exclusively {
      for allocation in allocations { remove(allocation) }
    }
  }

  private func add(_ allocation: any MTLAllocation) {
    if let resource = allocation as? any MTLResource, resource.device !== softwareDevice {
      misuse("-[MTLResidencySet addAllocation:]", "the allocation belongs to another device")
    }
    let known = allocations.updateValue(allocation, forKey: ObjectIdentifier(allocation))
    if known == nil { size += UInt64(allocation.allocatedSize) }
  }

  private func remove(_ allocation: any MTLAllocation) {
    guard let known = allocations.removeValue(forKey: ObjectIdentifier(allocation)) else { return }
    size -= UInt64(known.allocatedSize)
    removed.append(known)
  }

  func removeAllAllocations() {
    softwareDevice.trace?.line("residencySet \(id) removeAllAllocations")
    exclusively {
      removed += allocations.values
      allocations = [:]
      size = 0
    }
  }

  func commit() {
    softwareDevice.trace?.line("residencySet \(id) commit")
    Counter.residencySetCommits.add(1)
    let released = exclusively {
      committedSize = size
      defer { removed = [] }
      return removed
    }
    // Outside, because the last release of memory may call back.
    withExtendedLifetime(released) {}
  }

  func requestResidency() {
    softwareDevice.trace?.line("residencySet \(id) requestResidency")
    exclusively {}
  }

  func endResidency() {
    softwareDevice.trace?.line("residencySet \(id) endResidency")
    exclusively {}
  }

  private func trace(_ method: String, _ allocations: [any MTLAllocation]) {
    guard let trace = softwareDevice.trace else { return }
    let names = allocations.map { ($0 as? SoftwareBuffer).map { "buffer \($0.id)" } ?? "?" }
    trace.line("residencySet \(id) \(method) \(names.joined(separator: ", "))")
  }

  // Metal's sets are not thread-safe; here two threads at once are found out.
  private func exclusively<Result>(_ body: () -> Result) -> Result {
    let wasBusy = isBusy.exchange(true, ordering: .acquiring)
    guard !wasBusy else {
      misuse("MTLResidencySet", "residency set \(label ?? "") is used by two threads at the same time")
    }
    defer { isBusy.store(false, ordering: .releasing) }
    return body()
  }
}
