extension Kernel {
  /// Binds arguments ahead of the dispatches that use them.
  ///
  ///     let bound = try saxpy.bind(x, y, .float(2))
  ///     try encoder.dispatch(bound, grid: x.count)
  ///
  /// All are given, as to a dispatch, and checked as there; lazy buffers get their memory. `uses` are the buffers that the
  /// kernel reaches through pointers in others. Throws `.argument` if they do not fit the kernel, `.closed` for a buffer
  /// that its pool has taken back, `.outOfMemory`.
  public func bind<each A: ArgumentConvertible>(
    _ arguments: repeat each A, uses: [BufferUse] = []
  ) throws(IngotError) -> BoundKernel {
    var packer = ArgumentPacker(for: self)
    repeat try packer.add((each arguments).asArgument)
    return try bind(packer, uses)
  }

  /// The same for a list that is made at run time; nil leaves out an unused argument.
  public func bind(_ arguments: [Argument?], uses: [BufferUse] = []) throws(IngotError) -> BoundKernel {
    var packer = ArgumentPacker(for: self)
    for argument in arguments { try packer.add(argument) }
    return try bind(packer, uses)
  }

  private func bind(_ packer: borrowing ArgumentPacker, _ uses: [BufferUse]) throws(IngotError) -> BoundKernel
  {
    try packer.use { (kernel, buffers, values) throws(IngotError) in
      try kernel.bind(buffers: buffers.map { $0?.takeUnretainedValue() }, values: values, uses: uses)
    }
  }

  /// The form that the C boundary calls: buffers by position, and values as `CommandEncoder.dispatch` takes them.
  public func bind(
    buffers: [Buffer?], values: UnsafeRawBufferPointer, uses: [BufferUse] = []
  ) throws(IngotError) -> BoundKernel {
    let device = try openDevice()
    guard buffers.count <= arguments.count else { throw tooMany(buffers.count) }
    var given: UInt64 = 0
    var found: [(position: Int, buffer: Buffer)] = []
    for (position, buffer) in buffers.enumerated() {
      guard let buffer else { continue }
      try check(buffer, at: position)
      given |= 1 << UInt64(position)
      found.append((position, buffer))
    }
    let hasLongValues = try checkValues(values, &given, on: device)
    let missing = required & ~given
    guard missing == 0 else { throw self.missing(missing) }
    for use in uses { try use.check(on: deviceID) }
    // Memory of its own: a reset of the pool shall not take what the user has not asked of it.
    let copies = hasLongValues ? try copiesOfLongValues(values, in: device, isExact: true) : []
    return BoundKernel(self, found, values: values, copies: copies, uses: uses)
  }

  private func check(_ buffer: Buffer, at position: Int) throws(IngotError) {
    guard buffer.deviceID == deviceID else { try refuse(buffer, at: position) }
    try buffer.storage.prepare()
    guard rules[position].accepts(buffer) else { try refuse(buffer, at: position) }
  }
}
