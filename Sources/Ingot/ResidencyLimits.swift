import Metal

/// What bounds the residency sets of a device.
struct ResidencyLimits: Sendable {
  /// Bytes of one set; a larger allocation has a set of its own. One huge set is slow to change.
  var setBytes: Int
  /// Allocations of one set. Metal ends the process at 262,144, and what is staged for removal may still count.
  var setMembers = 100_000
  /// Bytes that are kept wired; what is beyond works, but may be paged.
  var budget: Int
  /// Dropped memory that a set still holds goes back beyond this many bytes, or after so many nanoseconds.
  var removalBytes = 64 << 20
  var removalDelay: UInt64 = 1_000_000_000

  init(setBytes: Int, budget: Int) {
    self.setBytes = setBytes
    self.budget = budget
  }

  init(of device: any MTLDevice) {
    self.init(
      workingSet: device.recommendedMaxWorkingSetSize, physicalMemory: Platform.physicalMemory)
  }

  /// Those of a device with this working set, on a machine with so much memory.
  init(workingSet: UInt64, physicalMemory: UInt64) {
    self.init(
      setBytes: Int(clamping: workingSet / 20),
      budget: Self.budget(workingSet: workingSet, physicalMemory: physicalMemory))
  }

  /// The smaller of 75 % of the working set and what leaves 8 GiB and 35 % of the memory to the system; on a small
  /// machine that could be nothing, so a quarter is always there.
  static func budget(workingSet: UInt64, physicalMemory: UInt64) -> Int {
    let ofSystem = max(8 << 30, physicalMemory / 100 * 35)
    let left = physicalMemory > ofSystem ? physicalMemory - ofSystem : 0
    let least = min(workingSet, physicalMemory) / 4
    return Int(clamping: max(least, min(workingSet / 4 * 3, left)))
  }
}
