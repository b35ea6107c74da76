import Metal
import Testing

@testable import Ingot

/// What residency does by itself as time goes by.
@Suite struct ResidencyTimeTests {
  private static let second: UInt64 = 1_000_000_000
  private static let beat = KeepAlive.interval

  @Test("Dropped memory leaves its set a second later, if no submission comes before")
  func removalsAreCommittedAfterASecond() throws {
    let scene = try ResidencyScene()
    weak var gone: (any MTLBuffer)?
    do {
      let buffer = try scene.added()
      gone = buffer
      scene.residency.flush()
      scene.time.advance(by: 5 * Self.second)
      scene.residency.retire(buffer)
    }
    #expect(scene.residency.counts.wakeUps == 0)
    scene.time.advance(by: Self.second - 1)
    #expect(gone != nil && scene.commits == 1)
    scene.time.advance(by: 1)
    #expect(gone == nil && scene.commits == 2)
    scene.time.advance(by: 100 * Self.second)
    #expect(scene.commits == 2 && scene.residency.counts.wakeUps == 1)
  }

  @Test func aSubmissionTakesTheTimersPlace() throws {
    let scene = try ResidencyScene()
    let buffers = try [scene.added(), scene.added()]
    scene.residency.flush()
    scene.retire([buffers[0]])
    scene.time.advance(by: Self.second / 2)
    scene.retire([buffers[1]])
    scene.residency.flush()
    #expect(scene.commits == 2 && scene.members == [])
    scene.time.advance(by: 100 * Self.second)
    #expect(scene.commits == 2 && scene.residency.counts.wakeUps == 0)
  }

  @Test func theSecondIsOfTheFirstThatWasDropped() throws {
    let scene = try ResidencyScene()
    let buffers = try [scene.added(), scene.added()]
    scene.residency.flush()
    scene.retire([buffers[0]])
    scene.time.advance(by: Self.second / 10 * 9)
    scene.retire([buffers[1]])
    scene.time.advance(by: Self.second / 10)
    #expect(scene.commits == 2 && scene.members == [])
  }

  @Test("Memory that was never in a set goes at once, and takes no commit before the next submission")
  func memoryThatWasNeverInASet() throws {
    let scene = try ResidencyScene()
    weak var gone: (any MTLBuffer)?
    do {
      let buffer = try scene.added()
      gone = buffer
      scene.residency.retire(buffer)
    }
    #expect(gone == nil)
    scene.time.advance(by: 10 * Self.second)
    #expect(scene.commits == 0 && scene.residency.counts.wakeUps == 0)
  }

  @Test("Above 64 MiB, what was dropped leaves at once: with the next allocation, or by itself")
  func manyRemovalsAreCommittedAtOnce() throws {
    #expect(ResidencyLimits(setBytes: 1, budget: 1).removalBytes == 64 << 20)
    for isByItself in [true, false] {
      let scene = try ResidencyScene(setSize: 3) {
        ($0.removalBytes, $0.setBytes) = ($0.setBytes, 100 * $0.setBytes)
      }
      let buffers = try (0..<5).map { _ in try scene.added() }
      scene.residency.flush()
      scene.retire(Array(buffers[..<3]))
      scene.time.advance(by: 0)
      #expect(scene.commits == 1)
      scene.retire([buffers[3]])
      if isByItself { scene.time.advance(by: 0) } else { _ = try scene.added() }
      #expect(scene.commits == 2)
      #expect(scene.residency.counts.wakeUps == (isByItself ? 1 : 0))
      scene.time.advance(by: 10 * Self.second)
      #expect(scene.commits == 2)
      withExtendedLifetime(buffers) {}
    }
  }

  @Test func removalsCanBeCommittedAtAnyTime() throws {
    let scene = try ResidencyScene()
    let buffers = try [scene.added(), scene.added(pooled: true)]
    scene.residency.flush()
    scene.residency.commitRemovals()
    #expect(scene.commits == 2)
    scene.retire([buffers[1]])
    scene.residency.commitRemovals()
    scene.residency.commitRemovals()
    #expect(scene.commits == 3 && scene.members == [1])
    scene.time.advance(by: 10 * Self.second)
    #expect(scene.commits == 3)
  }

  @Test func closingEndsEverything() throws {
    let scene = try ResidencyScene()
    let (dropped, kept) = (try scene.added(), try scene.added())
    scene.residency.flush()
    scene.residency.retire(dropped)
    scene.residency.close()
    #expect(scene.sets.counts.sets == 0 && scene.commits == 2)
    scene.residency.retire(kept)
    scene.residency.add(dropped)
    #expect(!scene.residency.flush() && scene.wired == 0)
    scene.time.advance(by: 10 * Self.second)
    #expect(scene.residency.counts.wakeUps == 0 && scene.commits == 2)
  }
}

