extension CommandEncoder {
  /// Encodes a dispatch over so many threads; Ingot chooses the threadgroup (`dispatchThreads`).
  ///
  ///     try encoder.dispatch(saxpy, x, y, .float(2), grid: x.count)
  ///
  /// Arguments stand in the order of `kernel.arguments`. Throws `.argument` if they do not fit the kernel or the kernel
  /// needs a threadgroup, `.state` after a commit.
  @inlinable
  public func dispatch<each A: ArgumentConvertible>(
    _ kernel: Kernel, _ arguments: repeat each A, grid: some ExtentConvertible,
    uses: [BufferUse] = []
  ) throws(IngotError) {
    var packer = ArgumentPacker(for: kernel)
    repeat try packer.add((each arguments).asArgument)
    try dispatch(packer, grid: .threads(grid.asExtent()), group: nil, uses: uses)
  }

  /// Encodes a dispatch over so many threads in threadgroups of a given size; those at the edges are smaller.
  @inlinable
  public func dispatch<each A: ArgumentConvertible>(
    _ kernel: Kernel, _ arguments: repeat each A, grid: some ExtentConvertible, group: some ExtentConvertible,
    uses: [BufferUse] = []
  ) throws(IngotError) {
    var packer = ArgumentPacker(for: kernel)
    repeat try packer.add((each arguments).asArgument)
    try dispatch(
      packer, grid: .threads(grid.asExtent()), group: group.asExtent(), uses: uses)
  }

  /// Encodes a dispatch of so many threadgroups of a given size, all of them full (`dispatchThreadgroups`).
  @inlinable
  public func dispatch<each A: ArgumentConvertible>(
    _ kernel: Kernel, _ arguments: repeat each A, groups: some ExtentConvertible,
    group: some ExtentConvertible,
    uses: [BufferUse] = []
  ) throws(IngotError) {
    var packer = ArgumentPacker(for: kernel)
    repeat try packer.add((each arguments).asArgument)
    try dispatch(
      packer, grid: .threadgroups(groups.asExtent()), group: group.asExtent(), uses: uses)
  }

  /// Encodes a dispatch with a list of arguments that is made at run time; nil leaves out an unused one.
  public func dispatch(
    _ kernel: Kernel, _ arguments: [Argument?], grid: Grid, group: Extent?, uses: [BufferUse] = []
  ) throws(IngotError) {
    var packer = ArgumentPacker(for: kernel)
    for argument in arguments { try packer.add(argument) }
    try dispatch(packer, grid: grid, group: group, uses: uses)
  }

  @usableFromInline
  func dispatch(
    _ packer: borrowing ArgumentPacker, grid: Grid, group: Extent?, uses: [BufferUse]
  ) throws(IngotError) {
    try packer.use { (kernel, buffers, values) throws(IngotError) in
      try dispatch(kernel, buffers: buffers, values: values, grid: grid, group: group, uses: uses)
    }
  }
}
