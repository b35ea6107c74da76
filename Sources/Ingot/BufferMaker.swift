import Metal

/// What makes buffers: a device, of memory that is theirs alone, and a pool, of memory that is used again.
public protocol BufferMaker {
  /// Makes a shared buffer.
  ///
  /// `initial` is nothing (the contents are undefined), one element (every element gets it) or the whole contents.
  /// Throws `.argument` for sizes that cannot be, `.outOfMemory` if Metal has none.
  func makeBuffer(
    dtype: DType, shape: [Int], initial: UnsafeRawBufferPointer?, label: String?
  ) throws(IngotError) -> Buffer
}

extension BufferMaker {
  /// A buffer with a copy of `values`, of one dimension.
  public func array<T: BufferElement>(_ values: [T], label: String? = nil) throws(IngotError) -> Buffer {
    try array(values, shape: [values.count], label: label)
  }

  /// A buffer with a copy of `values`, in the order of rows.
  public func array<T: BufferElement>(
    _ values: [T], shape: [Int], label: String? = nil
  ) throws(IngotError) -> Buffer {
    let layout = try Layout(dtype: T.dtype, shape: shape)
    guard layout.count == values.count else {
      throw .argument("shape \(shape) has \(layout.count) elements, but \(values.count) values are given")
    }
    return try values.withUnsafeBufferPointer { (values) throws(IngotError) in
      try makeBuffer(dtype: T.dtype, shape: shape, initial: UnsafeRawBufferPointer(values), label: label)
    }
  }

  /// A buffer of zeros.
  public func zeros(_ shape: [Int], _ dtype: DType, label: String? = nil) throws(IngotError) -> Buffer {
    var zero: UInt64 = 0
    return try withUnsafeBytes(of: &zero) { (bytes) throws(IngotError) in
      try makeBuffer(
        dtype: dtype, shape: shape, initial: .init(rebasing: bytes.prefix(dtype.size)), label: label)
    }
  }

  /// A buffer in which every element is `value`; its dtype is that of `T`.
  public func full<T: BufferElement>(
    _ shape: [Int], _ value: T, label: String? = nil
  ) throws(IngotError) -> Buffer {
    try withUnsafeBytes(of: value) { (bytes) throws(IngotError) in
      try makeBuffer(dtype: T.dtype, shape: shape, initial: bytes, label: label)
    }
  }

  /// A buffer whose contents are undefined until they are written.
  public func empty(_ shape: [Int], _ dtype: DType, label: String? = nil) throws(IngotError) -> Buffer {
    try makeBuffer(dtype: dtype, shape: shape, initial: nil, label: label)
  }
}

extension Device: BufferMaker {
  /// Makes a shared buffer with an allocation of its own (`makeBuffer(length:options: .storageModeShared)`).
  public func makeBuffer(
    dtype: DType, shape: [Int], initial: UnsafeRawBufferPointer?, label: String? = nil
  ) throws(IngotError) -> Buffer {
    try makeBuffer(dtype, shape, initial) { (length) throws(IngotError) in
      try Storage(device: self, length: length, label: label)
    }
  }

  /// Checks what is asked for, and fills the storage that `make` gives.
  func makeBuffer(
    _ dtype: DType, _ shape: [Int], _ initial: UnsafeRawBufferPointer?,
    in make: (_ length: Int) throws(IngotError) -> Storage
  ) throws(IngotError) -> Buffer {
    let layout = try Layout(dtype: dtype, shape: shape)
    try checkLength(layout)
    if let initial, initial.count != layout.nbytes, initial.count != dtype.size {
      throw .argument(
        "\(initial.count) bytes given for \(layout); give \(layout.nbytes), or the \(dtype.size) of one element"
      )
    }
    let storage = try make(layout.nbytes)
    if let initial { storage.fill(with: initial) }
    return Buffer(storage: storage, layout: layout)
  }

  private func checkLength(_ layout: Layout) throws(IngotError) {
    guard layout.nbytes <= maxBufferLength else {
      throw .argument(
        "\(layout) needs \(layout.nbytes) bytes; a buffer of this device has at most \(maxBufferLength)."
          + " Use several smaller ones")
    }
  }
}
