import Metal

/// Typed memory that the CPU and the GPU share.
///
///     let x = try device.array([1, 2, 3] as [Float])
///     try x.withUnsafe(of: Float.self) { print($0[0]) }
///
/// A buffer is a window on a storage: every size, the host's view and what a kernel is given mean the window. `device`
/// makes one of a whole storage; `x[2..<4]`, `reshape`, `view(as:)` and `window(offset:shape:)` make more on the same.
/// The memory goes away when the last buffer, encoder and unfinished submission that uses it is gone. Buffers may be
/// used from any thread; what the GPU is writing cannot be read (`.inFlight`).
public final class Buffer: Sendable {
  /// Of this buffer value, never reused.
  public let id: UInt64
  /// Bytes into the storage.
  public let offset: Int
  public let nbytes: Int
  /// Elements.
  public let count: Int
  public let dtype: DType
  public let shape: [Int]
  /// Whether neither the host nor a kernel may write it; so are all windows of it.
  public let isReadOnly: Bool

  let storage: Storage
  /// The device's id, here to save a hop for each argument of each dispatch.
  let deviceID: UInt64

  private static let identifiers = Identifiers()

  /// The caller has seen to it that the layout fits into the storage at `offset`.
  init(storage: Storage, layout: Layout, offset: Int = 0, isReadOnly: Bool = false) {
    id = Self.identifiers.next()
    self.offset = offset
    nbytes = layout.nbytes
    count = layout.count
    dtype = layout.dtype
    shape = layout.shape
    self.isReadOnly = isReadOnly || storage.isReadOnly
    self.storage = storage
    deviceID = storage.device.id
  }

  /// Of the memory; all windows of one storage share it. Never reused.
  public var storageID: UInt64 { storage.id }

  /// Bytes of the memory, of which this buffer is `nbytes` at `offset`.
  public var totalNbytes: Int { storage.length }

  public var device: Device { storage.device }

  /// Whether it has had its memory; a lazy one gets it at its first use.
  public var isAllocated: Bool { storage.isAllocated }

  /// Gives a lazy buffer its memory now.
  ///
  /// Throws `.outOfMemory` if there is none, `.closed` after a reset of the pool.
  public func ensureAllocated() throws(IngotError) { try storage.prepare() }

  /// Apple's object, and the byte of it at which this buffer begins. Borrowed: it is used again after the buffer.
  ///
  /// Throws `.closed` after a reset of the pool, `.outOfMemory` if it had no memory yet and there is none.
  public func metalBuffer() throws(IngotError) -> (buffer: any MTLBuffer, offset: Int) {
    let block = try storage.hold()
    return (block.allocation.metal, block.offset + offset)
  }

  /// Whether the host can reach it; not so for a foreign buffer in private memory.
  public var isHostVisible: Bool { storage.isHostVisible }

  /// What debuggers and Metal's own messages call the memory; all windows of one storage share it.
  public var label: String? {
    get { storage.label }
    set { storage.label = newValue }
  }
}

extension Buffer: CustomStringConvertible {
  public var description: String {
    let place = nbytes == totalNbytes ? "" : " at \(offset) of \(totalNbytes)"
    return "Buffer(\(dtype.name), shape: \(shape), \(nbytes) bytes\(place)\(label.map { ", '\($0)'" } ?? ""))"
  }
}
