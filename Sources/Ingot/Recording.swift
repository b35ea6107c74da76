/// What a recording encoder has collected: the calls that were made, and the commands that they come to.
///
/// It belongs to the thread that the encoder belongs to.
final class Recording: DispatchTarget {
  private(set) var calls: [RecordedCall] = []
  private(set) var plan = GraphPlan()
  /// What was done before the first barrier; nil while there is none.
  private(set) var beginning: HazardTracker?

  /// The barriers before the first dispatch, each for some buffers or for everything: they mean nothing by themselves, but
  /// do where the graph comes after other dispatches.
  var leadingBarriers: [[Buffer]] = []

  /// Whether what comes is a dispatch of one of Ingot's own kernels, whose arguments have names that mean nothing.
  var isOwn = false

  /// The inline value that is bound at an index.
  private var inline: [Int: GraphPlan.Value] = [:]
  private var threadgroupMemory: [Int: Int] = [:]

  func note(_ call: RecordedCall) { calls.append(call) }

  @inline(never)
  func note(
    _ kernel: Kernel, _ buffers: DispatchBuffers, _ values: UnsafeRawBufferPointer, _ grid: Grid,
    _ group: Extent?, _ indirect: [BufferUse]
  ) {
    note(.dispatch(RecordedDispatch(kernel, buffers, values, grid, group, indirect)))
  }

  /// Says what the dispatches have done since the last barrier, before there is another.
  func segmentEnds(_ hazards: HazardTracker) {
    if beginning == nil { beginning = hazards }
  }

  func setPipeline(of kernel: Kernel) { plan.setPipeline(of: kernel) }

  func setBuffer(of storage: Storage, offset: Int, index: Int) {
    inline[index] = nil
    plan.setBuffer(of: storage, offset: offset, index: index)
  }

  func setBufferOffset(_ offset: Int, index: Int) { plan.setBufferOffset(offset, index: index) }

  func setBytes(_ bytes: UnsafeRawPointer, count: Int, at position: Int, of kernel: Kernel) {
    let value = UnsafeRawBufferPointer(start: bytes, count: count)
    let index = kernel.rules[position].index
    // What has another name may be replaced by itself.
    let name = isOwn ? nil : kernel.arguments[position].name
    if let bound = inline[index], bound.name == name, plan.holds(value, as: bound) { return }
    inline[index] = plan.setBytes(value, at: position, of: kernel, isOwn: isOwn)
  }

  func setThreadgroupMemory(_ nbytes: Int, index: Int) {
    guard threadgroupMemory.updateValue(nbytes, forKey: index) != nbytes else { return }
    plan.setThreadgroupMemory(nbytes, index: index)
  }

  func use(_ storage: Storage, _ access: Access) { plan.use(storage, access) }

  func barrier() { plan.barrier() }

  func barrier(for storages: [Unmanaged<Storage>]) { plan.barrier(for: storages) }

  func dispatch(_ grid: Grid, group: Extent) { plan.dispatch(grid, group: group) }
}
