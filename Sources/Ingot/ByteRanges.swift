/// A set of bytes, as sorted half-open ranges that neither overlap nor touch.
struct ByteRanges: Sendable {
  private struct Span {
    var start: UInt
    var end: UInt
  }

  /// The ranges, and behind them what is left of earlier ones: to empty a set, and to fill it again, is nearly free.
  private var spans: [Span] = []
  private(set) var count = 0

  mutating func removeAll() { count = 0 }

  @inline(__always)
  func overlaps(_ start: UInt, _ end: UInt) -> Bool {
    if count == 0 { return false }
    // The first range that ends after `start` is the only one to look at.
    let place = firstEnding(above: start)
    return place < count && spans[place].start < end
  }

  func overlaps(_ other: ByteRanges) -> Bool {
    other.spans[..<other.count].contains { overlaps($0.start, $0.end) }
  }

  func forEachRange(_ body: (_ start: UInt, _ end: UInt) -> Void) {
    for span in spans[..<count] { body(span.start, span.end) }
  }

  mutating func formUnion(_ other: ByteRanges) {
    if count == 0 {
      self = other
    } else {
      other.forEachRange { insert($0, $1) }
    }
  }

  /// Adds a range, and joins it with those that it overlaps or touches.
  @inline(__always)
  mutating func insert(_ start: UInt, _ end: UInt) {
    if count == 0 { put(Span(start: start, end: end), in: 0..<0) } else { join(start, end) }
  }

  private mutating func join(_ start: UInt, _ end: UInt) {
    let first = start == 0 ? 0 : firstEnding(above: start - 1)
    if first < count, spans[first].start <= start, end <= spans[first].end { return }
    let last = firstStarting(above: end)
    guard first < last else { return put(Span(start: start, end: end), in: first..<first) }
    put(Span(start: min(start, spans[first].start), end: max(end, spans[last - 1].end)), in: first..<last)
  }

  /// Puts one range in the place of so many.
  private mutating func put(_ span: Span, in places: Range<Int>) {
    if places.isEmpty {
      if count == spans.count { spans.append(span) }
      for place in (places.lowerBound..<count).reversed() { spans[place + 1] = spans[place] }
    } else {
      let moved = places.count - 1
      if moved > 0 { for place in places.upperBound..<count { spans[place - moved] = spans[place] } }
    }
    spans[places.lowerBound] = span
    count += 1 - places.count
  }

  private func firstEnding(above bound: UInt) -> Int { first { $0.end > bound } }

  private func firstStarting(above bound: UInt) -> Int { first { $0.start > bound } }

  /// The place of the first of the ranges that are above something, as all after it are.
  @inline(__always)
  private func first(_ isAbove: (Span) -> Bool) -> Int {
    var (low, high) = (0, count)
    while low < high {
      let middle = (low + high) / 2
      if isAbove(spans[middle]) { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
