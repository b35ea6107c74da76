import Metal

/// A buffer that a kernel reaches through a pointer in another one, and what it does to it.
///
///     let nodes = try device.array([x.gpuAddress, y.gpuAddress])
///     try encoder.dispatch(follow, nodes, grid: n, uses: [BufferUse(x, .read), BufferUse(y, .write)])
///
/// Neither Metal nor Ingot sees such pointers. What is used is kept alive, resident and in order as arguments are
/// (`useResource`); what is not may be used again while the kernel runs, and is ordered with nothing.
public struct BufferUse: Sendable {
  public let buffer: Buffer
  public let access: Access

  public init(_ buffer: Buffer, _ access: Access) {
    self.buffer = buffer
    self.access = access
  }

  var reads: Bool { access.contains(.read) }
  var writes: Bool { access.contains(.write) }

  /// Throws `.argument` if a kernel on the device cannot use it, `.closed` and `.outOfMemory` if it has no memory.
  func check(on deviceID: UInt64) throws(IngotError) {
    guard buffer.deviceID == deviceID else {
      throw .argument(
        "\(buffer) in uses belongs to another device object than the kernel; make it on the kernel's device")
    }
    guard access == .read || access == .write || access == .readWrite else {
      throw .argument("the access to \(buffer) in uses is \(access); it is .read, .write or .readWrite")
    }
    guard !(writes && buffer.isReadOnly) else {
      throw .argument("\(buffer) in uses is written by the kernel, but it is read-only; give its .copy()")
    }
    try buffer.storage.prepare()
  }
}

extension Buffer {
  /// Where the GPU finds it: a pointer to its first element, for kernels that follow pointers in buffers (`gpuAddress`).
  ///
  ///     try nodes.withUnsafeMutable(of: UInt64.self) { $0[0] = try x.gpuAddress }
  ///
  /// The number keeps nothing alive: dispatches that follow it name the buffer in `uses`. Throws `.closed` after a reset
  /// of the pool, `.outOfMemory` if it had no memory yet and there is none.
  public var gpuAddress: UInt64 {
    get throws(IngotError) {
      let block = try storage.hold()
      return block.allocation.metal.gpuAddress + UInt64(block.offset + offset)
    }
  }
}

extension CommandEncoder {
  /// Checks what a dispatch reaches through pointers, and says whether it must wait for what came before.
  func check(_ indirect: [BufferUse]) throws(IngotError) -> Bool {
    var conflicts = false
    for use in indirect {
      try use.check(on: device.id)
      if !uses.hold(use.buffer.storage, encoder: id) { _ = try use.buffer.storage.hold() }
      let (start, end) = use.buffer.addresses
      if isTracked && dispatchCount > 0 {
        conflicts = conflicts || hazards.conflicts(start, end, writes: use.writes)
      }
    }
    return conflicts
  }

  /// Tells Metal of it, for all later dispatches of its encoder, and notes that this one uses it.
  func declare(_ indirect: [BufferUse], on target: some DispatchTarget) {
    for use in indirect {
      let storage = use.buffer.storage
      let (start, end) = use.buffer.addresses
      uses.note(storage, start, end, reads: use.reads, writes: use.writes, encoder: id)
      guard bindings.declare(storage.metal, use.access) else { continue }
      target.use(storage, use.access)
    }
  }

  func record(_ indirect: [BufferUse]) {
    for use in indirect {
      let (start, end) = use.buffer.addresses
      hazards.record(start, end, reads: use.reads, writes: use.writes)
    }
  }
}
