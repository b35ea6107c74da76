import Foundation
import Synchronization
import Testing

@testable import Ingot

/// Eight threads that submit all the time and share a device, kernels, a pool and buffers, while part of what they do
/// fails: nothing is lost, nobody gets another's bytes or another's failure, and in the end nothing is held.
///
/// `INGOT_STRESS` in the environment says how many submissions each of them makes.
@Suite struct StressTests {
  static let threads = 8
  static let submissions = ProcessInfo.processInfo.environment["INGOT_STRESS"].flatMap(Int.init) ?? 250

  @Test func nothingIsLost() throws {
    let site = try Site()
    let players = (0..<Self.threads).map { Player(site, number: $0) }
    onThreads(Self.threads) { number in players[number].play(Self.submissions) }
    #expect(players.flatMap(\.wrong) == [])
    let sums = (0..<Site.rows).map { row in players.reduce(0) { $0 + $1.added[row] } }
    #expect(sums.allSatisfy { $0 > 0 })
    for (row, sum) in sums.enumerated() {
      #expect(
        try site.shared[row].values(of: Int32.self) == Array(repeating: Int32(sum), count: Site.columns))
    }
    try site.expectNothingHeld(submissions: players.reduce(0) { $0 + $1.committed })
    print(
      "\(players.reduce(0) { $0 + $1.committed }) submissions, of which \(players.reduce(0) { $0 + $1.failed }) failed;"
        + " \(players.reduce(0) { $0 + $1.refused }) requests refused for want of memory")
  }
}

/// What the threads share.
private final class Site: Sendable {
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

  init() throws {
    device = try Device.isolated()
    pool = Pool(device)
    try pool.setLimit(bytes: Self.limit)
    let library = try device.compile(Sources.steps)
    (increment, twice, copy) = try (
      library.kernel("increment"), library.kernel("twice"), library.kernel("copy")
    )
    stray = try device.kernel("stray", of: Sources.faults)
    shared = try device.exact.zeros([Self.rows, Self.columns], .int32)
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
    #expect(memory.storages == MemoryUse(count: 1, bytes: shared.nbytes))
    #expect(memory.usedBytes == memory.totalBytes && memory.pooled == MemoryUse())
    #expect(memory.resident.count == (device.hasResidencySets ? 1 : 0))
  }
}

/// One of the threads.
private final class Player: @unchecked Sendable {
  // Unchecked: one thread plays, and is joined before anyone looks.

  private(set) var added = Array(repeating: 0, count: Site.rows)
  private(set) var committed = 0
  private(set) var failed = 0
  private(set) var refused = 0
  /// What was not as it must be.
  private(set) var wrong: [String] = []

  private let site: Site
  private let number: Int
  private var generator: SplitMix
  private var unfinished: [Submission] = []

  init(_ site: Site, number: Int) {
    (self.site, self.number) = (site, number)
    generator = SplitMix(state: UInt64(number))
  }

  func play(_ count: Int) {
    while committed < count, wrong.count < 10 {
      do { try step() } catch { wrong.append("\(error)") }
    }
    for submission in unfinished { settle(submission) }
    unfinished = []
  }

  private func step() throws {
    switch Int.random(in: 0..<100, using: &generator) {
    case 0..<60: try addToShared()
    case 60..<92: try computeAlone()
    case 92..<96 where Platform.isSoftwareMetal: try fail()
    default: try misuse()
    }
  }

  /// Adds to rows that all threads add to, and does not wait.
  private func addToShared() throws {
    let encoder = site.device.encoder(label: "shared")
    for _ in 0..<Int.random(in: 1...4, using: &generator) {
      let row = Int.random(in: 0..<Site.rows, using: &generator)
      try encoder.dispatch(site.increment, site.shared[row], grid: Site.columns)
      added[row] += 1
    }
    unfinished.append(try commit(encoder))
    if unfinished.count > 6 { settle(unfinished.remove(at: Int.random(in: 0...6, using: &generator))) }
  }

  /// Computes on memory of the pool, of which there may be none, and looks at it.
  private func computeAlone() throws {
    let count = Int.random(in: 1...300_000, using: &generator)
    let start = Int32.random(in: 0..<1000, using: &generator)
    guard let (x, y) = try take(count, start) else { return }
    let encoder = site.device.encoder(label: "alone \(number)")
    try encoder.dispatch(site.increment, x, grid: count)
    try encoder.dispatch(site.copy, x, y, grid: count)
    try encoder.dispatch(site.twice, y, grid: count)
    try commit(encoder).wait()
    let expected = [start + 1, (start + 1) * 2]
    for place in [0, count / 2, count - 1] {
      let found = try [x, y].map { try $0[place].item(of: Int32.self) }
      if found != expected { wrong.append("thread \(number): \(found) at \(place), not \(expected)") }
    }
  }

  /// nil if the pool's limit leaves no room.
  private func take(_ count: Int, _ start: Int32) throws -> (Buffer, Buffer)? {
    do {
      return try (site.pool.full([count], start), site.pool.empty([count], .int32))
    } catch  where error.kind == .outOfMemory {
      refused += 1
      return nil
    }
  }

  /// A kernel that faults; nobody else is told.
  private func fail() throws {
    let label = "stray \(number).\(committed)"
    let encoder = site.device.encoder(label: label)
    try encoder.dispatch(site.stray, site.device.exact.zeros([16], .int32), grid: 16)
    let submission = try commit(encoder)
    failed += 1
    do {
      try submission.wait()
      wrong.append("\(label) did not fail")
    } catch {
      if error.kind != .commandBuffer || !error.message.contains("'\(label)'") { wrong.append("\(error)") }
    }
  }

  /// What is refused, and an encoder that is given up.
  private func misuse() throws {
    let encoder = site.device.encoder(label: "refused")
    try encoder.dispatch(site.increment, site.shared[0], grid: 1)
    if (try? encoder.dispatch(site.increment, grid: 1)) != nil { wrong.append("nothing was asked for") }
    try encoder.discard()
    if (try? encoder.commit()) != nil { wrong.append("a discarded encoder was committed") }
  }

  private func commit(_ encoder: CommandEncoder) throws -> Submission {
    let submission = try encoder.commit()
    committed += 1
    return submission
  }

  private func settle(_ submission: Submission) {
    do { try submission.wait() } catch { wrong.append("\(error)") }
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
