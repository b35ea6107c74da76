import Metal
import Testing

@testable import Ingot

/// The residency sets that users make.
@Suite(.serialized) struct ResidencySetTests {
  let device: Device

  init() throws { device = try Device.isolated() }

  private func exact(_ bytes: Int = 65536) throws -> Buffer { try device.exact.empty([bytes], .uint8) }

  @Test("C69: adding to and removing from a set moves its count; the bytes move with the commit")
  func countsAndBytes() throws {
    let set = try device.residencySet(label: "weights")
    let (one, two) = (try exact(), try exact(200_000))
    #expect(set.count == 0 && set.allocatedBytes == 0 && set.label == "weights" && set.device === device)
    try set.add(one, two)
    try set.add(one)
    #expect(set.count == 2 && set.contains(one) && set.contains(two) && set.allocatedBytes == 0)
    set.commit()
    #expect(set.allocatedBytes >= 265_536)
    try set.remove(one)
    try set.remove(one)
    #expect(set.count == 1 && !set.contains(one) && set.contains(two) && set.allocatedBytes >= 265_536)
    set.commit()
    #expect(set.allocatedBytes >= 200_000 && set.allocatedBytes < 265_536)
    set.clear()
    #expect(set.count == 0 && !set.contains(two))
    set.commit()
    #expect(set.allocatedBytes == 0)
  }

  @Test func itsCommitsAreCounted() throws {
    let (set, before) = (try device.residencySet(), device.statistics.residencyCommits)
    try set.add(exact())
    #expect(device.statistics.residencyCommits == before)
    set.commit()
    #expect(device.statistics.residencyCommits == before + 1)
  }

  @Test("Windows of one storage are one member; buffers of one allocation leave with the last")
  func sharedAllocations() throws {
    let set = try device.residencySet()
    let whole = try device.exact.empty([100], .float32)
    let window = try whole.window(offset: 40, shape: [10])
    try set.add(window)
    #expect(set.count == 1 && set.contains(whole))
    try set.remove(whole)
    #expect(set.count == 0)
    let (a, b) = (try device.exact.empty([100], .uint8), try device.exact.empty([100], .uint8))
    try set.add(a, b, a)
    #expect(set.count == 2)
    try set.remove(a)
    #expect(set.count == 1 && set.contains(b) && !set.contains(a))
  }

  @Test("Two buffers of a pool's slab: the set holds the slab until both are removed")
  func slabs() throws {
    let set = try device.residencySet()
    let buffers = try (0..<2).map { _ in try device.empty([16], .uint8) }
    let parts = try buffers.map { try $0.metalBuffer().buffer }
    try set.add(buffers)
    #expect(set.count == (parts[0] === parts[1] ? 1 : 2))
    try set.remove(buffers[0])
    #expect(set.count == 1 && set.contains(buffers[1]))
    #expect(set.contains(buffers[0]) == (parts[0] === parts[1]))
    try set.remove(buffers[1])
    #expect(set.count == 0)
  }

  @Test func whatIsInItStaysAllocatedUntilItIsRemovedAndThatIsCommitted() throws {
    let set = try device.residencySet()
    weak var memory: (any MTLBuffer)?
    do {
      let buffer = try exact()
      memory = try buffer.metalBuffer().buffer
      try set.add(buffer)
    }
    try device.encoder().commitAndWait()
    #expect(memory != nil && set.count == 1)
    set.clear()
    #expect(set.count == 0)
    set.commit()
    #expect(memory == nil)
  }

  @Test func foreignAndExpiredBuffersAreRefused() throws {
    let (set, other) = (try device.residencySet(), try Device.isolated())
    let (mine, foreign) = (try exact(), try other.zeros([4], .float32))
    let error = try failure { try set.add(mine, foreign) }
    #expect(error.kind == .argument && error.message.contains("another device"))
    #expect(set.count == 0 && !set.contains(foreign))
    #expect(try failure { try set.remove(foreign) }.kind == .argument)
    try set.add([])
    try set.remove([])
    #expect(set.count == 0)
  }

