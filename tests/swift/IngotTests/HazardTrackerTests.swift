import Testing

@testable import Ingot

/// What one pretended dispatch does: byte ranges of two buffers, `a` at 0 and `b` at 1000.
private struct Use {
  let start: UInt
  let end: UInt
  let reads: Bool
  let writes: Bool

  static func read(_ start: UInt, _ end: UInt) -> Use {
    Use(start: start, end: end, reads: true, writes: false)
  }
  static func write(_ start: UInt, _ end: UInt) -> Use {
    Use(start: start, end: end, reads: false, writes: true)
  }
  static func both(_ start: UInt, _ end: UInt) -> Use {
    Use(start: start, end: end, reads: true, writes: true)
  }
}

/// Counts the barriers that a sequence of dispatches needs.
private func barriers(_ dispatches: [[Use]]) -> Int {
  var tracker = HazardTracker()
  var count = 0
  for uses in dispatches {
    if uses.contains(where: { tracker.conflicts($0.start, $0.end, writes: $0.writes) }) {
      tracker.reset()
      count += 1
    }
    for use in uses { tracker.record(use.start, use.end, reads: use.reads, writes: use.writes) }
  }
  return count
}

@Suite struct HazardTrackerTests {
  @Test("C30: reads of the same bytes do not conflict") func readAfterRead() {
    #expect(barriers([[.read(0, 64)], [.read(0, 64)], [.read(32, 96)]]) == 0)
  }

  @Test("C31: a read after a write conflicts") func readAfterWrite() {
    #expect(barriers([[.write(0, 64)], [.read(0, 64)]]) == 1)
  }

  @Test("C32: a write after a read conflicts") func writeAfterRead() {
    #expect(barriers([[.read(0, 64)], [.write(0, 64)]]) == 1)
  }

  @Test("C33: a write after a write conflicts") func writeAfterWrite() {
    #expect(barriers([[.write(0, 64)], [.write(0, 64)]]) == 1)
  }

  @Test("C34: different buffers never conflict") func differentBuffers() {
    #expect(barriers([[.write(0, 64)], [.write(1000, 1064)], [.read(2000, 2064)]]) == 0)
  }

  @Test("C35: a barrier clears what came before") func reset() {
    #expect(barriers([[.write(0, 64)], [.read(0, 64)], [.read(0, 64)]]) == 1)
  }

  @Test("C36: write, read, write, read of two buffers is exactly 2 barriers") func twoChains() {
    let chain: [[Use]] = [
      [.write(0, 64)], [.read(0, 64), .write(100, 164)],
      [.write(1000, 1064)], [.read(1000, 1064), .write(1100, 1164)],
    ]
    #expect(barriers(chain) == 2)
  }

  @Test("C36: of one buffer each step but the first needs one") func oneChain() {
    #expect(barriers([[.write(0, 64)], [.read(0, 64)], [.write(0, 64)], [.read(0, 64)]]) == 3)
  }

  @Test("C37: touching ranges do not conflict, overlapping ones do, both ways round")
  func symmetry() {
    let ranges: [(UInt, UInt, Bool)] = [
      (64, 128, false), (0, 0, false), (63, 128, true), (0, 1, true), (10, 20, true), (0, 64, true),
      (0, 200, true),
    ]
    for (start, end, isConflict) in ranges where start < end {
      #expect(barriers([[.write(0, 64)], [.write(start, end)]]) == (isConflict ? 1 : 0))
      #expect(barriers([[.write(start, end)], [.write(0, 64)]]) == (isConflict ? 1 : 0))
    }
  }

  @Test("C38: disjoint windows of one storage do not conflict") func disjointWindows() {
    #expect(barriers([[.write(0, 512)], [.write(512, 1024)], [.read(1024, 2048)]]) == 0)
  }

  @Test func aDispatchDoesNotConflictWithItself() {
    #expect(barriers([[.read(0, 64), .write(0, 64)]]) == 0)
    #expect(barriers([[.both(0, 64)], [.both(64, 128)]]) == 0)
  }

  @Test func manyRangesEndInABarrierInsteadOfASlowSearch() {
    var tracker = HazardTracker()
    for index in 0..<UInt(HazardTracker.rangeLimit) {
      #expect(!tracker.isFull)
      tracker.record(index * 100, index * 100 + 1, reads: false, writes: true)
    }
    #expect(tracker.isFull)
    tracker.reset()
    #expect(!tracker.isFull)
  }

  /// The sorted ranges answer like a set of bytes does.
  @Test(arguments: 0..<20) func rangesAgreeWithASetOfBytes(seed: UInt64) {
    var generator = SplitMix(state: seed)
    var ranges = ByteRanges()
    var bytes: Set<UInt> = []
    for _ in 0..<200 {
      let start = UInt.random(in: 0..<256, using: &generator)
      let end = start + UInt.random(in: 1...12, using: &generator)
      #expect(ranges.overlaps(start, end) == !bytes.isDisjoint(with: start..<end))
      if Bool.random(using: &generator) && bytes.count < 128 {
        ranges.insert(start, end)
        bytes.formUnion(start..<end)
      }
    }
    let runs = bytes.filter { !bytes.contains($0 + 1) }.count
    #expect(ranges.count == runs)
  }
}

/// A small generator, so that a failing seed can be run again.
struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }
}
