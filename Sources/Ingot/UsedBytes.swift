/// What one submission reads and writes of one storage.
struct UsedBytes: Sendable {
  var read = ByteHull()
  var written = ByteHull()

  /// Whether host access to these bytes has to wait: any to what is written, writing also to what is read.
  func conflict(_ start: UInt, _ end: UInt, writes: Bool) -> Bool {
    written.overlaps(start, end) || (writes && read.overlaps(start, end))
  }

  mutating func formUnion(_ other: UsedBytes) {
    read.formUnion(other.read)
    written.formUnion(other.written)
  }

  /// Whether anything is written.
  var writes: Bool { written.end > 0 }

  /// Where the last of them ends; nil if there are none.
  var end: UInt? {
    let end = max(read.end, written.end)
    return end == 0 ? nil : end
  }
}

/// A set of bytes as at most 8 ranges, or else as the one range that spans them all.
struct ByteHull: Sendable {
  static let rangeLimit = 8

  private var start = UInt.max
  private(set) var end: UInt = 0
  /// nil while the hull alone says it all, or has to.
  private var parts: ByteRanges?
  private var isRounded = false

  func overlaps(_ start: UInt, _ end: UInt) -> Bool {
    guard start < self.end, self.start < end else { return false }
    return parts?.overlaps(start, end) ?? true
  }

  /// Adds a range: mostly one that is there already.
  @inline(__always)
  mutating func insert(_ start: UInt, _ end: UInt) {
    if start >= self.start && end <= self.end && parts == nil { return }
    add(start, end)
  }

  mutating func formUnion(_ other: ByteHull) {
    if end == 0 {
      self = other
    } else if let parts = other.parts {
      parts.forEachRange { add($0, $1) }
    } else if other.end > 0 {
      insert(other.start, other.end)
    }
  }

  @inline(never)
  private mutating func add(_ start: UInt, _ end: UInt) {
    if !isRounded { addPart(start, end) }
    self.start = min(self.start, start)
    self.end = max(self.end, end)
  }

  private mutating func addPart(_ start: UInt, _ end: UInt) {
    if parts == nil {
      // The first range, or one that prolongs the only one.
      if self.end == 0 || (start <= self.end && self.start <= end) { return }
      parts = ByteRanges()
      parts!.insert(self.start, self.end)
    }
    parts!.insert(start, end)
    isRounded = parts!.count > Self.rangeLimit
    if isRounded || parts!.count == 1 { parts = nil }
  }
}
