import Synchronization

/// What an encoder's dispatches use: kept alive until its submission is done.
struct EncoderUses: Sendable {
  struct Use {
    let storage: Storage
    var bytes = UsedBytes()
  }

  private(set) var storages: [Use] = []
  private(set) var kernels: [Kernel] = []

  /// A mark holds an encoder's id above the place in its list; larger places are not marked but listed again.
  private static let placeBits: UInt64 = 24

  /// Notes a use of the bytes from `start` to `end`. The storage's mark tells that it is in the list already, without a
  /// search. Another encoder may overwrite it at any time; the worst that follows is a second entry.
  @inline(__always)
  mutating func note(_ storage: Storage, _ start: UInt, _ end: UInt, _ rule: ArgumentRule, encoder: UInt64) {
    let mark = storage.mark.load(ordering: .relaxed)
    var place = Int(truncatingIfNeeded: mark & (1 << Self.placeBits - 1))
    if mark >> Self.placeBits != encoder { place = add(storage, encoder: encoder) }
    if rule.reads { storages[place].bytes.read.insert(start, end) }
    if rule.writes { storages[place].bytes.written.insert(start, end) }
  }

  /// The new entry's place.
  @inline(never)
  private mutating func add(_ storage: Storage, encoder: UInt64) -> Int {
    let place = storages.count
    storages.append(Use(storage: storage))
    if place >> Self.placeBits == 0 {
      storage.mark.store(encoder << Self.placeBits | UInt64(place), ordering: .relaxed)
    }
    return place
  }

  mutating func note(_ kernel: Kernel, encoder: UInt64) {
    guard kernel.mark.load(ordering: .relaxed) != encoder else { return }
    kernel.mark.store(encoder, ordering: .relaxed)
    if !kernels.contains(where: { $0 === kernel }) { kernels.append(kernel) }
  }
}
