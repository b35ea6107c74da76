import Glibc

/// How far `result` is from `exact`, in units of the last place of a float there. Infinite where one of them is NaN or
/// infinite and the other is not; the largest float counts as a neighbour of infinity.
func unitsInTheLastPlace(_ result: Float, from exact: Double) -> Double {
  if exact.isNaN || result.isNaN { return exact.isNaN && result.isNaN ? 0 : .infinity }
  let rounded = Float(exact)
  if rounded == result { return rounded.isInfinite ? 0 : abs(Double(result) - exact) / unit(at: exact) }
  if rounded.isInfinite { return abs(result) == Float.greatestFiniteMagnitude ? 1 : .infinity }
  if result.isInfinite { return abs(rounded) == Float.greatestFiniteMagnitude ? 1 : .infinity }
  return abs(Double(result) - exact) / unit(at: exact)
}

private func unit(at value: Double) -> Double {
  let exponent = value == 0 ? -200 : ilogb(value)
  return scalbn(1, Int(max(exponent, -126)) - 23)
}

/// Floats of every size and sign, the special ones among them: `count` values, spread evenly over all bit patterns.
func floatSample(_ count: Int) -> [Float] {
  let step = UInt32(4_294_967_295 / count) | 1
  let spread = (0..<count).map { Float(bitPattern: UInt32($0) &* step) }
  let special: [Float] = [
    0, -0.0, 1, -1, 0.5, -0.5, 2, 10, .pi, .infinity, -.infinity, .nan, .leastNonzeroMagnitude,
    .leastNormalMagnitude, .greatestFiniteMagnitude, 88.722_84, 88.73, -87.33, -103.97, -104.1, 127.999_99,
    128, -149,
    -150.1, 16_777_216, 1e30,
  ]
  return special + special.map { $0.nextUp } + special.map { $0.nextDown } + spread
}

/// Floats between two bounds.
func floatSample(_ range: ClosedRange<Float>, _ count: Int) -> [Float] {
  (0...count).map { range.lowerBound + (range.upperBound - range.lowerBound) * (Float($0) / Float(count)) }
}