/// The timer that requests residency while nothing happens.
@Suite struct KeepAliveTests {
  private static let beat = KeepAlive.interval
  private let scene: ResidencyScene
  private let keeper: KeepAlive
  private let buffers: [any MTLBuffer]

  /// Two sets with members.
  init() throws {
    scene = try ResidencyScene()
    keeper = KeepAlive(scene.sets, time: scene.time)
    buffers = try [scene.added(), scene.added(pooled: true)]
    scene.residency.flush()
  }

  private func work() {
    keeper.workBegins()
    keeper.workEnds()
  }

  private func expect(
    wakeUps: Int, requests: Int, _ location: SourceLocation = #_sourceLocation
  ) {
    #expect(keeper.counts.wakeUps == wakeUps && keeper.counts.requests == requests, sourceLocation: location)
  }

  @Test("Every 400 ms for 180 s after the last submission, then never again")
  func beats() {
    work()
    scene.time.advance(by: Self.beat - 1)
    expect(wakeUps: 0, requests: 0)
    scene.time.advance(by: 1)
    expect(wakeUps: 1, requests: 2)
    scene.time.advance(by: KeepAlive.defaultDuration - Self.beat)
    expect(wakeUps: 450, requests: 900)
    scene.time.advance(by: 100 * KeepAlive.defaultDuration)
    expect(wakeUps: 450, requests: 900)
    work()
    scene.time.advance(by: 2 * Self.beat)
    expect(wakeUps: 452, requests: 904)
  }

  @Test func notBeforeTheFirstSubmission() {
    scene.time.advance(by: KeepAlive.defaultDuration)
    expect(wakeUps: 0, requests: 0)
  }

  @Test func notWhileWorkIsUnderWay() {
    work()
    scene.time.advance(by: Self.beat)
    keeper.workBegins()
    scene.time.advance(by: KeepAlive.defaultDuration)
    expect(wakeUps: 1, requests: 2)
    keeper.workEnds()
    scene.time.advance(by: Self.beat)
    expect(wakeUps: 2, requests: 4)
  }

  @Test func submissionsOneAfterAnotherNeverWakeIt() {
    for _ in 0..<100 {
      work()
      scene.time.advance(by: Self.beat - 1)
    }
    expect(wakeUps: 0, requests: 0)
  }

  @Test(
    "For as long as was asked for",
    arguments: [
      (0, 0), (399_999_999, 0), (400_000_000, 1), (1_000_000_000, 2), (1_200_000_000, 3),
    ] as [(UInt64, Int)])
  func duration(_ nanoseconds: UInt64, _ beats: Int) {
    keeper.duration = nanoseconds
    work()
    scene.time.advance(by: KeepAlive.defaultDuration)
    expect(wakeUps: beats, requests: 2 * beats)
  }

  @Test func theDurationCanChangeAtAnyTime() {
    work()
    scene.time.advance(by: 10 * Self.beat)
    keeper.duration = 0
    scene.time.advance(by: 10 * Self.beat)
    expect(wakeUps: 10, requests: 20)
    keeper.duration = .max
    scene.time.advance(by: 1000 * Self.beat)
    expect(wakeUps: 1010, requests: 2020)
  }

  @Test func whereNothingIsResidentItWakesOnce() {
    scene.retire(buffers)
    scene.residency.flush()
    work()
    scene.time.advance(by: KeepAlive.defaultDuration)
    expect(wakeUps: 1, requests: 0)
  }

  @Test func closingEndsIt() {
    work()
    keeper.close()
    work()
    keeper.duration = .max
    scene.time.advance(by: KeepAlive.defaultDuration)
    expect(wakeUps: 0, requests: 0)
  }

  @Test func aDeviceTellsWhenItIsIdle() throws {
    let (time, metal) = (ManualTime(), try #require(MTLCreateSystemDefaultDevice()))
    let device = try Device(
      metal: metal, residency: true, configuration: Configuration { _ in nil }, time: time)
    let x = try device.zeros([4], .int32)
    var gate: Gate? = try Gate(device)
    let (first, second) = (try device.encoder().commit(), try device.encoder().commit())
    time.advance(by: 10 * Self.beat)
    #expect(device.statistics.residencyWakeUps == 0)
    gate = nil
    try first.wait()
    try second.wait()
    time.advance(by: 3 * Self.beat)
    #expect(device.statistics.residencyRequests == 3 && device.statistics.residencyWakeUps == 3)
    gate = try Gate(device)
    let third = try device.encoder().commit()
    time.advance(by: 10 * Self.beat)
    #expect(device.statistics.residencyWakeUps == 3)
    gate?.open()
    try third.wait()
    device.keepAlive = .zero
    time.advance(by: 10 * Self.beat)
    #expect(device.statistics.residencyWakeUps == 3)
    withExtendedLifetime(x) {}
  }
}
