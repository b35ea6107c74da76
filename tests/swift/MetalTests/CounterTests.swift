import Synchronization
import Testing

@testable import Metal

extension SoftwareDevice {
  func makeSamples(_ count: Int) throws -> any MTLCounterSampleBuffer {
    let descriptor = MTLCounterSampleBufferDescriptor()
    descriptor.counterSet = counterSets?.first
    descriptor.label = "samples"
    descriptor.sampleCount = count
    return try makeCounterSampleBuffer(descriptor: descriptor)
  }
}

/// A compute pass that takes two samples.
func makePass(_ samples: any MTLCounterSampleBuffer, _ start: Int, _ end: Int) -> MTLComputePassDescriptor {
  let descriptor = MTLComputePassDescriptor()
  descriptor.sampleBufferAttachments[0]!.sampleBuffer = samples
  descriptor.sampleBufferAttachments[0]!.startOfEncoderSampleIndex = start
  descriptor.sampleBufferAttachments[0]!.endOfEncoderSampleIndex = end
  return descriptor
}

@Suite("Counters are sampled at the boundaries of compute encoders")
struct CounterTests {
  /// Runs dispatches that follow one another, each in an encoder of its own, and returns the resolved samples.
  private func sample(
    _ device: SoftwareDevice, dispatches: Int, withEvent: Bool = true
  ) throws -> (commandBuffer: any MTLCommandBuffer, ticks: [UInt64]) {
    let queue = try #require(device.makeCommandQueue())
    let commandBuffer = try #require(queue.makeCommandBuffer())
    let (data, result) = (
      try #require(device.makeBuffer(length: 64)),
      try #require(device.makeBuffer(length: dispatches * 16))
    )
    let samples = try device.makeSamples(2 * dispatches)
    let affine = device.makeAffine()
    for index in 0..<dispatches {
      let descriptor = makePass(samples, 2 * index, 2 * index + 1)
      let encoder = try #require(commandBuffer.makeComputeCommandEncoder(descriptor: descriptor))
      encoder.encodeAffine(affine, data, 10, UInt32(index))
      encoder.endEncoding()
    }
    if withEvent {
      let event = try #require(device.makeSharedEvent())
      commandBuffer.encodeSignalEvent(event, value: 1)
      commandBuffer.encodeWaitForEvent(event, value: 1)
    }
    let blit = try #require(commandBuffer.makeBlitCommandEncoder())
    blit.resolveCounters(samples, range: 0..<2 * dispatches, destinationBuffer: result, destinationOffset: 0)
    blit.endEncoding()
    commandBuffer.commit()
    commandBuffer.waitUntilCompleted()
    let timestamps = UnsafeBufferPointer(
      start: result.contents().assumingMemoryBound(to: MTLCounterResultTimestamp.self), count: 2 * dispatches)
    return (commandBuffer, timestamps.map(\.timestamp))
  }

  @Test("in the order of the work, on the GPU's clock", arguments: [nil, 1, 2, 3] as [UInt64?])
  func timestamps(seed: UInt64?) throws {
    let device = try makeDevice { $0.seed = seed }
    let before = device.sampleTimestamps()
    let (commandBuffer, ticks) = try sample(device, dispatches: 20)
    let after = device.sampleTimestamps()
    #expect(ticks == ticks.sorted())
    #expect(ticks[0] >= before.gpu && ticks[39] <= after.gpu)
    // The two clocks have different beginnings and ticks.
    let ratio = Double(after.cpu - before.cpu) / Double(after.gpu - before.gpu)
    #expect(abs(ratio - 4) < 0.1)
    let start = Double(before.cpu) + Double(ticks[0] - before.gpu) * 4
    #expect(start / 1e9 >= commandBuffer.gpuStartTime - 1e-7)
  }

  @Test("Without an event a resolve may come before what it resolves")
  func race() throws {
    let isEarly = try (1...20).contains { seed in
      try sample(makeDevice { $0.seed = seed }, dispatches: 4, withEvent: false).ticks.contains(.max)
    }
    #expect(isEarly)
  }

  @Test("What nobody sampled has all bits set")
  func nothingSampled() throws {
    let device = try makeDevice()
    let queue = try #require(device.makeCommandQueue())
    let commandBuffer = try #require(queue.makeCommandBuffer())
    let (samples, result) = (try device.makeSamples(3), try #require(device.makeBuffer(length: 64)))
    let encoder = commandBuffer.makeComputeCommandEncoder(descriptor: makePass(samples, -1, 1))
    encoder?.encodeAffine(device.makeAffine(), result, 0, 7)
    encoder?.endEncoding()
    let blit = commandBuffer.makeBlitCommandEncoder()
    blit?.resolveCounters(samples, range: 0..<3, destinationBuffer: result, destinationOffset: 0)
    blit?.endEncoding()
    commandBuffer.commit()
    commandBuffer.waitUntilCompleted()
    let ticks = result.contents().assumingMemoryBound(to: UInt64.self)
    #expect(ticks[0] == .max && ticks[1] < .max && ticks[2] == .max)
  }

  @Test func whatThereIsToSample() throws {
    let device = try makeDevice()
    #expect(device.supportsCounterSampling(.atStageBoundary))
    for point in [.atDrawBoundary, .atDispatchBoundary, .atBlitBoundary] as [MTLCounterSamplingPoint] {
      #expect(!device.supportsCounterSampling(point))
    }
    #expect(device.counterSets?.map(\.name) == [MTLCommonCounterSet.timestamp.rawValue])
    let none = try makeDevice { $0.hasCounters = false }
    #expect(!none.supportsCounterSampling(.atStageBoundary) && none.counterSets?.isEmpty == true)
  }

  @Test func sampleBuffersAreLimited() throws {
    let device = try makeDevice()
    for count in [0, -1, 4097] {
      let error = #expect(throws: MTLCounterSampleBufferError.self) { try device.makeSamples(count) }
      #expect(error?.code == .invalid)
    }
    var all = try (0..<32).map { _ in try device.makeSamples(4096) }
    let error = #expect(throws: MTLCounterSampleBufferError.self) { try device.makeSamples(1) }
    #expect(error?.code == .outOfMemory)
    all.removeLast()
    #expect(try device.makeSamples(1).sampleCount == 1)
    #expect(throws: MTLCounterSampleBufferError.self) {
      try device.makeCounterSampleBuffer(descriptor: MTLCounterSampleBufferDescriptor())
    }
  }
}

@Test("There are no tools to capture for")
func nothingToCaptureFor() {
  let manager = MTLCaptureManager.shared()
  #expect(!manager.supportsDestination(.gpuTraceDocument) && !manager.supportsDestination(.developerTools))
  #expect(throws: (any Error).self) { try manager.startCapture(with: MTLCaptureDescriptor()) }
  #expect(!manager.isCapturing)
}
