/// A set of bytes, as sorted half-open ranges that neither overlap nor touch.
struct ByteRanges: Sendable {
  private var starts: [UInt] = []
  private var ends: [UInt] = []

  var count: Int { starts.count }

  mutating func removeAll() {
    starts.removeAll(keepingCapacity: true)
    ends.removeAll(keepingCapacity: true)
  }

  func overlaps(_ start: UInt, _ end: UInt) -> Bool {
    // The first range that ends after `start` is the only one to look at.
    let place = Self.first(in: ends, above: start)
    return place < starts.count && starts[place] < end
  }

  func overlaps(_ other: ByteRanges) -> Bool {
    other.starts.indices.contains { overlaps(other.starts[$0], other.ends[$0]) }
  }

  func forEachRange(_ body: (_ start: UInt, _ end: UInt) -> Void) {
    for index in starts.indices { body(starts[index], ends[index]) }
  }

  mutating func formUnion(_ other: ByteRanges) {
    if starts.isEmpty {
      self = other
    } else {
      other.forEachRange { insert($0, $1) }
    }
  }

  /// Adds a range, and joins it with those that it overlaps or touches.
  mutating func insert(_ start: UInt, _ end: UInt) {
    let first = start == 0 ? 0 : Self.first(in: ends, above: start - 1)
    if first < starts.count, starts[first] <= start, end <= ends[first] { return }
    let last = Self.first(in: starts, above: end)
    guard first < last else {
      starts.insert(start, at: first)
      ends.insert(end, at: first)
      return
    }
    let joined = (min(start, starts[first]), max(end, ends[last - 1]))
    starts.replaceSubrange(first..<last, with: CollectionOfOne(joined.0))
    ends.replaceSubrange(first..<last, with: CollectionOfOne(joined.1))
  }

  /// The place of the first of the sorted values that is above `bound`.
  private static func first(in values: [UInt], above bound: UInt) -> Int {
    var low = 0
    var high = values.count
    while low < high {
      let middle = (low + high) / 2
      if values[middle] > bound { high = middle } else { low = middle + 1 }
    }
    return low
  }
}

/// Decides where the dispatches of a concurrent encoder need a barrier between them.
///
/// It knows the bytes that were read and written since the last barrier, by address: buffers that share memory
/// conflict, neighbours do not. A barrier is put before a dispatch that reads what was written (RAW), or writes what
/// was read (WAR) or written (WAW); as late as possible, so there are as few as can be.
struct HazardTracker: Sendable {
  /// Beyond this many ranges a barrier is cheaper than to go on keeping them sorted.
  static let rangeLimit = 2048

  private var read = ByteRanges()
  private var written = ByteRanges()
  /// The bound kernel whose bytes these are, and no others; 0 if there is none.
  private(set) var owner: UInt64 = 0

  /// Whether a dispatch that uses these bytes must wait for what came before.
  func conflicts(_ start: UInt, _ end: UInt, writes: Bool) -> Bool {
    written.overlaps(start, end) || (writes && read.overlaps(start, end))
  }

  /// Notes that a dispatch uses these bytes.
  @inline(__always)
  mutating func record(_ start: UInt, _ end: UInt, reads: Bool, writes: Bool) {
    owner = 0
    if reads { read.insert(start, end) }
    if writes { written.insert(start, end) }
  }

  /// Whether dispatches that did all of `later` must wait for what came before.
  func conflicts(_ later: HazardTracker) -> Bool {
    written.overlaps(later.written) || written.overlaps(later.read) || read.overlaps(later.written)
  }

  /// Notes what other dispatches have done since the last barrier.
  mutating func formUnion(_ later: HazardTracker) {
    owner = 0
    read.formUnion(later.read)
    written.formUnion(later.written)
  }

  /// Forgets everything: there is a barrier now.
  mutating func reset() {
    owner = 0
    read.removeAll()
    written.removeAll()
  }

  /// Notes that the bytes recorded since the last reset are those of the bound kernel with this id.
  mutating func belong(to owner: UInt64) { self.owner = owner }

  var isEmpty: Bool { read.count == 0 && written.count == 0 }

  var isFull: Bool { max(read.count, written.count) >= Self.rangeLimit }
}
