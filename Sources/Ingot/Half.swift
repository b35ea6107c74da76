/// MSL's `half` by its bits: Swift has no `Float16` on Intel Macs.
enum Half {
  static let greatest = 65504.0

  /// The bits of the nearest half, ties to even.
  static func bits(_ value: Double) -> UInt16 {
    let sign: UInt16 = value.sign == .minus ? 0x8000 : 0
    let magnitude = value.magnitude
    if value.isNaN { return sign | 0x7e00 }
    if magnitude >= 65520 { return sign | 0x7c00 }
    // Below the least normal number the spacing is 2^-24 throughout.
    let exponent = magnitude < 0x1p-14 ? -14 : Int(magnitude.exponent)
    let units = (magnitude * power(10 - exponent)).rounded(.toNearestOrEven)
    // 1024 units are one in the exponent: a carry out of the fraction moves it up by itself.
    let fraction = UInt16(units)
    return sign | (exponent == -14 ? fraction : UInt16(exponent + 14) << 10 &+ fraction)
  }

  static func float(_ bits: UInt16) -> Float {
    let (exponent, fraction) = (Int(bits >> 10 & 31), Float(bits & 1023))
    let magnitude: Float =
      switch exponent {
      case 0: fraction * 0x1p-24
      case 31: fraction == 0 ? .infinity : .nan
      default: (fraction + 1024) * Float(power(exponent - 25))
      }
    return bits >> 15 == 0 ? magnitude : -magnitude
  }

  private static func power(_ exponent: Int) -> Double {
    Double(sign: .plus, exponent: exponent, significand: 1)
  }
}
