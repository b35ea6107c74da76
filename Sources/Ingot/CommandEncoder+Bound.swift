import Metal

extension CommandEncoder {
  /// Encodes a dispatch of a bound kernel over so many threads (`dispatchThreads`).
  ///
  ///     try encoder.dispatch(bound, grid: x.count)
  ///
  /// Its arguments were checked when they were bound. Throws `.argument` for a grid or group that cannot be, or a kernel of
  /// another device; `.closed` if a buffer went back to its pool since; `.state` after a commit.
  @inlinable
  public func dispatch(
    _ bound: BoundKernel, grid: some ExtentConvertible, group: (some ExtentConvertible)? = Extent?.none
  ) throws(IngotError) {
    try dispatch(bound, grid: .threads(grid.asExtent()), group: group?.asExtent())
  }

  /// Encodes a dispatch of so many threadgroups of a given size, all of them full (`dispatchThreadgroups`).
  @inlinable
  public func dispatch(
    _ bound: BoundKernel, groups: some ExtentConvertible, group: some ExtentConvertible
  ) throws(IngotError) {
    try dispatch(bound, grid: .threadgroups(groups.asExtent()), group: group.asExtent())
  }

  /// The form that the C boundary calls, which allocates nothing.
  public func dispatch(_ bound: BoundKernel, grid: Grid, group: Extent?) throws(IngotError) {
    try enter()
    do throws(IngotError) {
      let kernel = bound.kernel
      guard kernel.deviceID == device.id else { throw foreign(kernel) }
      let size = try threadgroup(for: kernel, grid, group)
      let needsBarrier = try check(bound)
      if let target = try readyTarget() {
        encode(bound, grid, size, on: target, barrier: needsBarrier)
      } else if let recording {
        if needsBarrier { recording.segmentEnds(hazards) }
        encode(bound, grid, size, on: recording, barrier: needsBarrier)
        recording.note(.dispatch(RecordedDispatch(bound, grid, group)))
      }
    } catch {
      leave()
      throw error
    }
    leave()
  }

  @inline(__always)
  private func encode(
    _ bound: BoundKernel, _ grid: Grid, _ group: Extent, on target: some DispatchTarget, barrier: Bool
  ) {
    if barrier { putBarrier(before: bound, on: target) }
    if bindings.bound != bound.id { bind(bound, on: target) }
    if isTracked && hazards.owner != bound.id { record(bound) }
    run(bound.kernel, grid, group, on: target)
  }

  /// Whether it must wait for what came before. Nothing of the arguments has to be checked but that they are there.
  @inline(__always)
  private func check(_ bound: BoundKernel) throws(IngotError) -> Bool {
    // After itself alone there is nothing to look for.
    let isRepeated = hazards.owner == bound.id
    var conflicts = isTracked && (isRepeated ? bound.conflictsWithItself : hazards.isFull)
    let looks = isTracked && dispatchCount > 0 && !isRepeated
    for each in bound.memory {
      guard each.storage._withUnsafeGuaranteedRef({ uses.hold($0, encoder: id) }) else {
        throw each.storage.takeUnretainedValue().expired
      }
      if looks && !conflicts { conflicts = hazards.conflicts(each.start, each.end, writes: each.writes) }
    }
    return conflicts
  }

  @inline(__always)
  private func putBarrier(before bound: BoundKernel, on target: some DispatchTarget) {
    guard hazards.owner == bound.id else { return putBarrier(on: target) }
    // What the tracker would forget and learn again is the same.
    target.barrier()
    barrierCount += 1
  }

  /// Notes what it reads and writes, and whether that is all there is since the last barrier.
  private func record(_ bound: BoundKernel) {
    let isAlone = hazards.isEmpty
    for each in bound.memory { hazards.record(each.start, each.end, reads: each.reads, writes: each.writes) }
    if isAlone { hazards.belong(to: bound.id) }
  }

  private func bind(_ bound: BoundKernel, on target: some DispatchTarget) {
    if !bound.uses.isEmpty { declare(bound.uses, on: target) }
    set(bound.kernel, on: target)
    for each in bound.memory.prefix(bound.argumentCount) {
      each.storage._withUnsafeGuaranteedRef { bind($0, each, on: target) }
    }
    bound.withBytes { bytes in
      for value in bound.values {
        bindings.bindBytes(at: value.index)
        target.setBytes(
          bytes.baseAddress! + value.place, count: value.nbytes, at: value.position, of: bound.kernel)
      }
    }
    for length in bound.lengths {
      target.setThreadgroupMemory(length.nbytes, index: length.index)
    }
    bindings.bind(all: bound.id)
  }

  @inline(__always)
  private func bind(_ storage: Storage, _ memory: BoundMemory, on target: some DispatchTarget) {
    uses.note(
      storage, memory.start, memory.end, reads: memory.reads, writes: memory.writes, encoder: id)
    set(storage, memory.offset, at: memory.index, on: target)
  }
}
