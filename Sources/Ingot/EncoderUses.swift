import Synchronization

/// What an encoder's dispatches use: kept alive until its submission is done.
struct EncoderUses: Sendable {
  struct Use {
    let storage: Storage
    var writes: Bool
  }

  private(set) var storages: [Use] = []
  private(set) var kernels: [Kernel] = []

  /// A mark holds an encoder's id above the place in its list; larger places are not marked but listed again.
  private static let placeBits: UInt64 = 24

  /// Notes a use. The storage's mark tells that it is in the list already, without a search. Another encoder may
  /// overwrite it at any time; the worst that follows is a second entry.
  mutating func note(_ storage: Storage, writes: Bool, encoder: UInt64) {
    let mark = storage.mark.load(ordering: .relaxed)
    if mark >> Self.placeBits == encoder {
      let place = Int(truncatingIfNeeded: mark & (1 << Self.placeBits - 1))
      if writes && !storages[place].writes { storages[place].writes = true }
    } else {
      add(storage, writes: writes, encoder: encoder)
    }
  }

  @inline(never)
  private mutating func add(_ storage: Storage, writes: Bool, encoder: UInt64) {
    let place = UInt64(storages.count)
    storages.append(Use(storage: storage, writes: writes))
    if place >> Self.placeBits == 0 {
      storage.mark.store(encoder << Self.placeBits | place, ordering: .relaxed)
    }
  }

  mutating func note(_ kernel: Kernel, encoder: UInt64) {
    guard kernel.mark.load(ordering: .relaxed) != encoder else { return }
    kernel.mark.store(encoder, ordering: .relaxed)
    if !kernels.contains(where: { $0 === kernel }) { kernels.append(kernel) }
  }
}
