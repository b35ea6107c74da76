/// How much a pool may have, and keep.
struct PoolLimits: Sendable {
  /// Bytes of all its allocations; nil for as many as Metal has.
  var total: Int?
  /// Bytes of what nobody uses.
  var cached: Int
  /// Nanoseconds after which what nobody uses goes; nil for never.
  var decay: UInt64? = 10_000_000_000

  /// An eighth of the working set, and no more than 2 GiB, is kept.
  init(workingSet: UInt64) { cached = Self.defaultCached(workingSet) }

  static func defaultCached(_ workingSet: UInt64) -> Int { min(Int(clamping: workingSet / 8), 2 << 30) }

  /// Takes out what is beyond, the longest unused first.
  func trim(_ shelves: inout PoolShelves) -> [Allocation] {
    var removed: [Allocation] = []
    shelves.trim(to: cached, &removed)
    guard let total else { return removed }
    let surplus = shelves.counts.totalBytes - total
    if surplus > 0 { shelves.trim(to: shelves.counts.cachedBytes - surplus, &removed) }
    return removed
  }

  /// As above, after a block came back. If its allocation alone is too much to be kept, nothing else goes for it.
  func trimReturned(_ shelves: inout PoolShelves) -> [Allocation] {
    // The usual case.
    if shelves.counts.cachedBytes <= cached, shelves.counts.totalBytes <= total ?? .max { return [] }
    var removed: [Allocation] = []
    shelves.trimNewest(beyond: cached, &removed)
    return removed + trim(&shelves)
  }
}
