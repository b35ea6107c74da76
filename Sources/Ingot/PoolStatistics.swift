/// What a pool has done and holds; bytes are those of whole blocks.
///
/// What is neither used nor free is not the pool's: `totalBytes` are the bytes of its allocations.
public struct PoolStatistics: Sendable, Equatable {
  /// Bytes of blocks that somebody uses.
  public internal(set) var usedBytes = 0
  /// Bytes of blocks that nobody uses; those of slabs count from the first block of the slab on.
  public internal(set) var freeBytes = 0
  public internal(set) var freeBlocks = 0
  /// Blocks that somebody uses.
  public internal(set) var usedBlocks = 0
  /// Of the free bytes, those of allocations in which nothing is used: what `trim()` gives back.
  public internal(set) var cachedBytes = 0
  /// Requests that memory of the pool's served, and those that it took a new allocation for.
  public internal(set) var hits = 0
  public internal(set) var misses = 0
  /// The most bytes that were used at a time.
  public internal(set) var highWater = 0
  /// Blocks that were taken back while an encoder, an unfinished submission or a host view still used them.
  public internal(set) var quarantined = 0

  public var totalBytes: Int { usedBytes + freeBytes }

  mutating func take(_ capacity: Int) {
    freeBlocks -= 1
    usedBlocks += 1
    freeBytes -= capacity
    usedBytes += capacity
    highWater = max(highWater, usedBytes)
  }

  mutating func put(_ capacity: Int) {
    freeBlocks += 1
    usedBlocks -= 1
    freeBytes += capacity
    usedBytes -= capacity
  }
}
