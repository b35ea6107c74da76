import Metal
import Synchronization

/// What a pool is made of: its shelves, and who has what of them. It does not hold the device, which may hold it.
///
/// Under the lock no call of Metal is made and nothing is let go of: what has to go is collected, and released after it,
/// for a block can come back on the thread that runs Metal's completed handlers. The only lock that is taken under this
/// one is that of a lease, and of a timer. Whoever made the core closes it: until then timers and the system hold it.
final class PoolCore: BlockSource, @unchecked Sendable {
  // Unchecked: all that changes is under the lock.

  struct State: Sendable {
    var shelves = PoolShelves()
    var outstanding = Outstanding()
    var limits: PoolLimits
    /// Bytes of allocations that are being made.
    var pendingBytes = 0
    /// Set while anything is cached.
    var timer: PendingBlock?
  }

  /// Never reused.
  let id: UInt64
  let memory: Memory
  // The memory's, here to save a hop for each block.
  let counters: MemoryCounters
  private let time: any TimeSource
  private let maxBufferLength: Int
  let state: Mutex<State>
  /// Public objects of it, which share it. (A weak reference to one would make each use of it slower.)
  let objects = Mutex(0)
  private static let identifiers = Identifiers()
  private let pressure: PressureMonitor

  init(_ memory: Memory, pressure: PressureMonitor = .shared) {
    id = Self.identifiers.next()
    self.memory = memory
    counters = memory.ledger.counters
    time = memory.time
    maxBufferLength = memory.maxBufferLength
    self.pressure = pressure
    state = Mutex(State(limits: PoolLimits(workingSet: memory.recommendedWorkingSet)))
    pressure.add(self)
  }

  deinit { state.withLock { $0.outstanding.deallocate() } }

  /// Lets go of what is cached, and keeps nothing any more: what still comes back goes at once.
  func close() {
    pressure.remove(self)
    setLimits { $0.cached = 0 }
  }

  var statistics: PoolStatistics { state.withLock { $0.shelves.counts } }

  func resetHighWater() {
    state.withLock { $0.shelves.counts.highWater = $0.shelves.counts.usedBytes }
  }

  func block(of length: Int) throws(IngotError) -> Block {
    let shelf = SizeClass.index(for: length)
    let capacity = min(SizeClass.capacity(of: shelf), maxBufferLength)
    let found = state.withLock { state in
      let found = Self.take(shelf, &state)
      if found != nil { state.shelves.counts.hits += 1 }
      return found
    }
    let place = if let found { found } else { try make(shelf, capacity, asked: length) }
    counters.take(capacity)
    return Block(place, capacity: capacity, of: self)
  }

  /// A free block, and the entry for who is going to have it.
  private static func take(_ shelf: Int, _ state: inout State) -> BlockPlace? {
    guard let place = state.shelves.take(shelf) else { return nil }
    return BlockPlace(place: place, entry: state.outstanding.enter())
  }

  /// Takes back a block that nobody uses any more.
  func recycle(_ block: Block) {
    let removed = state.withLock { state in
      if block.isQuarantined { state.shelves.counts.quarantined -= 1 }
      return put(block, &state)
    }
    withExtendedLifetime(removed) {}
  }

  /// A storage goes: its block comes back, unless it was taken from it or somebody else holds it.
  func withdraw(_ lease: Lease) {
    var block: Block?
    let removed = state.withLock { state -> [Allocation] in
      block = lease.takeAtEnd()
      block?.owner?.pointee.store(0, ordering: .relaxed)
      guard block != nil, isKnownUniquelyReferenced(&block) else { return [] }
      return putBack(&block, &state)
    }
    withExtendedLifetime(removed) {}
  }

  /// Takes their blocks from the storages whose leases `each` calls its argument with; returns how many are still held.
  func takeBack(_ each: (borrowing State, (Lease) -> Void) -> Void) -> Int {
    var taken: [Block?] = []
    let (removed, quarantined) = state.withLock { state -> ([Allocation], Int) in
      each(state) { lease in
        guard let block = lease.expire() else { return }
        counters.removeStorage(lease.length)
        taken.append(block)
      }
      var removed: [Allocation] = []
      var quarantined = 0
      for index in taken.indices {
        taken[index]?.owner?.pointee.store(0, ordering: .relaxed)
        if isKnownUniquelyReferenced(&taken[index]) {
          removed += putBack(&taken[index], &state)
        } else {
          taken[index]?.isQuarantined = true
          quarantined += 1
        }
      }
      state.shelves.counts.quarantined += quarantined
      return (removed, quarantined)
    }
    withExtendedLifetime((removed, taken)) {}
    return quarantined
  }

  /// Puts a block on its shelf that one reference is left of, and that is to go.
  private func putBack(_ block: inout Block?, _ state: inout State) -> [Allocation] {
    block?.isReturned = true
    return block.map { put($0, &state) } ?? []
  }

  /// Returns what is beyond the limits now.
  private func put(_ block: Block, _ state: inout State) -> [Allocation] {
    if let owner = block.owner { state.outstanding.leave(owner) }
    counters.giveBack(block.capacity)
    state.shelves.put(block.unit, offset: block.offset, now: time.coarse)
    guard state.shelves.counts.cachedBytes > 0 else { return [] }
    let removed = state.limits.trimReturned(&state.shelves)
    // One that is set runs, even if it finds nothing: to cancel it each time would cost more.
    if state.timer == nil { setTimer(&state) }
    return removed
  }
}

