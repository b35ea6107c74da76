import Dispatch
import Metal
import Synchronization
import Testing

@testable import Ingot

/// Which set memory goes to, when, and when it leaves.
@Suite struct ResidencySlotTests {
  @Test(
    "Pooled and other memory have sets of their own, filled first fit up to the cap; larger memory has its own"
  )
  func caps() throws {
    // Sizes in units, the cap, and the allocations of each set that come of it.
    let cases: [([Int], Int, [Int])] = [
      ([1, 1, 1, 1], 4, [4]),
      ([1, 1, 1, 1, 1], 4, [1, 4]),
      ([3, 3, 1, 1], 4, [2, 2]),
      ([4, 4], 4, [1, 1]),
      ([5], 4, [1]),
      ([5, 1, 6, 1], 4, [1, 1, 2]),
      ([9, 9, 9], 4, [1, 1, 1]),
    ]
    for (sizes, cap, expected) in cases {
      let scene = try ResidencyScene(setSize: cap)
      let buffers = try sizes.map { try scene.added($0) }
      #expect(scene.residency.flush())
      #expect(scene.members == expected, "\(sizes) with \(cap)")
      #expect(scene.commits == expected.count)
      #expect(scene.wired == sizes.reduce(0, +) && scene.waiting == 0)
      withExtendedLifetime(buffers) {}
    }
  }

  @Test func pooledMemoryIsApart() throws {
    let scene = try ResidencyScene()
    let buffers = try [true, false, true].map { try scene.added(pooled: $0) }
    scene.residency.flush()
    #expect(scene.members == [1, 2] && scene.commits == 2)
    withExtendedLifetime(buffers) {}
  }

  @Test func allocationsOfASetAreBounded() throws {
    let scene = try ResidencyScene { $0.setMembers = 3 }
    let buffers = try (0..<7).map { _ in try scene.added() }
    scene.residency.flush()
    #expect(scene.members == [1, 3, 3])
    withExtendedLifetime(buffers) {}
    // What is staged for removal and what comes instead are fewer together than Metal's limit.
    #expect(2 * ResidencyLimits(setBytes: 1, budget: 1).setMembers < 262_144)
  }

  @Test func emptySetsLeaveTheQueueAndTheFirstOnesStay() throws {
    let scene = try ResidencyScene(setSize: 2)
    #expect(scene.sets.counts.sets == 2)
    let buffers = try [1, 1, 1, 5, 5].map { try scene.added($0) }
    scene.residency.flush()
    #expect(scene.sets.counts.sets == 2 + 1 + 2)
    scene.retire(buffers)
    #expect(scene.sets.counts.sets == 5)
    scene.residency.flush()
    #expect(scene.sets.counts.sets == 2 && scene.members == [])
    let again = try scene.added(5)
    scene.residency.flush()
    #expect(scene.sets.counts.sets == 3 && scene.members == [1])
    withExtendedLifetime(again) {}
  }

  @Test("A set that becomes empty and full again before it is committed stays")
  func setsThatAreWantedAgainStay() throws {
    let scene = try ResidencyScene(setSize: 2)
    let first = try (0..<3).map { _ in try scene.added() }
    scene.residency.flush()
    scene.retire([first[2]])
    let other = try scene.added()
    scene.residency.flush()
    #expect(scene.members == [1, 2] && scene.sets.counts.sets == 3)
    withExtendedLifetime((first, other)) {}
  }

  @Test func thereAreNeverMoreSetsThanPlaces() throws {
    let scene = try ResidencyScene(setSize: 1, places: 5)
    let buffers = try (0..<8).map { _ in try scene.added(2) }
    scene.residency.flush()
    #expect(scene.sets.counts.sets == 5 && scene.members == [1, 1, 1])
    #expect(scene.wired == 6 && scene.waiting == 10)
    scene.retire([buffers[0]])
    scene.residency.flush()
    // Its place is free only after that commit.
    #expect(scene.sets.counts.sets == 4 && scene.waiting == 10)
    scene.residency.flush()
    #expect(scene.members == [1, 1, 1] && scene.waiting == 8)
    withExtendedLifetime(buffers) {}
  }

