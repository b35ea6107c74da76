// A kernel called as a function: an encoder with one dispatch, committed and waited for.

extension Kernel {
  /// Runs the kernel over so many threads, and blocks until the GPU is done.
  ///
  ///     try saxpy(x, y, .float(2), grid: x.count)
  ///
  /// It is `encoder`, `dispatch`, `commit` and `wait` in one; the label is the kernel's name. Throws what these throw: for
  /// more than one dispatch an encoder is the quicker.
  @available(*, noasync, message: "await the call")
  @discardableResult
  public func callAsFunction<each A: ArgumentConvertible>(
    _ arguments: repeat each A, grid: some ExtentConvertible,
    group: (some ExtentConvertible)? = Extent?.none, uses: [BufferUse] = []
  ) throws(IngotError) -> Submission {
    try finished(
      submit(repeat each arguments, grid: .threads(grid.asExtent()), group: group?.asExtent(), uses: uses))
  }

  /// The same over so many threadgroups, all of them full.
  @available(*, noasync, message: "await the call")
  @discardableResult
  public func callAsFunction<each A: ArgumentConvertible>(
    _ arguments: repeat each A, groups: some ExtentConvertible, group: some ExtentConvertible,
    uses: [BufferUse] = []
  ) throws(IngotError) -> Submission {
    try finished(
      submit(
        repeat each arguments, grid: .threadgroups(groups.asExtent()), group: group.asExtent(), uses: uses))
  }

  /// Runs the kernel over so many threads without blocking a thread.
  @discardableResult
  public func callAsFunction<each A: ArgumentConvertible>(
    _ arguments: repeat each A, grid: some ExtentConvertible,
    group: (some ExtentConvertible)? = Extent?.none, uses: [BufferUse] = []
  ) async throws(IngotError) -> Submission {
    let submission = try submit(
      repeat each arguments, grid: .threads(grid.asExtent()), group: group?.asExtent(), uses: uses)
    try await submission.completed()
    return submission
  }

  /// The same over so many threadgroups, all of them full.
  @discardableResult
  public func callAsFunction<each A: ArgumentConvertible>(
    _ arguments: repeat each A, groups: some ExtentConvertible, group: some ExtentConvertible,
    uses: [BufferUse] = []
  ) async throws(IngotError) -> Submission {
    let submission = try submit(
      repeat each arguments, grid: .threadgroups(groups.asExtent()), group: group.asExtent(), uses: uses)
    try await submission.completed()
    return submission
  }

  private func submit<each A: ArgumentConvertible>(
    _ arguments: repeat each A, grid: Grid, group: Extent?, uses: [BufferUse]
  ) throws(IngotError) -> Submission {
    var packer = ArgumentPacker(for: self)
    repeat try packer.add((each arguments).asArgument)
    let encoder = try openDevice().encoder(label: name)
    try encoder.dispatch(packer, grid: grid, group: group, uses: uses)
    return try encoder.commit()
  }
}

extension BoundKernel {
  /// Runs the bound kernel over so many threads, and blocks until the GPU is done; as calling a kernel does.
  @available(*, noasync, message: "await the call")
  @discardableResult
  public func callAsFunction(
    grid: some ExtentConvertible, group: (some ExtentConvertible)? = Extent?.none
  ) throws(IngotError) -> Submission {
    try finished(submit(.threads(grid.asExtent()), group?.asExtent()))
  }

  /// The same over so many threadgroups, all of them full.
  @available(*, noasync, message: "await the call")
  @discardableResult
  public func callAsFunction(
    groups: some ExtentConvertible, group: some ExtentConvertible
  ) throws(IngotError) -> Submission {
    try finished(submit(.threadgroups(groups.asExtent()), group.asExtent()))
  }

  /// Runs the bound kernel over so many threads without blocking a thread.
  @discardableResult
  public func callAsFunction(
    grid: some ExtentConvertible, group: (some ExtentConvertible)? = Extent?.none
  ) async throws(IngotError) -> Submission {
    let submission = try submit(.threads(grid.asExtent()), group?.asExtent())
    try await submission.completed()
    return submission
  }

  /// The same over so many threadgroups, all of them full.
  @discardableResult
  public func callAsFunction(
    groups: some ExtentConvertible, group: some ExtentConvertible
  ) async throws(IngotError) -> Submission {
    let submission = try submit(.threadgroups(groups.asExtent()), group.asExtent())
    try await submission.completed()
    return submission
  }

  private func submit(_ grid: Grid, _ group: Extent?) throws(IngotError) -> Submission {
    let encoder = try kernel.openDevice().encoder(label: kernel.name)
    try encoder.dispatch(self, grid: grid, group: group)
    return try encoder.commit()
  }
}

@available(*, noasync)
private func finished(_ submission: Submission) throws(IngotError) -> Submission {
  try submission.wait()
  return submission
}
