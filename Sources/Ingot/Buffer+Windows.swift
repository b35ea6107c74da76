// Windows: buffers on the memory of another, which they keep alive without keeping the other.

extension Buffer {
  /// The elements `range` along the first axis: rows of a matrix.
  ///
  ///     let middle = try x[2..<4]
  ///
  /// Throws `.argument` if they are not all there, or if there are none of them: Metal has no buffers of zero bytes.
  public subscript(range: Range<Int>) -> Buffer {
    get throws(IngotError) {
      guard let extent = shape.first else { throw noAxes }
      guard range.lowerBound >= 0, range.upperBound <= extent else {
        throw .argument("\(range) along an axis of \(extent), in \(self); it has 0..<\(extent)")
      }
      guard !range.isEmpty else {
        throw .argument("\(range) of \(self) has no elements; Metal has no buffers of zero bytes")
      }
      return try window(
        offset: range.lowerBound * (nbytes / extent), shape: [range.count] + shape.dropFirst())
    }
  }

  /// The element, row or plane at `index` along the first axis, which the result does not have.
  public subscript(index: Int) -> Buffer {
    get throws(IngotError) {
      guard let extent = shape.first else { throw noAxes }
      guard 0..<extent ~= index else {
        throw .argument("index \(index) along an axis of \(extent), in \(self); it has 0..<\(extent)")
      }
      return try window(offset: index * (nbytes / extent), shape: Array(shape.dropFirst()))
    }
  }

  /// The same elements in another shape; one extent may be -1, and follows from the others.
  ///
  /// Throws `.argument` if the shape has not as many elements.
  public func reshape(_ shape: [Int]) throws(IngotError) -> Buffer {
    try storage.checkIsOpen()
    var extents = shape
    if let open = shape.firstIndex(of: -1) {
      extents[open] = 1
      let rest = try Layout(dtype: dtype, shape: extents).count
      extents[open] = max(1, count / rest)
    }
    let layout = try Layout(dtype: dtype, shape: extents)
    guard layout.count == count else {
      throw .argument("shape \(shape) does not fit \(self), which has \(count) elements")
    }
    return Buffer(storage: storage, layout: layout, offset: offset, isReadOnly: isReadOnly)
  }

  /// The same elements along one axis.
  public var flat: Buffer {
    Buffer(
      storage: storage, layout: Layout(dtype: dtype, flat: count), offset: offset, isReadOnly: isReadOnly)
  }

  /// The same bytes as elements of another type; the last axis becomes longer or shorter.
  ///
  /// Throws `.argument` if the last axis is no whole number of the new elements.
  public func view(as dtype: DType) throws(IngotError) -> Buffer {
    if dtype.size == self.dtype.size { return try window(offset: 0, shape: shape, dtype: dtype) }
    guard let last = shape.last else {
      throw .argument(
        "\(self) has no axes, so it cannot become \(dtype.name) elements of another size; flat gives it an axis"
      )
    }
    guard last * self.dtype.size % dtype.size == 0 else {
      throw .argument(
        "the last axis of \(self) has \(last * self.dtype.size) bytes, no multiple of the \(dtype.size) of \(dtype.name)"
      )
    }
    return try window(
      offset: 0, shape: shape.dropLast() + [last * self.dtype.size / dtype.size], dtype: dtype)
  }

  /// A buffer on a part of this one: `offset` is in bytes from its beginning, `dtype` its own unless given.
  ///
  /// Any offset will do here; a kernel's argument is checked for alignment where it is bound. Throws `.argument` if the
  /// part ends after this buffer does, wherever the storage ends.
  public func window(offset: Int, shape: [Int], dtype: DType? = nil) throws(IngotError) -> Buffer {
    try storage.checkIsOpen()
    let layout = try Layout(dtype: dtype ?? self.dtype, shape: shape)
    // Neither side can overflow.
    guard offset >= 0, layout.nbytes <= nbytes, offset <= nbytes - layout.nbytes else {
      throw .argument(
        "a window of \(layout.nbytes) bytes (\(layout)) at byte \(offset) is not inside the \(nbytes) bytes of \(self)"
      )
    }
    return Buffer(storage: storage, layout: layout, offset: self.offset + offset, isReadOnly: isReadOnly)
  }

  /// A buffer of its own with the same elements, on the same device; its label is this one's unless given.
  ///
  /// The host copies. Throws `.inFlight` while an unfinished submission writes the elements, `.outOfMemory`.
  public func copy(label: String? = nil) throws(IngotError) -> Buffer {
    try withExtendedLifetime(storage.hold()) { _ throws(IngotError) in
      let bytes = try UnsafeRawBufferPointer(start: contents(for: .read), count: nbytes)
      return try device.makeBuffer(dtype: dtype, shape: shape, initial: bytes, label: label ?? self.label)
    }
  }

  private var noAxes: IngotError { .argument("\(self) has no axes to index") }
}
