/// Chooses and checks grids and threadgroups.
enum Threadgroup {
  /// Enough to hide latency on every Apple GPU, few enough to leave room for registers.
  static let preferredThreads = 256

  /// Positions in a grid are 32-bit numbers.
  static let maxExtent = Int(UInt32.max)

  /// Metal takes lengths of threadgroup memory in units of 16 bytes.
  static func roundedMemory(_ nbytes: Int) -> Int { (nbytes + 15) & ~15 }

  /// A threadgroup that suits the kernel and the shape of the grid: whole SIMD-groups along x where the grid is wide
  /// enough, no larger than the grid, squarish in two and three dimensions.
  static func choose(for grid: Extent, width: Int, maxThreads: Int) -> Extent {
    let budget = budget(width: width, maxThreads: maxThreads)
    if grid.y == 1 && grid.z == 1 { return Extent(min(cover(grid.x), budget)) }
    let x = min(cover(grid.x), width, budget)
    let y = min(cover(grid.y), budget / x)
    let z = min(cover(grid.z), budget / (x * y))
    // What y and z have left over goes back to x.
    return Extent(min(cover(grid.x), budget / (y * z)), y, z)
  }

  /// Threads of the largest group to choose: whole SIMD-groups, if one fits at all.
  @inline(__always)
  private static func budget(width: Int, maxThreads: Int) -> Int {
    let limit = min(preferredThreads, maxThreads)
    // A division takes longer than all the rest, and a width is a power of two on every GPU.
    if width & (width - 1) == 0 { return limit >= width ? limit & ~(width - 1) : limit }
    return limit >= width ? limit - limit % width : limit
  }

  /// The least power of two that covers an extent, up to the preferred size.
  private static func cover(_ extent: Int) -> Int {
    if extent >= preferredThreads { return preferredThreads }
    return extent <= 1 ? 1 : 1 << (Int.bitWidth - (extent - 1).leadingZeroBitCount)
  }
}

extension CommandEncoder {
  /// The threadgroup to dispatch with: what was asked for, checked, or a good one.
  @inline(__always)
  func threadgroup(for kernel: Kernel, _ grid: Grid, _ group: Extent?) throws(IngotError) -> Extent {
    switch grid {
    case .threads(let threads):
      guard threads.isPositive(upTo: Threadgroup.maxExtent) else { throw badGrid(threads, "threads") }
      guard let group else { return try chosenGroup(for: kernel, threads) }
      try checkGroup(group, kernel)
      return group
    case .threadgroups(let count):
      guard let group else { throw groupNeeded(kernel) }
      try checkGroup(group, kernel)
      guard count.isPositive(upTo: Threadgroup.maxExtent), count.threads(in: group) != nil else {
        throw badGrid(count, "threadgroups of \(group) threads")
      }
      return group
    }
  }

  private func chosenGroup(for kernel: Kernel, _ threads: Extent) throws(IngotError) -> Extent {
    guard !kernel.usesThreadgroupMemory else {
      throw .argument(
        "kernel '\(kernel.name)' uses threadgroup memory, whose size goes with the threadgroup: say which group it is"
          + " written for, at most \(kernel.maxThreadsPerThreadgroup) threads")
    }
    return Threadgroup.choose(
      for: threads, width: kernel.threadExecutionWidth, maxThreads: kernel.maxThreadsPerThreadgroup)
  }

  @inline(__always)
  private func checkGroup(_ group: Extent, _ kernel: Kernel) throws(IngotError) {
    let limit = kernel.maxThreadsPerThreadgroup
    let most = device.maxThreadsPerThreadgroup
    guard group.isPositive(upTo: limit), group.x * group.y * group.z <= limit, group.x <= most.x,
      group.y <= most.y,
      group.z <= most.z
    else { throw badGroup(group, kernel) }
  }
}

extension Extent {
  @inline(__always)
  func isPositive(upTo limit: Int) -> Bool {
    x > 0 && y > 0 && z > 0 && x <= limit && y <= limit && z <= limit
  }

  /// Threads in so many threadgroups, nil if a position would not fit 32 bits. Both are known to be positive.
  fileprivate func threads(in group: Extent) -> Extent? {
    let total = Extent(x * group.x, y * group.y, z * group.z)
    return total.isPositive(upTo: Threadgroup.maxExtent) ? total : nil
  }
}

extension CommandEncoder {
  @inline(never)
  private func badGrid(_ size: Extent, _ unit: String) -> IngotError {
    .argument(
      "a grid of \(size) \(unit): each extent must be at least 1, and at most \(Threadgroup.maxExtent) threads"
    )
  }

  @inline(never)
  private func badGroup(_ group: Extent, _ kernel: Kernel) -> IngotError {
    .argument(
      "a threadgroup of \(group) threads: each extent must be at least 1, the product at most"
        + " \(kernel.maxThreadsPerThreadgroup) for kernel '\(kernel.name)', and no extent above"
        + " \(device.maxThreadsPerThreadgroup)")
  }

  @inline(never)
  private func groupNeeded(_ kernel: Kernel) -> IngotError {
    .argument(
      "a grid of threadgroups of kernel '\(kernel.name)' needs to know how large they are: give group, or count the"
        + " grid in threads")
  }
}
