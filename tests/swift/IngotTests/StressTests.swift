import Foundation
import Synchronization
import Testing

@testable import Ingot

/// Eight threads that submit all the time and share a device, kernels, a pool, buffers, a queue and a graph, while part of
/// what they do fails: nothing is lost, nobody gets another's bytes or another's failure, and in the end nothing is held.
///
/// `INGOT_STRESS` in the environment says how many submissions each of them makes.
@Suite struct StressTests {
  static let threads = 8
  static let submissions = ProcessInfo.processInfo.environment["INGOT_STRESS"].flatMap(Int.init) ?? 250

  @Test func nothingIsLost() throws {
    let site = try StressSite()
    let players = (0..<Self.threads).map { StressPlayer(site, number: $0) }
    onThreads(Self.threads) { number in players[number].play(Self.submissions) }
    #expect(players.flatMap(\.wrong) == [])
    let sums = (0..<StressSite.rows).map { row in players.reduce(0) { $0 + $1.added[row] } }
    #expect(sums.allSatisfy { $0 > 0 })
    for (row, sum) in sums.enumerated() {
      #expect(
        try site.shared[row].values(of: Int32.self) == Array(repeating: Int32(sum), count: StressSite.columns)
      )
    }
    try site.expectNothingHeld(submissions: players.reduce(0) { $0 + $1.committed })
    print(
      "\(players.reduce(0) { $0 + $1.committed }) submissions, of which \(players.reduce(0) { $0 + $1.failed }) failed;"
        + " \(players.reduce(0) { $0 + $1.refused }) requests refused for want of memory")
  }
}

/// What the threads share.
final class StressSite: Sendable {
  static let rows = 4
  static let columns = 64
  /// Bytes that the pool may have: too few for all threads at a time.
  private static let limit = 6 << 20

  let device: Device
  let pool: Pool
  let increment: Kernel
  let twice: Kernel
  let copy: Kernel
  let stray: Kernel
  let shared: Buffer
  /// Adds one to each row, and goes through a buffer of its own.
  let graph: Graph
  let queue: Queue

  init() throws {
    device = try Device.isolated()
    pool = Pool(device)
    try pool.setLimit(bytes: Self.limit)
    let library = try device.compile(Sources.steps)
    (increment, twice, copy) = try (
      library.kernel("increment"), library.kernel("twice"), library.kernel("copy")
    )
    stray = try device.kernel("stray", of: Sources.faults)
    let rows = try device.exact.zeros([Self.rows, Self.columns], .int32)
    let passage = try device.exact.zeros([Self.rows, Self.columns], .int32)
    graph = try device.record(label: "graph") { [increment, copy] encoder in
      try encoder.dispatch(increment, rows, grid: rows.count)
      try encoder.dispatch(copy, rows, passage, grid: rows.count)
      try encoder.dispatch(copy, passage, rows, grid: rows.count)
    }
    shared = rows
    queue = try device.queue(label: "side")
  }

  func expectNothingHeld(submissions: Int) throws {
    #expect(device.statistics.submissions == submissions && device.statistics.unfinished == 0)
    let statistics = pool.statistics
    #expect(statistics.usedBytes == 0 && statistics.quarantined == 0 && statistics.highWater <= Self.limit)
    pool.trim()
    #expect(pool.statistics.totalBytes == 0)
    // All slots are free, and removals are committed.
    let encoders = (0..<CommandSlots.capacity).map { _ in device.encoder() }
    for encoder in encoders { try encoder.dispatch(increment, shared[0], grid: Self.columns) }
    for encoder in encoders.dropFirst() { try encoder.discard() }
    try encoders[0].commitAndWait()
    let memory = device.memoryStatistics
    #expect(memory.storages == MemoryUse(count: 2, bytes: 2 * shared.nbytes))
    #expect(memory.usedBytes == memory.totalBytes && memory.pooled == MemoryUse())
    #expect(memory.resident.count == (device.hasResidencySets ? 2 : 0))
  }
}

/// Runs `body` in so many threads, whatever the processors, and returns when all have ended.
func onThreads(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
  let ended = DispatchSemaphore(value: 0)
  for number in 0..<count {
    let thread = Thread {
      body(number)
      ended.signal()
    }
    thread.start()
  }
  for _ in 0..<count { ended.wait() }
}
