import Metal
import Testing

@testable import Ingot

/// Residency sets on a queue of their own, with small limits and a clock that stands still.
final class ResidencyScene: @unchecked Sendable {
  let metal: any MTLDevice
  let time = ManualTime()
  let sets: QueueSets
  let residency: Residency
  /// Bytes of the memory that `buffer()` makes, as Metal counts them.
  let unit: Int

  /// Set size and budget are in units.
  init(
    setSize: Int = 1000, budget: Int = 1000, places: Int = 31,
    _ change: (inout ResidencyLimits) -> Void = { _ in }
  ) throws {
    metal = try #require(MTLCreateSystemDefaultDevice())
    let queue = try #require(metal.makeCommandQueue())
    sets = QueueSets(of: metal, queue: queue, limit: places)
    unit = try Self.buffer(1, metal).allocatedSize
    var limits = ResidencyLimits(setBytes: setSize * unit, budget: budget * unit)
    change(&limits)
    residency = try #require(Residency(in: sets, limits: limits, time: time))
  }

  deinit { residency.close() }

  private static func buffer(_ units: Int, _ metal: any MTLDevice) throws -> any MTLBuffer {
    try #require(metal.makeBuffer(length: units * 65536, options: .storageModeShared))
  }

  func buffer(_ units: Int = 1) throws -> any MTLBuffer { try Self.buffer(units, metal) }

  /// A buffer that was added.
  func added(_ units: Int = 1, pooled: Bool = false) throws -> any MTLBuffer {
    let buffer = try buffer(units)
    residency.add(buffer, pooled: pooled)
    return buffer
  }

  func retire(_ buffers: [any MTLBuffer]) { for buffer in buffers { residency.retire(buffer) } }

  /// Commits of sets so far.
  var commits: Int { sets.counts.commits }
  /// Allocations that are wired, in units, and those that wait.
  var wired: Int { residency.counts.bytes / unit }
  var waiting: Int { residency.counts.unwiredBytes / unit }

  /// What Metal says of the sets: allocations of each, without those that are empty.
  var members: [Int] { sets.sizes.filter { $0 > 0 }.sorted() }
}

extension QueueSets {
  /// Allocations of each set, as Metal counts them.
  var sizes: [Int] { attached.map { $0.withMetal { $0.allocationCount } } }
}
