import Testing

@testable import Ingot

/// The residency of a device, as its statistics tell of it.
@Suite struct ResidencyTests {
  let device: Device

  init() throws { device = try Device.isolated() }

  private var commits: Int { device.statistics.residencyCommits }
  private var members: Int { device.statistics.residentCount }

  @Test("C01: a device has residency sets, and says so") func isOn() {
    #expect(device.hasResidencySets)
    #expect(device.statistics.residencySets == 2)
  }

  @Test("C02: allocations are members") func allocationsAreMembers() throws {
    let buffers = try (0..<4).map { _ in try device.exact.zeros([4], .float32) }
    #expect(members == 4)
    #expect(device.statistics.residentBytes >= 4 * 16)
    withExtendedLifetime(buffers) {}
  }

  @Test("C04, C05: without residency allocation and work go on") func isOff() throws {
    let environment = try Configuration { $0 == "INGOT_NO_RESIDENCY" ? "1" : nil }
    for device in [
      try Device.isolated(residency: false),
      try Device.open(index: nil, requireGPU: false, residency: true, configuration: environment),
    ] {
      #expect(!device.hasResidencySets && device.statistics.residencySets == 0)
      let x = try device.zeros([8], .int32)
      let encoder = device.encoder()
      try encoder.dispatch(device.kernel("increment", of: Sources.steps), x, grid: 8)
      try encoder.commitAndWait()
      #expect(try x.values(of: Int32.self)[0] == 1)
      #expect(device.statistics.residentCount == 0 && device.statistics.residencyCommits == 0)
    }
  }

  @Test("C06: dropped allocations leave") func droppedAllocationsLeave() throws {
    do {
      let buffers = try (0..<10).map { _ in try device.exact.zeros([4], .float32) }
      #expect(members == 10)
      withExtendedLifetime(buffers) {}
    }
    #expect(members == 0 && device.statistics.residentBytes == 0)
  }

  @Test func lastReference() throws {
    var references = Array(repeating: try device.exact.zeros([4], .float32), count: 5)
    while references.count > 1 {
      references.removeLast()
      #expect(members == 1)
    }
    references.removeAll()
    #expect(members == 0)
  }

  @Test("C08: 100 allocations and 100 drops are one commit, with the next submission") func oneCommit() throws
  {
    let kept = try (0..<100).map { _ in try device.exact.zeros([4], .float32) }
    var dropped = try (0..<100).map { _ in try device.exact.zeros([4], .float32) }
    dropped.removeAll()
    #expect(commits == 0 && members == 100)
    try device.encoder().commitAndWait()
    #expect(commits == 1)
    try device.encoder().commitAndWait()
    #expect(commits == 1 && members == 100)
    withExtendedLifetime(kept) {}
  }

  @Test("C08: 100 members dropped and 100 others allocated are one commit") func oneCommitForChanges() throws
  {
    var buffers = try (0..<100).map { _ in try device.exact.zeros([4], .float32) }
    try device.encoder().commitAndWait()
    buffers = try (0..<100).map { _ in try device.exact.zeros([4], .float32) }
    #expect(commits == 1 && members == 100)
    try device.encoder().commitAndWait()
    #expect(commits == 2 && members == 100)
    withExtendedLifetime(buffers) {}
  }

  @Test("C09: a batch of allocations is one commit, an empty one none") func batches() throws {
    try device.encoder().commitAndWait()
    #expect(commits == 0)
    let buffers = try (0..<4).map { _ in try device.exact.zeros([4], .float32) }
    try device.encoder().commitAndWait()
    #expect(commits == 1 && members == 4)
    withExtendedLifetime(buffers) {}
  }

  @Test("C03: a pool that is reset and cleared, or dropped, leaves no member") func poolsLeaveNothing() throws
  {
    for isDropped in [false, true] {
      var pool: Pool? = Pool(device)
      var buffers = try [1, 2, 3].map { try pool?.empty([$0 << 20], .uint8) }
      try device.encoder().commitAndWait()
      #expect(members == 3)
      #expect(device.sets.sizes.sorted() == [0, 3])
      pool?.reset()
      buffers.removeAll()
      #expect(members == 3)
      if isDropped { pool = nil } else { pool?.trim() }
      // Without a submission.
      #expect(members == 0 && device.sets.sizes == [0, 0])
    }
  }

  @Test("A pool commits nothing for each allocation, and one set for all of them") func poolsCommitOnce()
    throws
  {
    let pool = Pool(device)
    let buffers = try (1...100).map { try pool.empty([$0 * 20_000], .uint8) }
    #expect(commits == 0)
    try device.encoder().commitAndWait()
    #expect(commits == 1)
    withExtendedLifetime(buffers) {}
    let again = try pool.allocBatch([([16], .float32), ([1 << 20], .float32)])
    _ = try pool.allocBatch([])
    #expect(commits == 1)
    try device.encoder().commitAndWait()
    #expect(commits == 2)
    withExtendedLifetime(again) {}
  }

  @Test func whatASubmissionUsesStaysUntilItIsDone() throws {
    let increment = try device.kernel("increment", of: Sources.steps)
    let gate = try Gate(device)
    let submission: Submission
    do {
      let encoder = device.encoder()
      try encoder.dispatch(increment, device.exact.zeros([8], .int32), grid: 8)
      submission = try encoder.commit()
    }
    #expect(members == 1)
    try device.encoder().commit()
    #expect(members == 1 && commits == 1)
    gate.open()
    try submission.wait()
    #expect(members == 0)
  }

  @Test func theBudgetIsSettable() throws {
    let limit = device.residencyBudgetLimit
    #expect(device.residencyBudget > 0 && device.residencyBudget <= limit)
    for bytes in [0, 1 << 20, limit] {
      try device.setResidencyBudget(bytes)
      #expect(device.residencyBudget == bytes)
    }
    for bytes in [-1, limit + 1, .min, .max] {
      let error = try failure { try device.setResidencyBudget(bytes) }
      #expect(error.kind == .argument && error.message.contains("0 to \(limit)"))
    }
    let without = try Device.isolated(residency: false)
    #expect(without.residencyBudget == 0)
    try without.setResidencyBudget(0)
    #expect(try failure { try without.setResidencyBudget(1) }.kind == .argument)
  }

  @Test func memoryBeyondTheBudgetWorks() throws {
    try device.setResidencyBudget(0)
    let x = try device.zeros([8], .int32)
    let encoder = device.encoder()
    try encoder.dispatch(device.kernel("increment", of: Sources.steps), x, grid: 8)
    try encoder.commitAndWait()
    #expect(try x.values(of: Int32.self)[7] == 1)
    #expect(members == 0 && commits == 0 && device.statistics.unwiredBytes > 0)
  }

  @Test func keepAliveIsSettable() {
    #expect(device.keepAlive == .seconds(180))
    for (given, kept) in [
      (Duration.seconds(5), Duration.seconds(5)), (.zero, .zero), (.seconds(-1), .zero),
      (.milliseconds(1500), .milliseconds(1500)), (.seconds(1 << 40), .nanoseconds(Int64.max)),
    ] {
      device.keepAlive = given
      #expect(device.keepAlive == kept)
    }
  }
}
