import Metal

/// What makes buffers: a device, a pool, and `Device.exact`.
public protocol BufferMaker {
  /// Makes a shared buffer (`makeBuffer(length:options: .storageModeShared)`) as the options say.
  ///
  /// `initial` is nothing (the contents are undefined), one element (every element gets it) or, unless the buffer is
  /// lazy, the whole contents. Throws `.argument` for sizes that cannot be, `.outOfMemory` if Metal has none.
  func makeBuffer(
    dtype: DType, shape: [Int], initial: UnsafeRawBufferPointer?, label: String?, options: BufferOptions
  ) throws(IngotError) -> Buffer
}

extension BufferMaker {
  /// Makes a shared buffer without any options.
  public func makeBuffer(
    dtype: DType, shape: [Int], initial: UnsafeRawBufferPointer?, label: String? = nil
  ) throws(IngotError) -> Buffer {
    try makeBuffer(dtype: dtype, shape: shape, initial: initial, label: label, options: [])
  }

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

  /// A buffer of zeros, or of memory that it gets at its first use, zeros as well.
  ///
  ///     let scratch = try device.buffer([1 << 20], .float32, lazy: true)
  ///
  /// Whatever needs the memory is its first use: host access, a dispatch, `ensureAllocated()`. That throws
  /// `.outOfMemory` then.
  public func buffer(
    _ shape: [Int], _ dtype: DType, lazy: Bool = false, label: String? = nil
  ) throws(IngotError) -> Buffer {
    var zero: UInt64 = 0
    return try withUnsafeBytes(of: &zero) { (bytes) throws(IngotError) in
      let element = UnsafeRawBufferPointer(rebasing: bytes.prefix(dtype.size))
      return try makeBuffer(
        dtype: dtype, shape: shape, initial: element, label: label, options: lazy ? .lazy : [])
    }
  }

  /// A buffer whose contents are undefined until they are written.
  public func empty(_ shape: [Int], _ dtype: DType, label: String? = nil) throws(IngotError) -> Buffer {
    try makeBuffer(dtype: dtype, shape: shape, initial: nil, label: label)
  }
}

extension Device: BufferMaker {
  /// Makes a shared buffer with memory of the pool in use, the device's own or see `Pool.use`, or as the options say.
  public func makeBuffer(
    dtype: DType, shape: [Int], initial: UnsafeRawBufferPointer?, label: String?, options: BufferOptions
  ) throws(IngotError) -> Buffer {
    let isLazy = options.contains(.lazy)
    if options.contains(.exact) {
      return try makeBuffer(dtype, shape, initial, label, from: memory, isLazy: isLazy)
    }
    return try makeBuffer(dtype, shape, initial, label, from: currentPool, isLazy: isLazy)
  }

  /// Makes buffers that have an allocation of their own, neither rounded nor kept when they go: for weights.
  ///
  ///     let weights = try device.exact.array(values)
  public var exact: ExactMemory { ExactMemory(device: self) }

  /// Checks what is asked for, and fills the block that `source` gives.
  func makeBuffer(
    _ dtype: DType, _ shape: [Int], _ initial: UnsafeRawBufferPointer?, _ label: String?,
    from source: some BlockSource, isLazy: Bool = false
  ) throws(IngotError) -> Buffer {
    let layout = try Layout(dtype: dtype, shape: shape)
    try checkLength(layout)
    if let initial, initial.count != layout.nbytes, initial.count != dtype.size {
      throw .argument(
        "\(initial.count) bytes given for \(layout); give \(layout.nbytes), or the \(dtype.size) of one element"
      )
    }
    if isLazy { return try lazyBuffer(layout, initial, label, source) }
    let block = try source.block(of: layout.nbytes)
    let storage = Storage(block, length: layout.nbytes, device: self, label: label)
    // Held while it is filled: a reset of the pool may come in between.
    if let initial { withExtendedLifetime(block) { storage.fill(with: initial) } }
    return Buffer(storage: storage, layout: layout)
  }

  private func lazyBuffer(
    _ layout: Layout, _ initial: UnsafeRawBufferPointer?, _ label: String?, _ source: some BlockSource
  ) throws(IngotError) -> Buffer {
    guard (initial?.count ?? 0) <= layout.dtype.size else {
      throw .argument("a lazy buffer is filled with one element or not at all; \(layout) was given contents")
    }
    let pending = Storage.Pending(source: source, element: initial.map(Array.init) ?? [])
    return Buffer(
      storage: Storage(lazily: pending, length: layout.nbytes, device: self, label: label), layout: layout)
  }

  func checkLength(_ layout: Layout) throws(IngotError) {
    guard layout.nbytes <= maxBufferLength else {
      throw .argument(
        "\(layout) needs \(layout.nbytes) bytes; a buffer of this device has at most \(maxBufferLength)."
          + " Use several smaller ones")
    }
  }
}

extension Pool {
  /// Makes a shared buffer as the options say: `.exact` leaves the pool out.
  public func makeBuffer(
    dtype: DType, shape: [Int], initial: UnsafeRawBufferPointer?, label: String?, options: BufferOptions
  ) throws(IngotError) -> Buffer {
    let isLazy = options.contains(.lazy)
    if options.contains(.exact) {
      return try device.makeBuffer(dtype, shape, initial, label, from: device.memory, isLazy: isLazy)
    }
    return try device.makeBuffer(dtype, shape, initial, label, from: core, isLazy: isLazy)
  }
}

/// How a buffer gets its memory; the raw values are those of the C ABI.
public struct BufferOptions: OptionSet, Sendable {
  public let rawValue: UInt32

  public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// An allocation of its own, neither rounded nor kept when it goes.
  public static let exact = BufferOptions(rawValue: 1)
  /// No memory until its first use, or `Buffer.ensureAllocated()`.
  public static let lazy = BufferOptions(rawValue: 2)
  public static let all: BufferOptions = [.exact, .lazy]
}

/// Makes buffers of a device with an allocation each: see `Device.exact`.
public struct ExactMemory: BufferMaker, Sendable {
  let device: Device

  /// Makes a shared buffer with an allocation of its own.
  public func makeBuffer(
    dtype: DType, shape: [Int], initial: UnsafeRawBufferPointer?, label: String?, options: BufferOptions
  ) throws(IngotError) -> Buffer {
    try device.makeBuffer(
      dtype: dtype, shape: shape, initial: initial, label: label, options: options.union(.exact))
  }
}
