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
