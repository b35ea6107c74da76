/// SplitMix64: the same seed gives the same choices on every machine.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  /// A generator of its own for each combination of numbers.
  init(seed: UInt64, _ numbers: UInt64...) {
    state = seed
    for number in numbers { state = next() ^ number }
  }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// Fills memory with what a program must not rely on.
  mutating func scribble(_ memory: UnsafeMutableRawBufferPointer) {
    var rest = memory
    while rest.count >= 8 {
      rest.storeBytes(of: next(), as: UInt64.self)
      rest = UnsafeMutableRawBufferPointer(rebasing: rest.dropFirst(8))
    }
    for index in rest.indices { rest[index] = UInt8(truncatingIfNeeded: next()) }
  }
}
