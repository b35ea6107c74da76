import Testing

@testable import Ingot

@Suite struct ResidencyTests {
  let device: Device

  init() throws { device = try Device.isolated() }

  private var commits: Int { device.statistics.residencyCommits }
  private var members: Int { device.statistics.residentCount }

  @Test("C01: a device has residency sets, and says so") func isOn() { #expect(device.hasResidencySets) }

  @Test("C02: allocations are members") func allocationsAreMembers() throws {
    let buffers = try (0..<4).map { _ in try device.zeros([4], .float32) }
    #expect(members == 4)
    withExtendedLifetime(buffers) {}
  }

  @Test("C04, C05: without residency allocation and work go on") func isOff() throws {
    let environment = try Configuration { $0 == "INGOT_NO_RESIDENCY" ? "1" : nil }
    for device in [
      try Device.isolated(residency: false),
      try Device.open(index: nil, requireGPU: false, residency: true, configuration: environment),
    ] {
      #expect(!device.hasResidencySets)
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
      let buffers = try (0..<10).map { _ in try device.zeros([4], .float32) }
      #expect(members == 10)
      withExtendedLifetime(buffers) {}
    }
    #expect(members == 0)
  }

  @Test func lastReference() throws {
    var references = Array(repeating: try device.zeros([4], .float32), count: 5)
    while references.count > 1 {
      references.removeLast()
      #expect(members == 1)
    }
    references.removeAll()
    #expect(members == 0)
  }

  @Test("C08: 100 allocations and 100 drops are one commit, with the next submission") func oneCommit() throws
  {
    for _ in 0..<100 { _ = try device.zeros([4], .float32) }
    #expect(commits == 0)
    try device.encoder().commitAndWait()
    #expect(commits == 1)
    try device.encoder().commitAndWait()
    #expect(commits == 1)
  }

  @Test("C09: a batch of allocations is one commit, an empty one none") func batches() throws {
    try device.encoder().commitAndWait()
    #expect(commits == 0)
    let buffers = try (0..<4).map { _ in try device.zeros([4], .float32) }
    try device.encoder().commitAndWait()
    #expect(commits == 1 && members == 4)
    withExtendedLifetime(buffers) {}
  }

  @Test func whatASubmissionUsesStaysUntilItIsDone() throws {
    let increment = try device.kernel("increment", of: Sources.steps)
    let gate = try Gate(device)
    let submission: Submission
    do {
      let encoder = device.encoder()
      try encoder.dispatch(increment, device.zeros([8], .int32), grid: 8)
      submission = try encoder.commit()
    }
    #expect(members == 1)
    try device.encoder().commit()
    #expect(members == 1 && commits == 1)
    gate.open()
    try submission.wait()
    #expect(members == 0)
  }

  @Test func memoryThatIsDroppedGoesBackWithoutASubmission() throws {
    let chunk = Residency.retiredBytesLimit / 4
    let start = device.statistics.currentAllocated
    var most = 0
    for _ in 0..<40 {
      _ = try device.empty([chunk], .uint8)
      most = max(most, device.statistics.currentAllocated - start)
    }
    #expect(commits > 0)
    #expect(most < 4 * Residency.retiredBytesLimit)
  }
}
