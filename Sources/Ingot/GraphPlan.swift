import Metal

/// What a graph tells Metal's encoder: only what changes from one dispatch to the next, found out once.
///
/// It is plain memory, so that a replay counts no references; the graph keeps what it points to.
struct GraphPlan: @unchecked Sendable {
  // Unchecked: kernels and storages may be used from any thread.

  /// An inline value, and where its bytes are kept.
  struct Value {
    fileprivate let kernel: Unmanaged<Kernel>
    fileprivate let position: Int
    fileprivate let range: Range<Int>
    /// Whether it is of one of Ingot's own kernels.
    fileprivate let isOwn: Bool

    /// What it can be replaced by; nil if by nothing.
    var name: String? { isOwn ? nil : kernel._withUnsafeGuaranteedRef { $0.arguments[position].name } }
  }

  private enum Command {
    case pipeline(Unmanaged<Kernel>)
    case buffer(Unmanaged<Storage>, offset: Int, index: Int)
    case bufferOffset(Int, index: Int)
    case value(Value)
    case threadgroupMemory(Int, index: Int)
    case use(Unmanaged<Storage>, Access)
    case barrier
    case barrierFor(Range<Int>)
    case dispatch(Grid, group: Extent)
  }

  private var commands: [Command] = []
  /// Of all inline values.
  private var bytes: [UInt8] = []
  private var values: [Value] = []
  /// Of barriers for some buffers.
  private var ordered: [Unmanaged<Storage>] = []

  /// All that Metal's encoder is told of, which has to be there at each replay.
  var storages: Set<ObjectIdentifier> {
    var told = Set(ordered.map { $0._withUnsafeGuaranteedRef(ObjectIdentifier.init) })
    for command in commands {
      switch command {
      case .buffer(let storage, _, _), .use(let storage, _):
        told.insert(storage._withUnsafeGuaranteedRef(ObjectIdentifier.init))
      default: break
      }
    }
    return told
  }

  /// Has Metal's encoder do it all. A serial one needs no barriers.
  func encode(on target: MetalTarget, withBarriers: Bool) {
    bytes.withUnsafeBytes { bytes in
      commands.withUnsafeBufferPointer { commands in
        for command in commands {
          encode(command, bytes, on: target, withBarriers: withBarriers)
        }
      }
    }
  }

  @inline(__always)
  private func encode(
    _ command: Command, _ bytes: UnsafeRawBufferPointer, on target: MetalTarget, withBarriers: Bool
  ) {
    switch command {
    case .pipeline(let kernel): kernel._withUnsafeGuaranteedRef { target.setPipeline(of: $0) }
    case .buffer(let storage, let offset, let index):
      storage._withUnsafeGuaranteedRef { target.setBuffer(of: $0, offset: offset, index: index) }
    case .bufferOffset(let offset, let index): target.setBufferOffset(offset, index: index)
    case .value(let value):
      value.kernel._withUnsafeGuaranteedRef {
        target.setBytes(
          bytes.baseAddress! + value.range.lowerBound, count: value.range.count, at: value.position, of: $0)
      }
    case .threadgroupMemory(let nbytes, let index): target.setThreadgroupMemory(nbytes, index: index)
    case .use(let storage, let access): storage._withUnsafeGuaranteedRef { target.use($0, access) }
    case .barrier: if withBarriers { target.barrier() }
    case .barrierFor(let range): if withBarriers { target.barrier(for: Array(ordered[range])) }
    case .dispatch(let grid, let group): target.dispatch(grid, group: group)
    }
  }
}

// Recording.
extension GraphPlan {
  mutating func setPipeline(of kernel: Kernel) { commands.append(.pipeline(.passUnretained(kernel))) }

  mutating func setBuffer(of storage: Storage, offset: Int, index: Int) {
    commands.append(.buffer(.passUnretained(storage), offset: offset, index: index))
  }

  mutating func setBufferOffset(_ offset: Int, index: Int) {
    commands.append(.bufferOffset(offset, index: index))
  }

  mutating func setBytes(
    _ given: UnsafeRawBufferPointer, at position: Int, of kernel: Kernel, isOwn: Bool
  ) -> Value {
    let value = Value(
      kernel: .passUnretained(kernel), position: position, range: bytes.count..<bytes.count + given.count,
      isOwn: isOwn)
    bytes.append(contentsOf: given)
    values.append(value)
    commands.append(.value(value))
    return value
  }

  func holds(_ given: UnsafeRawBufferPointer, as value: Value) -> Bool {
    bytes[value.range].elementsEqual(given)
  }

  /// Puts other bytes, as many, in the place of all inline values for arguments of this name.
  mutating func setValues(named name: String, to given: [UInt8]) {
    for value in values where value.name == name { bytes.replaceSubrange(value.range, with: given) }
  }

  mutating func setThreadgroupMemory(_ nbytes: Int, index: Int) {
    commands.append(.threadgroupMemory(nbytes, index: index))
  }

  mutating func use(_ storage: Storage, _ access: Access) {
    commands.append(.use(.passUnretained(storage), access))
  }

  mutating func barrier() { commands.append(.barrier) }

  mutating func barrier(for storages: [Unmanaged<Storage>]) {
    let start = ordered.count
    ordered.append(contentsOf: storages)
    commands.append(.barrierFor(start..<ordered.count))
  }

  mutating func dispatch(_ grid: Grid, group: Extent) { commands.append(.dispatch(grid, group: group)) }
}
