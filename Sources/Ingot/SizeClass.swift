/// The capacities of a pool's blocks: few enough that blocks fit again, many enough that little is wasted.
///
/// Powers of two from 16 bytes to 8 KiB; whole pages of 16 KiB to 128 KiB; beyond that 8 classes an octave, which
/// waste at most 12.5 %. Classes have numbers, in the order of their capacities.
enum SizeClass {
  static let smallest = 16
  static let largestPower = 8 << 10
  static let page = 16 << 10
  static let largestPages = 128 << 10
  /// What blocks up to `largestPower` are cut of.
  static let slab = 1 << 20

  private static let powers = 10
  private static let pages = 8
  /// The octave above `largestPages`.
  private static let firstOctave = 17
  static let count = powers + pages + (Int.bitWidth - 1 - firstOctave) * 8

  /// The class of blocks for `nbytes`, which are at least 1.
  static func index(for nbytes: Int) -> Int {
    if nbytes <= smallest { return 0 }
    let octave = Int.bitWidth - 1 - (nbytes - 1).leadingZeroBitCount
    if nbytes <= largestPower { return octave - 3 }
    if nbytes <= largestPages { return powers + (nbytes - 1) / page }
    return powers + pages + (octave - firstOctave) * 8 + (nbytes - 1) >> (octave - 3) - 8
  }

  static func capacity(of index: Int) -> Int {
    if index < powers { return smallest << index }
    if index < powers + pages { return (index - powers + 1) * page }
    // Of the last one Int cannot say it.
    if index == count - 1 { return .max }
    let (octave, eighth) = (index - powers - pages).quotientAndRemainder(dividingBy: 8)
    return (eighth + 9) << (octave + firstOctave - 3)
  }

  static func isSlabs(_ index: Int) -> Bool { index < powers }

  /// The capacity of a block for `nbytes`, which are at least 1.
  static func capacity(for nbytes: Int) -> Int { capacity(of: index(for: nbytes)) }
}
