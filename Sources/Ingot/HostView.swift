import Synchronization

/// A hold on the memory of a buffer's storage, for host access that lasts longer than a call.
///
///     let view = try x.openView()
///     view.bytes.storeBytes(of: 1, as: Int32.self)  // x may be gone, and its pool reset
///
/// The memory stays what it is, and at its address, until the view is gone: a reset of the pool that takes it from the
/// buffer hands it out again only after that. Whether a submission uses it, the view does not ask: `contents(for:)` and
/// `mapped(for:)` do. Views may be used from any thread.
public final class HostView: Sendable {
  /// The buffer's bytes, not to be written if it `isReadOnly`.
  public nonisolated(unsafe) let bytes: UnsafeMutableRawBufferPointer
  /// Those of the whole storage, which the buffer may be a part of.
  public nonisolated(unsafe) let storageBytes: UnsafeMutableRawBufferPointer
  public let isReadOnly: Bool
  /// Of the pool whose memory it is; nil if it is an allocation of its own.
  public let poolID: UInt64?

  private let block: Block
  private let uses: UseCount

  init(_ buffer: Buffer) throws(IngotError) {
    let storage = buffer.storage
    block = try storage.hold()
    let start = try buffer.reachable(block.contents)
    storageBytes = UnsafeMutableRawBufferPointer(start: start, count: storage.length)
    bytes = UnsafeMutableRawBufferPointer(start: start + buffer.offset, count: buffer.nbytes)
    isReadOnly = buffer.isReadOnly
    poolID = block.pool?.id
    uses = storage.uses
  }

  /// A number that grows whenever a submission that uses the storage is committed, or its pool takes the memory back.
  ///
  /// As long as it is what it was before `contents(for:)` granted access, it would do so again. Valid as long as the
  /// view; it may be read at any time.
  public var useCount: UnsafePointer<UInt64> { uses.address }
}

/// A number in memory of its own, which somebody may read without asking.
final class UseCount: Sendable {
  private nonisolated(unsafe) let count = UnsafeMutablePointer<Atomic<UInt64>>.allocate(capacity: 1)

  init() { count.initialize(to: Atomic(0)) }

  deinit {
    count.deinitialize(count: 1)
    count.deallocate()
  }

  var address: UnsafePointer<UInt64> {
    UnsafeRawPointer(count).assumingMemoryBound(to: UInt64.self)
  }

  func increment() { count.pointee.wrappingAdd(1, ordering: .sequentiallyConsistent) }
}

extension Buffer {
  /// Keeps the memory for host access as long as the view lives; a lazy buffer is allocated.
  ///
  /// Throws `.closed` after a reset of the pool, `.argument` if the host cannot reach the memory.
  public func openView() throws(IngotError) -> HostView { try HostView(self) }

  /// An address of its memory, if there is one.
  func reachable(_ address: UnsafeMutableRawPointer?) throws(IngotError) -> UnsafeMutableRawPointer {
    if let address { return address }
    throw .argument("\(self) is in private memory, which the host cannot reach; copy it by a kernel")
  }
}