  @Test("Where a queue takes no sets there is no residency, and nothing is left of the attempt")
  func noSets() throws {
    let metal = try #require(MTLCreateSystemDefaultDevice())
    let queue = try #require(metal.makeCommandQueue())
    for places in 0...1 {
      let sets = QueueSets(of: metal, queue: queue, limit: places)
      #expect(Residency(in: sets, limits: ResidencyLimits(setBytes: 1, budget: 1)) == nil)
      #expect(sets.counts.sets == 0)
      #expect(try places == 0 || sets.attachOwn(label: "").commits == 0)
    }
  }

  @Test func beyondTheBudgetMemoryWaitsForRoom() throws {
    let scene = try ResidencyScene(budget: 4)
    let buffers = try [2, 2, 3, 1, 2].map { try scene.added($0) }
    #expect(scene.wired == 4 && scene.waiting == 6)
    scene.residency.flush()
    #expect(scene.commits == 1)
    scene.residency.flush()
    #expect(scene.commits == 1)
    scene.retire([buffers[0]])
    // The 3 has waited longest, but there is room for 2: the 1 comes in, then nothing fits.
    scene.residency.flush()
    #expect(scene.wired == 3 && scene.waiting == 5 && scene.commits == 2)
    scene.retire([buffers[1]])
    scene.residency.flush()
    #expect(scene.wired == 4 && scene.waiting == 2 && scene.commits == 3)
    scene.retire([buffers[4]])
    #expect(scene.wired == 4 && scene.waiting == 0)
    withExtendedLifetime(buffers) {}
  }

  @Test func aLowerBudgetUnwiresWhatCameLastAndAHigherOneTakesItBack() throws {
    let scene = try ResidencyScene(budget: 10)
    let buffers = try (1...4).map { try scene.added($0) }
    scene.residency.flush()
    scene.residency.budget = 5 * scene.unit
    #expect(scene.wired == 3 && scene.waiting == 7)
    scene.residency.flush()
    #expect(scene.members == [2])
    scene.residency.budget = 0
    scene.residency.flush()
    #expect(scene.members == [] && scene.waiting == 10)
    scene.residency.budget = 10 * scene.unit
    #expect(scene.wired == 0)
    scene.residency.flush()
    #expect(scene.members == [4] && scene.wired == 10 && scene.waiting == 0)
    scene.retire(buffers)
    scene.residency.flush()
    #expect(scene.members == [] && scene.wired == 0)
  }

  @Test func aForeignBufferThatIsAddedTwiceLeavesWithTheLast() throws {
    let scene = try ResidencyScene()
    let buffer = try scene.added()
    scene.residency.add(buffer)
    scene.residency.flush()
    #expect(scene.members == [1] && scene.wired == 1)
    scene.residency.retire(buffer)
    scene.residency.flush()
    #expect(scene.members == [1] && scene.commits == 1)
    scene.residency.retire(buffer)
    scene.residency.retire(buffer)
    scene.residency.flush()
    #expect(scene.members == [] && scene.commits == 2)
    scene.residency.add(buffer)
    scene.residency.retire(buffer)
    scene.residency.add(buffer)
    scene.residency.flush()
    #expect(scene.members == [1])
  }

  @Test func waitingMemoryIsNotHeld() throws {
    let scene = try ResidencyScene(budget: 0)
    weak var gone: (any MTLBuffer)?
    let other = try scene.added()
    do {
      let buffer = try scene.added()
      gone = buffer
      scene.residency.retire(buffer)
    }
    #expect(gone == nil && scene.waiting == 1)
    withExtendedLifetime(other) {}
  }

  @Test("Who waits for long comes first, and a long line costs nothing")
  func longLines() throws {
    let scene = try ResidencyScene(budget: 0)
    var buffers = try (0..<200).map { _ in try scene.added() }
    scene.residency.budget = 100 * scene.unit
    scene.residency.flush()
    #expect(scene.wired == 64)
    scene.retire(Array(buffers[70..<80]))
    scene.residency.add(buffers[3])
    scene.retire([buffers[3]])
    let more = try scene.buffer()
    scene.retire([buffers.removeFirst()])
    scene.residency.flush()
    #expect(scene.wired == 100 && scene.waiting == 89)
    withExtendedLifetime((more, buffers)) {}
  }
}