// Making allocations, and letting go of them.
extension PoolCore {
  /// A block of a new allocation. Before memory is said to be short, what is cached goes.
  private func make(_ shelf: Int, _ capacity: Int, asked: Int) throws(IngotError) -> BlockPlace {
    let length = SizeClass.isSlabs(shelf) ? SizeClass.slab : capacity
    try reserve(length, asked: asked)
    let made: Allocation
    do throws(IngotError) {
      made = try memory.allocate(length, .pooled, asked: asked)
    } catch {
      made = try allocateAfterTrim(length, asked: asked, error)
    }
    return state.withLock { state in
      state.pendingBytes -= length
      state.shelves.counts.misses += 1
      state.shelves.insert(made, shelf, capacity: capacity, now: time.coarse)
      // It is the first on its shelf.
      return Self.take(shelf, &state)!
    }
  }

  private func allocateAfterTrim(
    _ length: Int, asked: Int, _ error: IngotError
  ) throws(IngotError) -> Allocation {
    do throws(IngotError) {
      guard trim(to: 0) > 0 else { throw error }
      return try memory.allocate(length, .pooled, asked: asked)
    } catch {
      state.withLock { $0.pendingBytes -= length }
      throw error
    }
  }

  /// Sees to it that `length` more bytes are within the limit, for which cached ones go.
  private func reserve(_ length: Int, asked: Int) throws(IngotError) {
    var removed: [Allocation] = []
    let refused = state.withLock { state -> IngotError? in
      if let limit = state.limits.total {
        let bytes = state.shelves.counts.totalBytes + state.pendingBytes
        let surplus = bytes - limit + length
        if surplus > state.shelves.counts.cachedBytes {
          return Self.beyond(limit, asked: asked, length, state)
        }
        state.shelves.trim(to: state.shelves.counts.cachedBytes - max(0, surplus), &removed)
      }
      state.pendingBytes += length
      return nil
    }
    removed = []
    if let refused { throw refused }
  }

  private static func beyond(
    _ limit: Int, asked: Int, _ length: Int, _ state: borrowing State
  ) -> IngotError {
    let counts = state.shelves.counts
    return IngotError(
      .outOfMemory,
      "\(asked) bytes take \(length) new ones, and the pool's limit is \(limit): it has allocations of"
        + " \(counts.totalBytes), in which \(counts.usedBytes) are used and of which \(counts.cachedBytes) can go, and"
        + " \(state.pendingBytes) are being made; a slab of small buffers stays as long as one of them. Drop buffers, or"
        + " raise the limit"
    )
  }

  /// Lets go of the longest unused allocations until no more than `bytes` are cached; returns of how many bytes.
  @discardableResult
  func trim(to bytes: Int) -> Int { trim { _ in max(0, bytes) } }

  /// As above, to as much as `target` says of what is cached.
  @discardableResult
  func trim(_ target: (Int) -> Int) -> Int {
    var removed: [Allocation] = []
    let freed = state.withLock { state in
      let cached = state.shelves.counts.cachedBytes
      state.shelves.trim(to: target(cached), &removed)
      setTimer(&state)
      return cached - state.shelves.counts.cachedBytes
    }
    removed = []
    // Also what was dropped before this, and not by this pool: memory is wanted.
    memory.residency?.commitRemovals()
    return freed
  }

  /// Lets go of memory, also of what the residency sets hold of it.
  private func release(_ removed: inout [Allocation]) {
    guard !removed.isEmpty else { return }
    removed = []
    memory.residency?.commitRemovals()
  }

  /// Changes the limits, and lets go of what is beyond them.
  func setLimits(_ body: (inout PoolLimits) -> Void) {
    var removed = state.withLock { state in
      body(&state.limits)
      state.timer?.cancel()
      state.timer = nil
      let removed = state.limits.trim(&state.shelves)
      setTimer(&state)
      return removed
    }
    release(&removed)
  }
}

// Time.
extension PoolCore {
  /// A timer for what is cached and is to go by itself, if there is any.
  private func setTimer(_ state: inout State) {
    guard let decay = state.limits.decay, let oldest = state.shelves.oldest else {
      state.timer?.cancel()
      state.timer = nil
      return
    }
    guard state.timer == nil else { return }
    let (due, isBeyond) = oldest.addingReportingOverflow(decay)
    let now = time.now
    // Held until it has run or is cancelled, at the latest when the pool is closed.
    state.timer = time.after(isBeyond ? .max : due > now ? due - now : 0) { self.dropOld() }
  }

  /// Lets go of what was not used for as long as the decay says.
  private func dropOld() {
    var removed: [Allocation] = []
    state.withLock { state in
      state.timer = nil
      let now = time.now
      while let decay = state.limits.decay, let oldest = state.shelves.oldest,
        now - min(now, oldest) >= decay,
        let allocation = state.shelves.removeOldest()
      {
        removed.append(allocation)
      }
      setTimer(&state)
    }
    release(&removed)
  }
}
