import Metal

/// Samples the GPU's time before and after each dispatch of one encoder, which has a compute pass of its own for each:
/// Apple's GPUs sample only at the boundaries of passes.
///
/// The samples stay the GPU's until a blit at the end of the command buffer has resolved them.
final class DispatchSampler: @unchecked Sendable {
  // Unchecked: it is the encoder's until the commit, then the completed handler's.

  /// Metal's limit is 32 KB for a sample buffer; two samples of 8 bytes for a dispatch.
  static let dispatchesPerBuffer = 2048
  /// There can be 32 at a time in the process; one encoder does not take all of them.
  static let bufferLimit = 4
  static let dispatchLimit = dispatchesPerBuffer * bufferLimit

  private static let sampleSize = MemoryLayout<MTLCounterResultTimestamp>.stride
  private static let bufferBytes = 2 * dispatchesPerBuffer * sampleSize

  private let device: any MTLDevice
  private let counterSet: (any MTLCounterSet)?
  private var sampleBuffers: [any MTLCounterSampleBuffer] = []
  private var results: (any MTLBuffer)?
  /// Kept, since command buffers retain what is bound in them, and no events.
  private var event: (any MTLSharedEvent)?
  private var before: GPUClock.Reading?
  /// The labels of the kernels, by dispatch.
  private var kernels: [String] = []
  /// Why dispatches that come now get no times; nil as long as they do.
  private var obstacle: String?

  init(_ device: any MTLDevice) {
    self.device = device
    counterSet =
      device.supportsCounterSampling(.atStageBoundary)
      ? device.counterSets?.first { $0.name == MTLCommonCounterSet.timestamp.rawValue } : nil
    if counterSet == nil { obstacle = "\(device.name) does not sample its clock at the boundaries of passes" }
  }

  /// Dispatches that are sampled; the first ones of the encoder.
  private var sampledCount: Int { min(kernels.count, sampleBuffers.count * Self.dispatchesPerBuffer) }

  /// What the pass of the next dispatch is made with.
  func nextPass(_ type: MTLDispatchType) -> MTLComputePassDescriptor {
    let descriptor = MTLComputePassDescriptor()
    descriptor.dispatchType = type
    let (buffer, place) = kernels.count.quotientAndRemainder(dividingBy: Self.dispatchesPerBuffer)
    if buffer == sampleBuffers.count, obstacle == nil { grow() }
    if sampleBuffers.indices.contains(buffer) {
      let attachment = descriptor.sampleBufferAttachments[0]!
      attachment.sampleBuffer = sampleBuffers[buffer]
      attachment.startOfEncoderSampleIndex = 2 * place
      attachment.endOfEncoderSampleIndex = 2 * place + 1
    }
    return descriptor
  }

  /// Notes the dispatch of the pass.
  func note(_ kernel: Kernel) { kernels.append(kernel.label) }

  private func grow() {
    guard sampleBuffers.count < Self.bufferLimit else {
      obstacle = "one encoder samples \(Self.dispatchLimit) dispatches at most"
      return
    }
    if before == nil { before = GPUClock.reading(of: device) }
    let descriptor = MTLCounterSampleBufferDescriptor()
    descriptor.counterSet = counterSet
    descriptor.label = "ingot.dispatches"
    descriptor.storageMode = .shared
    descriptor.sampleCount = 2 * Self.dispatchesPerBuffer
    do {
      sampleBuffers.append(try device.makeCounterSampleBuffer(descriptor: descriptor))
    } catch {
      obstacle = "Metal gives no counter sample buffer: \(Platform.text(of: error))"
    }
  }
}

// After the last dispatch.
extension DispatchSampler {
  /// Encodes that the samples are written where the host can read them.
  func resolve(in commandBuffer: any MTLCommandBuffer) {
    let count = sampledCount
    guard count > 0 else { return }
    guard let event = device.makeSharedEvent(),
      let results = device.makeBuffer(length: 2 * count * Self.sampleSize)
    else {
      obstacle = "Metal gives no memory to resolve the samples to"
      return
    }
    self.event = event
    // Newer GPUs resolve samples before they are written unless an event comes between.
    commandBuffer.encodeSignalEvent(event, value: 1)
    commandBuffer.encodeWaitForEvent(event, value: 1)
    guard let blit = commandBuffer.makeBlitCommandEncoder() else {
      obstacle = "Metal gives no encoder to resolve the samples with"
      return
    }
    blit.label = "ingot.resolve"
    for (index, samples) in sampleBuffers.enumerated() {
      let dispatches = min(Self.dispatchesPerBuffer, count - index * Self.dispatchesPerBuffer)
      blit.resolveCounters(
        samples, range: 0..<2 * dispatches, destinationBuffer: results,
        destinationOffset: index * Self.bufferBytes)
    }
    blit.endEncoding()
    self.results = results
  }

  /// What was sampled, once the command buffer is done.
  func read(after commandBuffer: any MTLCommandBuffer) -> DispatchProfile {
    defer { (sampleBuffers, results, event) = ([], nil, nil) }
    guard commandBuffer.status == .completed else {
      return DispatchProfile(method: "none: the submission failed")
    }
    let clock = GPUClock(before: before, after: GPUClock.reading(of: device))
    if clock == nil, obstacle == nil { obstacle = "\(device.name) does not tell the time of its clock" }
    let timings = kernels.indices.map { timing(of: $0, clock) }
    let missing = timings.count { $0.start == nil }
    guard missing < timings.count else {
      return DispatchProfile(method: "none: \(obstacle ?? "there is no dispatch with a sample")")
    }
    return DispatchProfile(timings: timings, method: method(clock, missing: missing))
  }

  private func timing(of index: Int, _ clock: GPUClock?) -> DispatchTiming {
    guard let clock, let results, index < sampledCount else {
      return DispatchTiming(kernel: kernels[index], start: nil, end: nil)
    }
    let samples = results.contents().assumingMemoryBound(to: MTLCounterResultTimestamp.self)
    let (start, end) = (samples[2 * index].timestamp, samples[2 * index + 1].timestamp)
    // 0 was never written; all bits set is Metal's word for an error.
    guard start > 0, end < .max, start <= end else {
      return DispatchTiming(kernel: kernels[index], start: nil, end: nil)
    }
    return DispatchTiming(
      kernel: kernels[index], start: clock.seconds(at: start), end: clock.seconds(at: end))
  }

  private func method(_ clock: GPUClock?, missing: Int) -> String {
    var text = "stage-boundary counters, a compute pass for each dispatch"
    if clock?.isCalibrated != true { text += "; ticks taken for nanoseconds" }
    if missing > 0 { text += "; \(missing) of \(kernels.count) have no time" }
    if missing > 0, let obstacle { text += ": \(obstacle)" }
    return text
  }
}
