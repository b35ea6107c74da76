import Metal
import Synchronization

/// What an encoder's dispatches use: kept alive until its submission is done.
struct EncoderUses: Sendable {
  struct Use {
    let storage: Storage
    /// The right to its memory, which a reset of the pool does not take from who has it.
    let block: Block
    var bytes = UsedBytes()
  }

  private(set) var storages: [Use] = []
  private(set) var kernels: [Kernel] = []
  var events = EventUses()
  /// The places of storages whose memory Ingot has not made.
  private var imported: [Int] = []
  private var fences: [Origin] = []
  /// Of these, the encoder has waited for so many.
  private var waited = 0
  /// Where each storage is in the list, for when its mark does not say.
  private var places: [ObjectIdentifier: Int] = [:]

  /// A mark holds an encoder's id above the place in its list. Larger places are not marked.
  private static let placeBits: UInt64 = 24

  /// Lists a storage that is going to be used. Its mark tells that it is in the list already, without a search; another
  /// encoder may overwrite it at any time.
  ///
  /// False if it has no memory: `Storage.hold` says why.
  @inline(__always)
  mutating func hold(_ storage: Storage, encoder: UInt64) -> Bool {
    guard storage.mark.load(ordering: .relaxed) >> Self.placeBits == encoder, storage.isReady else {
      return find(storage, encoder: encoder) != nil
    }
    return true
  }

  /// Notes that a storage that `hold` has listed is used from `start` to `end`.
  @inline(__always)
  mutating func note(
    _ storage: Storage, _ start: UInt, _ end: UInt, reads: Bool, writes: Bool, encoder: UInt64
  ) {
    let mark = storage.mark.load(ordering: .relaxed)
    var place = Int(truncatingIfNeeded: mark & (1 << Self.placeBits - 1))
    if mark >> Self.placeBits != encoder { place = places[ObjectIdentifier(storage)]! }
    if reads { storages[place].bytes.read.insert(start, end) }
    if writes { storages[place].bytes.written.insert(start, end) }
  }

  /// Notes that a storage that `hold` has listed is used as a graph uses it.
  mutating func note(_ storage: Storage, _ bytes: UsedBytes) {
    storages[places[ObjectIdentifier(storage)]!].bytes.formUnion(bytes)
  }

  /// The storage's place, which it gets if it has none; nil if it has no memory.
  @inline(never)
  private mutating func find(_ storage: Storage, encoder: UInt64) -> Int? {
    guard let block = try? storage.hold() else { return nil }
    let place = places[ObjectIdentifier(storage)] ?? storages.count
    if place == storages.count {
      storages.append(Use(storage: storage, block: block))
      places[ObjectIdentifier(storage)] = place
      block.allocation.join()
      if let origin = block.allocation.origin { note(origin, at: place) }
    }
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

// Memory that Ingot has not made.
extension EncoderUses {
  private mutating func note(_ origin: Origin, at place: Int) {
    imported.append(place)
    if origin.fence != nil { fences.append(origin) }
  }

  /// Whether there are fences that the encoder has to wait for before the next dispatch.
  var hasFencesToWaitFor: Bool {
    @inline(__always) get { waited != fences.count }
  }

  /// Makes what the encoder does from now on come after what the encoders before it have done to untracked memory.
  @inline(never)
  mutating func waitForFences(_ encoder: any MTLComputeCommandEncoder) {
    for origin in fences[waited...] { encoder.waitForFence(origin.fence!) }
    waited = fences.count
  }

  /// Makes Metal's encoders after this one come after what it has done to untracked memory; they have to wait for that.
  mutating func endPass(_ encoder: any MTLComputeCommandEncoder) {
    for origin in fences[..<waited] { encoder.updateFence(origin.fence!) }
    waited = 0
  }

  /// Whether the files that are used still have the bytes that are. Throws `.state` if one of them has not.
  func checkFiles(_ user: String) throws(IngotError) {
    for place in imported {
      let use = storages[place]
      guard let part = use.block.allocation.origin?.file, let end = use.bytes.end else { continue }
      try part.image.checkLength(for: part.offset + Int(end - use.storage.address), user)
    }
  }
}
