/// Figures of one device object since it was opened.
///
///     print(device.statistics.unfinished, "submissions are under way")
public struct DeviceStatistics: Sendable, Hashable {
  /// Bytes that the process's resources take on this GPU, Metal's own figure.
  public let currentAllocated: Int
  /// Allocations in residency sets; 0 without them.
  public let residentCount: Int
  /// `MTLResidencySet.commit` calls.
  public let residencyCommits: Int
  /// Command buffers committed.
  public let submissions: Int
  /// Of these, not completed yet.
  public let unfinished: Int
}

extension Device {
  public var statistics: DeviceStatistics {
    let resident = residency?.counts ?? (allocations: 0, commits: 0)
    let submitted = queue.counts
    return DeviceStatistics(
      currentAllocated: metalDevice.currentAllocatedSize, residentCount: resident.allocations,
      residencyCommits: resident.commits, submissions: submitted.submissions, unfinished: submitted.unfinished
    )
  }
}