  @Test("Metal ends the process where a set is too large, so that is refused before")
  func capacity() throws {
    #expect(2 * ResidencySet.capacity <= 262_144)
    let set = try ResidencySet(device: device, label: nil, capacity: 3)
    let buffers = try (0..<4).map { _ in try exact() }
    try set.add(Array(buffers[..<2]))
    let error = try failure { try set.add(buffers) }
    #expect(error.kind == .argument && error.message.contains("would hold 4 allocations"))
    #expect(set.count == 2)
    try set.add(buffers[0], buffers[2], buffers[2])
    try set.remove(buffers[0])
    // It is in the set until the commit.
    #expect(throws: IngotError.self) { try set.add(buffers[3]) }
    set.commit()
    try set.add(buffers[3])
    #expect(set.count == 3)
    set.clear()
    #expect(throws: IngotError.self) { try set.add(buffers[0]) }
    set.commit()
    try set.add(Array(buffers[..<3]))
  }

  @Test("A queue has at most 31 sets, the device's own among them")
  func places() throws {
    let own = device.statistics.residencySets
    var sets = try (0..<(31 - own)).map { _ in try device.residencySet() }
    #expect(device.statistics.residencySets == 31)
    let error = try failure { _ = try device.residencySet() }
    #expect(error.kind == .state && error.message.contains("31"))
    #expect(error.message.contains("\(31 - own) made by") && error.message.contains("\(own) of its own"))
    sets.removeLast()
    sets.append(try device.residencySet())
    let work = try device.zeros([8], .int32)
    let encoder = device.encoder()
    try encoder.dispatch(device.kernel("increment", of: Sources.steps), work, grid: 8)
    try encoder.commitAndWait()
    #expect(try work.values(of: Int32.self)[0] == 1)
    sets.removeAll()
    #expect(device.statistics.residencySets == own)
  }

  @Test func itWorksWhereTheAutomaticResidencyIsOff() throws {
    let device = try Device.isolated(residency: false)
    let sets = try (0..<31).map { _ in try device.residencySet() }
    #expect(throws: IngotError.self) { try device.residencySet() }
    let buffer = try device.zeros([4], .float32)
    try sets[0].add(buffer)
    sets[0].withResidency { #expect(sets[0].allocatedBytes >= 16) }
    #expect(device.statistics.residentCount == 0 && device.statistics.residencySets == 31)
  }

  @Test("Where a set is requested it is requested again while nothing happens, until it ends")
  func requests() throws {
    let time = ManualTime()
    let device = try Device(
      metal: try #require(MTLCreateSystemDefaultDevice()), residency: false,
      configuration: Configuration { _ in nil }, time: time)
    let set = try device.residencySet()
    try set.add(device.zeros([4], .float32))
    var requests: Int { device.statistics.residencyRequests }
    try set.withResidency { () throws in
      time.advance(by: 3 * KeepAlive.interval)
      #expect(requests == 3)
      try device.encoder().commitAndWait()
      time.advance(by: KeepAlive.interval)
      #expect(requests == 4)
    }
    time.advance(by: 10 * KeepAlive.interval)
    #expect(requests == 4 && device.statistics.residencyWakeUps == 5)
  }

  @Test func withResidencyEndsAfterAnError() throws {
    struct Stop: Error {}
    let set = try device.residencySet()
    #expect(throws: Stop.self) { try set.withResidency { throw Stop() } }
    #expect(try set.withResidency { try exact().nbytes } == 65536)
  }

  @Test func aDescriptionSaysWhatIsInIt() throws {
    let set = try device.residencySet(label: "weights")
    try set.add(exact())
    #expect("\(set)" == "ResidencySet('weights', 1 allocations, 0 bytes)")
    #expect("\(try device.residencySet())" == "ResidencySet(0 allocations, 0 bytes)")
  }

  @Test func setsAreCountedWhileTheyLive() throws {
    // Others make and drop sets of theirs at the same time.
    weak var gone: ResidencySet?
    do {
      let set = try device.residencySet()
      gone = set
      #expect(LiveObjects.residencySets > 0)
    }
    #expect(gone == nil)
  }
}
