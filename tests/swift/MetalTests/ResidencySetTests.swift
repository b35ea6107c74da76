import Testing

@testable import Metal

@Suite struct ResidencySetTests {
  private let device: SoftwareDevice
  private let set: any MTLResidencySet

  init() throws {
    device = try makeDevice()
    let descriptor = MTLResidencySetDescriptor()
    descriptor.label = "weights"
    set = try device.makeResidencySet(descriptor: descriptor)
  }

  @Test("What is staged shows in the counts at once, in the size after the commit")
  func stagesChanges() throws {
    let (one, two) = (
      try #require(device.makeBuffer(length: 100)), try #require(device.makeBuffer(length: 20000))
    )
    set.addAllocations([one, two])
    set.addAllocation(one)
    #expect(set.label == "weights")
    #expect(set.allocationCount == 2 && set.containsAllocation(two))
    #expect(set.allocatedSize == 0)
    set.commit()
    #expect(set.allocatedSize == 16384 + 32768)
    set.removeAllocation(one)
    #expect(set.allocationCount == 1 && !set.containsAllocation(one))
    #expect(set.allAllocations.count == 1 && set.allAllocations[0] === two)
    #expect(set.allocatedSize == 16384 + 32768)
    set.commit()
    #expect(set.allocatedSize == 32768)
    set.removeAllAllocations()
    set.removeAllocations([two])
    set.commit()
    #expect(set.allocationCount == 0 && set.allocatedSize == 0)
    set.requestResidency()
    set.endResidency()
  }

  @Test("A removed allocation lives until the commit")
  func retainsUntilTheCommit() throws {
    weak var gone: SoftwareBuffer?
    do {
      let buffer = try #require(device.makeBuffer(length: 100) as? SoftwareBuffer)
      gone = buffer
      set.addAllocation(buffer)
      set.commit()
      set.removeAllocation(buffer)
    }
    #expect(gone != nil)
    set.commit()
    #expect(gone == nil)
  }

  @Test func tooManyAtOnceIsAnError() throws {
    let descriptor = MTLResidencySetDescriptor()
    descriptor.initialCapacity = 262_145
    #expect(throws: SoftwareResidencySet.TooLarge.self) {
      try device.makeResidencySet(descriptor: descriptor)
    }
  }

  @Test("A queue keeps a set until it is removed, a command buffer until it has ended")
  func attachedSetsAreRetained() throws {
    let queue = try #require(device.makeCommandQueue())
    weak var gone: SoftwareResidencySet?
    do {
      let set = try #require(
        try device.makeResidencySet(descriptor: MTLResidencySetDescriptor()) as? SoftwareResidencySet)
      gone = set
      queue.addResidencySet(set)
      queue.addResidencySets([set])
    }
    #expect(gone != nil)
    let event = try #require(device.makeSharedEvent())
    let commandBuffer = try #require(queue.makeCommandBuffer())
    commandBuffer.encodeWaitForEvent(event, value: 1)
    commandBuffer.commit()
    if let set = gone { queue.removeResidencySet(set) }
    #expect(gone != nil)
    event.signaledValue = 1
    commandBuffer.waitUntilCompleted()
    #expect(gone == nil)
  }

  @Test func commitsAreCounted() throws {
    let before = SoftwareMetal.residencySetCommits
    set.commit()
    #expect(SoftwareMetal.residencySetCommits > before)
  }
}
