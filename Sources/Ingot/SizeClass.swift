/// The capacities of a pool's blocks: few enough that blocks fit again, many enough that little is wasted.
///
/// Powers of two from 16 bytes to 8 KiB; whole pages of 16 KiB to 128 KiB; beyond that 8 classes an octave, which
/// waste at most 12.5 %.
enum SizeClass {
  static let smallest = 16
  static let largestPower = 8 << 10
  static let page = 16 << 10
  static let largestPages = 128 << 10

  /// The capacity of a block for `nbytes`, which are at least 1.
  static func capacity(for nbytes: Int) -> Int {
    if nbytes <= smallest { return smallest }
    let octave = Int.bitWidth - 1 - (nbytes - 1).leadingZeroBitCount
    if nbytes <= largestPower { return 2 << octave }
    return roundUp(nbytes, to: nbytes <= largestPages ? page : 1 << (octave - 3))
  }

  private static func roundUp(_ nbytes: Int, to step: Int) -> Int {
    let (sum, overflow) = nbytes.addingReportingOverflow(step - 1)
    return overflow ? nbytes : sum / step * step
  }
}
