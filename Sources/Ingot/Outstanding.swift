import Synchronization

/// Which storages have a pool's blocks, so that a reset finds them, or rather their leases.
///
/// Everything here is done under the pool's lock but one thing: a storage writes its lease into the entry of its block.
/// Entries do not move, and a storage that goes empties its own under the lock, so what is read there is still there.
struct Outstanding: @unchecked Sendable {
  // Unchecked: entries are atomic, and belong to one pool.

  /// The address of a lease, 0, or for a vacant entry the address of the next one, plus 1.
  typealias Entry = UnsafeMutablePointer<Atomic<UInt>>

  private static let chunk = 1024
  private var chunks: [Entry] = []
  private var vacant: UInt = 0

  /// Entries, vacant or not.
  var capacity: Int { chunks.count * Self.chunk }

  mutating func enter() -> Entry {
    if vacant == 0 { grow() }
    // Vacant entries are never 0 here: grow() has made some.
    let entry = Entry(bitPattern: vacant)!
    vacant = entry.pointee.load(ordering: .relaxed) - 1
    entry.pointee.store(0, ordering: .relaxed)
    return entry
  }

  mutating func leave(_ entry: Entry) {
    entry.pointee.store(vacant + 1, ordering: .relaxed)
    vacant = UInt(bitPattern: entry)
  }

  private mutating func grow() {
    let entries = Entry.allocate(capacity: Self.chunk)
    for index in (0..<Self.chunk).reversed() {
      (entries + index).initialize(to: Atomic(vacant + 1))
      vacant = UInt(bitPattern: entries + index)
    }
    chunks.append(entries)
  }

  /// Calls `body` with the lease of each storage that has a block.
  func forEach(_ body: (Lease) -> Void) {
    for entries in chunks {
      for index in 0..<Self.chunk {
        let word = entries[index].load(ordering: .acquiring)
        if word & 1 == 0, let lease = Lease(address: word) { body(lease) }
      }
    }
  }

  /// Frees the entries, of which none is in use any more.
  func deallocate() {
    for entries in chunks {
      entries.deinitialize(count: Self.chunk)
      entries.deallocate()
    }
  }
}
