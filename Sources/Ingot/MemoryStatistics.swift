/// How many there are, and of how many bytes.
public struct MemoryUse: Sendable, Hashable {
  public var count = 0
  public var bytes = 0
}

/// The memory of one device object, exact after each operation.
///
///     device.resetPeak()
///     try step()
///     print(device.memoryStatistics.peakUsedBytes, "bytes were in use at a time")
///
/// An allocation is an `MTLBuffer`, a block is a part of one or the whole, and a storage is what was handed out: it is
/// on one block, as many bytes of it as were asked for, and buffers are windows on it.
public struct MemoryStatistics: Sendable, Hashable {
  /// Allocations that pools made, which use them again.
  public let pooled: MemoryUse
  /// Allocations made for one buffer, which go with it.
  public let exact: MemoryUse
  /// Memory of somebody else's that Metal was told to use (`makeBuffer(bytesNoCopy:)`).
  public let wrapped: MemoryUse
  /// Parts of files.
  public let mapped: MemoryUse
  /// Somebody else's `MTLBuffer`s.
  public let adopted: MemoryUse
  /// Storages that have memory, and the bytes that were asked for.
  public let storages: MemoryUse
  /// Allocations in the device's own residency sets. One that went leaves them with the next commit.
  public let resident: MemoryUse
  /// Bytes of all allocations.
  public let totalBytes: Int
  /// Bytes of the blocks that a buffer, an encoder, an unfinished submission or a view on the host holds.
  public let usedBytes: Int
  /// The most that `totalBytes` was since the device was opened or `Device.resetPeak()`.
  public let peakTotalBytes: Int
  /// The most that `usedBytes` was since the device was opened or `Device.resetPeak()`.
  public let peakUsedBytes: Int

  /// Bytes that pools keep to use again.
  public var freeBytes: Int { totalBytes - usedBytes }
}

extension Device {
  public var memoryStatistics: MemoryStatistics {
    let resident = residency?.counts ?? ResidencyCounts()
    return memory.ledger.statistics(resident: MemoryUse(count: resident.members, bytes: resident.bytes))
  }

  /// Begins anew to look for the most memory at a time.
  public func resetPeak() { memory.ledger.resetPeak() }
}
