/// A dtype and a shape that make sense together: at least one byte, no overflow.
struct Layout: CustomStringConvertible {
  static let maxDimensions = 32

  let dtype: DType
  let shape: [Int]
  /// Elements.
  let count: Int
  let nbytes: Int

  init(dtype: DType, shape: [Int]) throws(IngotError) {
    guard shape.count <= Self.maxDimensions else {
      throw .argument("\(shape.count) dimensions; a buffer has at most \(Self.maxDimensions)")
    }
    if let negative = shape.first(where: { $0 < 0 }) {
      throw .argument("shape \(shape) has a negative extent, \(negative)")
    }
    if shape.contains(0) {
      throw .argument("shape \(shape) has no elements; Metal has no buffers of zero bytes")
    }
    guard let count = Self.product(shape, from: 1), let nbytes = Self.product([count], from: dtype.size)
    else {
      throw .argument("shape \(shape) of \(dtype.name) has more bytes than a 64-bit number can hold")
    }
    self.dtype = dtype
    self.shape = shape
    self.count = count
    self.nbytes = nbytes
  }

  /// One axis of so many elements, which are known to fit.
  init(dtype: DType, flat count: Int) {
    self.dtype = dtype
    shape = [count]
    self.count = count
    nbytes = count * dtype.size
  }

  private static func product(_ factors: [Int], from start: Int) -> Int? {
    var product = start
    for factor in factors {
      let (next, overflow) = product.multipliedReportingOverflow(by: factor)
      if overflow { return nil }
      product = next
    }
    return product
  }

  var description: String { "\(dtype.name) \(shape)" }
}
