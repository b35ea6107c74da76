import Synchronization

/// What a storage has: its block, from when it gets it until it goes, or its pool takes it back.
///
/// It is in memory of its own, which the storage frees. So a pool can take the block from it without a reference to the
/// storage: such a reference might turn out to be the last one, and the storage end under the pool's lock.
struct Lease: @unchecked Sendable {
  // Unchecked: what changes does so under the lock.

  enum Phase: UInt8, AtomicRepresentable {
    case unallocated, ready, expired
  }

  private struct Body: ~Copyable {
    let phase: Atomic<Phase>
    let length: Int
    /// Taken under the pool's lock and under the storage's own, and no other is taken under it.
    let lock = Mutex<Void>(())
    var block: Block?
    var uses: UseCount?
  }

  private let body: UnsafeMutablePointer<Body>

  /// Of a storage of so many bytes, which has its block now or, for nil, later.
  init(length: Int, block: Block? = nil) {
    body = .allocate(capacity: 1)
    body.initialize(
      to: Body(phase: Atomic(block == nil ? .unallocated : .ready), length: length, block: block))
  }

  /// The lease at an address that `address` gave.
  init?(address: UInt) {
    guard let body = UnsafeMutablePointer<Body>(bitPattern: address) else { return nil }
    self.body = body
  }

  var address: UInt { UInt(bitPattern: body) }

  /// Nobody knows it any more.
  func deallocate() {
    body.deinitialize(count: 1)
    body.deallocate()
  }

  var length: Int { body.pointee.length }

  var phase: Phase {
    @inline(__always) get { body.pointee.phase.load(ordering: .acquiring) }
  }

  /// nil before it is there, and after it was taken back.
  var block: Block? { body.pointee.lock.withLock { _ in body.pointee.block } }

  /// The storage has got its block, later.
  func begin(_ block: Block) {
    body.pointee.lock.withLock { _ in
      body.pointee.block = block
      body.pointee.phase.store(.ready, ordering: .releasing)
    }
  }

  /// What is to be told when it expires.
  func tell(_ uses: UseCount) { body.pointee.lock.withLock { _ in body.pointee.uses = uses } }

  /// Expires, for good, and returns the block, if it has one. What does not hold that by then cannot reach it any more.
  func expire() -> Block? {
    body.pointee.lock.withLock { _ in
      body.pointee.phase.store(.expired, ordering: .releasing)
      body.pointee.uses?.increment()
      return body.pointee.block.take()
    }
  }

  /// Takes the block out at the end of the storage, when nobody else is looking.
  func takeAtEnd() -> Block? { body.pointee.block.take() }
}
