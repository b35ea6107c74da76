import Metal
import Synchronization

/// Makes buffers whose memory is used again.
///
///     let pool = Pool(device)
///     for _ in 0..<1000 { let scratch = try pool.empty([1 << 20], .float32); ... }
///
/// A block goes back by itself: when the last buffer, encoder and unfinished submission that uses it is gone. So no
/// block ever has two owners, and nothing is returned twice or to the wrong pool. Blocks come in size classes; the
/// rounded capacity never shows in a buffer. Cached blocks stay resident until `trim()` or until the pool goes.
/// A pool may be used from any thread.
public final class Pool: @unchecked Sendable, BufferMaker {
  // Unchecked: all that changes is under the lock.

  public let device: Device

  /// A block that nobody uses.
  private struct Block: @unchecked Sendable {
    let metal: any MTLBuffer
  }

  private struct State {
    /// By capacity. The last one that came back is the first to go out: it may still be in the processor's cache.
    var free: [Int: [Block]] = [:]
    var counts = PoolStatistics()
  }

  private let state = Mutex(State())

  public init(_ device: Device) { self.device = device }

  deinit { trim() }

  public var statistics: PoolStatistics { state.withLock { $0.counts } }

  /// Gives the memory of all cached blocks back to the system; returns how many bytes that are.
  @discardableResult
  public func trim() -> Int {
    let (free, bytes) = state.withLock { state in
      defer {
        state.free = [:]
        (state.counts.freeBytes, state.counts.freeBlocks) = (0, 0)
      }
      return (state.free, state.counts.freeBytes)
    }
    for block in free.values.joined() { device.residency?.retire(block.metal) }
    return bytes
  }

  public func makeBuffer(
    dtype: DType, shape: [Int], initial: UnsafeRawBufferPointer?, label: String?
  ) throws(IngotError) -> Buffer {
    try device.makeBuffer(dtype, shape, initial) { (length) throws(IngotError) in
      let block = try block(of: min(SizeClass.capacity(for: length), device.maxBufferLength))
      return Storage(device: device, metal: block.metal, length: length, label: label, pool: self)
    }
  }

  private func block(of capacity: Int) throws(IngotError) -> Block {
    if let block = takeCached(capacity) { return block }
    let block = try Block(metal: allocate(capacity))
    device.residency?.add(block.metal)
    state.withLock { state in
      state.counts.misses += 1
      state.counts.use(capacity)
    }
    return block
  }

  private func takeCached(_ capacity: Int) -> Block? {
    state.withLock { state in
      guard let block = state.free[capacity]?.popLast() else { return nil }
      state.counts.hits += 1
      state.counts.freeBlocks -= 1
      state.counts.freeBytes -= capacity
      state.counts.use(capacity)
      return block
    }
  }

  /// Before memory is said to be short, the cached blocks of other capacities go.
  private func allocate(_ capacity: Int) throws(IngotError) -> any MTLBuffer {
    do throws(IngotError) {
      return try Storage.allocate(capacity, on: device)
    } catch {
      guard trim() > 0 else { throw error }
      return try Storage.allocate(capacity, on: device)
    }
  }

  /// Takes back a block that nobody uses any more. No call of Metal is made under the lock: this may be the thread
  /// that runs Metal's completed handlers.
  func recycle(_ metal: any MTLBuffer) {
    let block = Block(metal: metal)
    let capacity = metal.length
    state.withLock { state in
      state.free[capacity, default: []].append(block)
      state.counts.usedBytes -= capacity
      state.counts.freeBytes += capacity
      state.counts.freeBlocks += 1
    }
  }
}

/// What a pool has done and holds; bytes are those of whole blocks.
public struct PoolStatistics: Sendable, Equatable {
  /// Bytes of blocks that somebody uses.
  public fileprivate(set) var usedBytes = 0
  /// Bytes of cached blocks.
  public fileprivate(set) var freeBytes = 0
  public fileprivate(set) var freeBlocks = 0
  /// Requests that a cached block served, and those that it took a new one for.
  public fileprivate(set) var hits = 0
  public fileprivate(set) var misses = 0
  /// The most bytes that were ever used at a time.
  public fileprivate(set) var highWater = 0

  public var totalBytes: Int { usedBytes + freeBytes }

  fileprivate mutating func use(_ capacity: Int) {
    usedBytes += capacity
    highWater = max(highWater, usedBytes)
  }
}
