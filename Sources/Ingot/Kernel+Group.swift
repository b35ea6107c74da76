extension Kernel {
  /// A good threadgroup for a grid of threads: the one that a dispatch without `group` takes.
  ///
  ///     let group = try kernel.suggestedGroup(for: [640, 480])
  ///
  /// Whole SIMD-groups along x, no larger than the grid, at most 256 threads and what the kernel can have. It knows nothing
  /// of how a kernel with threadgroup memory divides its work. Throws `.argument` for a grid that no dispatch can have.
  public func suggestedGroup(for grid: some ExtentConvertible) throws(IngotError) -> Extent {
    let threads = try grid.asExtent()
    guard threads.isPositive(upTo: Threadgroup.maxExtent) else {
      throw .argument(
        "a grid of \(threads) threads: each extent must be from 1 to \(Threadgroup.maxExtent)")
    }
    return Threadgroup.choose(for: threads, width: threadExecutionWidth, maxThreads: maxThreadsPerThreadgroup)
  }
}
