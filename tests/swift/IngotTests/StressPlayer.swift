import Testing

@testable import Ingot

/// One of the threads.
final class StressPlayer: @unchecked Sendable {
  // Unchecked: one thread plays, and is joined before anyone looks.

  private(set) var added = Array(repeating: 0, count: StressSite.rows)
  private(set) var committed = 0
  private(set) var failed = 0
  private(set) var refused = 0
  /// What was not as it must be.
  private(set) var wrong: [String] = []

  private let site: StressSite
  private let number: Int
  private var generator: SplitMix
  private var unfinished: [Submission] = []

  init(_ site: StressSite, number: Int) {
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
    case 0..<45: try addToShared()
    case 45..<55: try replay()
    case 55..<75: try computeAlone()
    case 75..<92: try computeOnTwoQueues()
    case 92..<96 where Platform.isSoftwareMetal: try fail()
    default: try misuse()
    }
  }

  /// Adds to rows that all threads add to, and does not wait.
  private func addToShared() throws {
    let encoder = site.device.encoder(label: "shared")
    for _ in 0..<Int.random(in: 1...4, using: &generator) {
      let row = Int.random(in: 0..<StressSite.rows, using: &generator)
      try encoder.dispatch(site.increment, site.shared[row], grid: StressSite.columns)
      added[row] += 1
    }
    leave(try commit(encoder))
  }

  /// The same by the graph that all threads replay, or within an encoder.
  private func replay() throws {
    if Bool.random(using: &generator) {
      leave(try site.graph.replay())
      committed += 1
    } else {
      let encoder = site.device.encoder(label: "replays")
      try site.graph.encode(to: encoder)
      leave(try commit(encoder))
    }
    for row in 0..<StressSite.rows { added[row] += 1 }
  }

  private func leave(_ submission: Submission) {
    unfinished.append(submission)
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
    try expect(x, y, [start + 1, (start + 1) * 2])
  }

  /// Half of it on the queue that all threads use beside the device's own, one after the other by an event.
  private func computeOnTwoQueues() throws {
    let count = Int.random(in: 1...100_000, using: &generator)
    let start = Int32.random(in: 0..<1000, using: &generator)
    guard let (x, y) = try take(count, start) else { return }
    let event = try site.device.event(label: "event \(number)")
    let first = site.queue.encoder(label: "first \(number)")
    try first.dispatch(site.increment, x, grid: count)
    try first.signal(event, value: 1)
    try commit(first)
    let second = site.device.encoder(label: "second \(number)")
    try second.wait(for: event, value: 1)
    try second.dispatch(site.copy, x, y, grid: count)
    try second.dispatch(site.twice, y, grid: count)
    try second.signal(event, value: 2)
    try commit(second)
    try event.wait(for: 2)
    try expect(x, y, [start + 1, (start + 1) * 2])
  }

  private func expect(_ x: Buffer, _ y: Buffer, _ expected: [Int32]) throws {
    let count = x.count
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

  /// A kernel that faults; nobody else is told but who waits for what it was to signal.
  private func fail() throws {
    let label = "stray \(number).\(committed)"
    let encoder = site.device.encoder(label: label)
    try encoder.dispatch(site.stray, site.device.exact.zeros([16], .int32), grid: 16)
    let event = try site.device.event(label: "event of \(label)")
    try encoder.signal(event, value: 1)
    let submission = try commit(encoder)
    failed += 1
    let dependent = site.queue.encoder(label: "dependent")
    try dependent.wait(for: event, value: 1)
    leave(try commit(dependent))
    expectFailure(of: label) { () throws(IngotError) in try submission.wait() }
    expectFailure(of: label) { () throws(IngotError) in try event.wait(for: 1) }
  }

  private func expectFailure(of label: String, _ wait: () throws(IngotError) -> Void) {
    do {
      try wait()
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

  @discardableResult
  private func commit(_ encoder: CommandEncoder) throws -> Submission {
    let submission = try encoder.commit()
    committed += 1
    return submission
  }

  private func settle(_ submission: Submission) {
    do { try submission.wait() } catch { wrong.append("\(error)") }
  }
}
