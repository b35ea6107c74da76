// What the host does with elements, each call checked by itself: nothing of it waits, or goes on after it.

extension Buffer {
  /// The only element of a buffer that has one, whatever its shape, and wherever it begins.
  ///
  ///     let loss = try losses[step].item(of: Float.self)
  ///
  /// Throws `.argument` if it has several, or `T` is not the dtype; `.inFlight` while a submission writes it.
  public func item<T: BufferElement>(of type: T.Type) throws(IngotError) -> T {
    guard count == 1 else {
      throw .argument(
        "\(self) has \(count) elements, and item() is the one of a single; index it, or use values(of:)")
    }
    try checkType(type)
    return try withExtendedLifetime(storage.hold()) { _ throws(IngotError) in
      try contents(for: .read).loadUnaligned(as: type)
    }
  }

  /// Copies the elements of another buffer, which must have the same dtype and shape; any device's will do.
  ///
  /// If they share memory it is as if the other were copied away first (`memmove`). Throws `.inFlight` while a
  /// submission uses these elements or writes those, `.argument` if they do not fit or this buffer is read-only.
  public func copy(from other: Buffer) throws(IngotError) {
    guard dtype == other.dtype, shape == other.shape else {
      throw .argument(
        "\(other) does not fit \(self): dtype and shape must be the same, nothing is converted or repeated; reshape,"
          + " view or index one of them")
    }
    try withExtendedLifetime((storage.hold(), other.storage.hold())) { _ throws(IngotError) in
      let target = try contents(for: .write)
      target.copyMemory(from: try other.contents(for: .read), byteCount: nbytes)
    }
  }

  /// Copies values, as many as it has elements, in the order of rows. Throws as `copy(from:)` of a buffer.
  public func copy<T: BufferElement>(from values: [T]) throws(IngotError) {
    try checkType(T.self)
    guard values.count == count else {
      throw .argument("\(values.count) values do not fit \(self), which has \(count) elements")
    }
    try withExtendedLifetime(storage.hold()) { _ throws(IngotError) in
      let target = try contents(for: .write)
      values.withUnsafeBytes { target.copyMemory(from: $0.baseAddress!, byteCount: nbytes) }
    }
  }

  /// Copies the elements to another buffer, as its `copy(from:)`.
  public func copy(to other: Buffer) throws(IngotError) { try other.copy(from: self) }

  /// Makes every element `value`.
  ///
  /// Throws `.argument` if `T` is not the dtype or the buffer is read-only, `.inFlight` while a submission uses it.
  public func fill<T: BufferElement>(_ value: T) throws(IngotError) {
    try checkType(T.self)
    try withUnsafeBytes(of: value) { (element) throws(IngotError) in try fill(with: element) }
  }

  /// Makes every element what these bytes of one are. Throws as `fill`.
  public func fill(with element: UnsafeRawBufferPointer) throws(IngotError) {
    guard element.count == dtype.size else {
      throw .argument("\(element.count) bytes are given for an element of \(self), which has \(dtype.size)")
    }
    try withExtendedLifetime(storage.hold()) { _ throws(IngotError) in
      let target = try contents(for: .write)
      UnsafeMutableRawBufferPointer(start: target, count: nbytes).fill(repeating: element)
    }
  }

  func checkType<T: BufferElement>(_ type: T.Type) throws(IngotError) {
    guard T.dtype == dtype else { throw .argument("the buffer holds \(dtype.name), not \(T.dtype.name)") }
  }
}
