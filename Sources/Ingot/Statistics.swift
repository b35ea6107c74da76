/// Figures of one device object since it was opened.
///
///     print(device.statistics.unfinished, "submissions are under way")
public struct DeviceStatistics: Sendable, Hashable {
  /// Bytes that the process's resources take on this GPU, Metal's own figure.
  public let currentAllocated: Int
  /// Allocations in the device's own residency sets, with what is staged; 0 without them.
  public let residentCount: Int
  /// `MTLResidencySet.commit` calls.
  public let residencyCommits: Int
  /// Command buffers committed, on all queues.
  public let submissions: Int
  /// Of these, not completed yet.
  public let unfinished: Int
  /// Residency sets on each queue, those made by `residencySet` among them.
  public let residencySets: Int
  /// Bytes of the allocations that `residentCount` counts.
  public let residentBytes: Int
  /// Bytes that are not kept wired, being beyond `Device.residencyBudget`, or for want of a set.
  public let unwiredBytes: Int
  /// `MTLResidencySet.requestResidency` calls while the device was idle: see `Device.keepAlive`.
  public let residencyRequests: Int
  /// How often the timers behind residency ran.
  public let residencyWakeUps: Int
}

extension Device {
  public var statistics: DeviceStatistics {
    let resident = residency?.counts ?? ResidencyCounts()
    let (attached, kept, submitted) = (sets.counts, keeper.counts, queues.counts)
    return DeviceStatistics(
      currentAllocated: metalDevice.currentAllocatedSize, residentCount: resident.members,
      residencyCommits: attached.commits, submissions: submitted.submissions,
      unfinished: submitted.unfinished, residencySets: attached.sets, residentBytes: resident.bytes,
      unwiredBytes: resident.unwiredBytes, residencyRequests: kept.requests,
      residencyWakeUps: kept.wakeUps + resident.wakeUps)
  }
}
