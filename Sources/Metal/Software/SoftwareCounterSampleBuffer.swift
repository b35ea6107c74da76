import CMetalRuntime

/// The one counter that there is: the time.
final class SoftwareCounter: MTLCounter, Sendable {
  let name = "GPUTimestamp"
}

final class SoftwareCounterSet: MTLCounterSet, @unchecked Sendable {
  // Unchecked: nothing of it changes.

  static let timestamp = SoftwareCounterSet()

  var name: String { MTLCommonCounterSet.timestamp.rawValue }
  let counters: [any MTLCounter] = [SoftwareCounter()]
}

/// Written and read by the thread that runs commands.
final class SoftwareCounterSampleBuffer: MTLCounterSampleBuffer, @unchecked Sendable {
  /// As many bytes as one may have, and as many of them as may be alive, on Apple silicon.
  static let maxBytes = 32768
  static let maxAlive = 32

  let id: Int
  let label: String
  let sampleCount: Int
  let softwareDevice: SoftwareDevice
  let samples: UnsafeMutablePointer<UInt64>

  init(
    device: SoftwareDevice, descriptor: MTLCounterSampleBufferDescriptor
  ) throws(MTLCounterSampleBufferError) {
    guard descriptor.counterSet is SoftwareCounterSet else {
      throw MTLCounterSampleBufferError(.invalid, "The counter set is none of this device's")
    }
    guard [.shared, .private].contains(descriptor.storageMode) else {
      throw MTLCounterSampleBufferError(.invalid, "A sample buffer is shared or private")
    }
    let size = MemoryLayout<MTLCounterResultTimestamp>.stride
    guard (1...Self.maxBytes / size).contains(descriptor.sampleCount) else {
      throw MTLCounterSampleBufferError(
        .invalid,
        "Invalid sample buffer length: \(descriptor.sampleCount) samples of \(size) B. Expected range: "
          + "\(size) -> \(Self.maxBytes)")
    }
    guard device.sampleBuffers.add(1) <= Self.maxAlive else {
      device.sampleBuffers.add(-1)
      throw MTLCounterSampleBufferError(
        .outOfMemory, "Cannot allocate sample buffer: \(Self.maxAlive) are alive")
    }
    id = Counter.objects.add(1)
    softwareDevice = device
    label = descriptor.label
    sampleCount = descriptor.sampleCount
    samples = .allocate(capacity: sampleCount)
    samples.initialize(repeating: .max, count: sampleCount)
    LiveObject.counterSampleBuffers.made()
  }

  deinit {
    samples.deallocate()
    softwareDevice.sampleBuffers.add(-1)
    LiveObject.counterSampleBuffers.released()
  }

  var device: any MTLDevice { softwareDevice }
}

extension SoftwareDevice {
  var counterSets: [any MTLCounterSet]? { switches.hasCounters ? [SoftwareCounterSet.timestamp] : [] }

  /// As on Apple silicon.
  func supportsCounterSampling(_ samplingPoint: MTLCounterSamplingPoint) -> Bool {
    switches.hasCounters && samplingPoint == .atStageBoundary
  }

  func makeCounterSampleBuffer(
    descriptor: MTLCounterSampleBufferDescriptor
  ) throws -> any MTLCounterSampleBuffer {
    let buffer = try SoftwareCounterSampleBuffer(device: self, descriptor: descriptor)
    trace?.line(
      "device makeCounterSampleBuffer sampleCount=\(descriptor.sampleCount) -> sampleBuffer \(buffer.id)")
    return buffer
  }

  /// Both at one moment. The GPU has a clock of its own, with another beginning and other ticks.
  func sampleTimestamps() -> (cpu: MTLTimestamp, gpu: MTLTimestamp) {
    let now = mtl_clock_now()
    return (now, gpuTicks(at: now))
  }

  func gpuTicks(at time: UInt64) -> UInt64 { (time - started) / 4 }
}

/// The samples that one compute encoder takes: around its work, as it runs.
final class EncoderSamples {
  private struct Attachment {
    var buffer: SoftwareCounterSampleBuffer
    var start: Int
    var end: Int
  }

  private let attachments: [Attachment]
  private var hasStarted = false

  /// Nil if there are none.
  init?(_ descriptors: MTLComputePassSampleBufferAttachmentDescriptorArray) {
    // As many as Apple's GPUs have.
    attachments = (0..<4).compactMap { index in
      guard let descriptor = descriptors[index], let buffer = descriptor.sampleBuffer else { return nil }
      let attachment = Attachment(
        buffer: own(buffer, as: SoftwareCounterSampleBuffer.self),
        start: descriptor.startOfEncoderSampleIndex, end: descriptor.endOfEncoderSampleIndex)
      attachment.buffer.check(attachment.start)
      attachment.buffer.check(attachment.end)
      return attachment
    }
    if attachments.isEmpty { return nil }
  }

  /// Before each command of the encoder; the first one counts.
  func begin() {
    if !hasStarted { take(\.start) }
    hasStarted = true
  }

  /// After each command of the encoder; the last one counts.
  func end() { take(\.end) }

  private func take(_ index: KeyPath<Attachment, Int>) {
    for attachment in attachments where attachment[keyPath: index] >= 0 {
      let ticks = attachment.buffer.softwareDevice.gpuTicks(at: mtl_clock_now())
      attachment.buffer.samples[attachment[keyPath: index]] = ticks
    }
  }
}

extension SoftwareCounterSampleBuffer {
  /// A sample's index, or -1 for none.
  fileprivate func check(_ index: Int) {
    guard index >= -1, index < sampleCount else {
      misuse(
        "-[MTLDebugCommandBuffer computeCommandEncoderWithDescriptor:]",
        "sample index(\(index)) must be < sampleCount(\(sampleCount)).")
    }
  }
}
