import Metal

/// The GPU's clock against the host's, by readings of both before the work and after it.
///
/// The two have different beginnings, and the GPU's ticks are of a length that only two readings tell.
struct GPUClock {
  /// Both clocks at one moment: nanoseconds of the host's, ticks of the GPU's.
  struct Reading: Equatable {
    let host: UInt64
    let gpu: UInt64
  }

  private let anchor: Reading
  private let nanosecondsPerTick: Double
  /// Whether the length of a tick is known; if not, one is taken for a nanosecond.
  let isCalibrated: Bool

  /// nil without any reading.
  init?(before: Reading?, after: Reading?) {
    guard let anchor = after ?? before else { return nil }
    self.anchor = anchor
    guard let before, let after, after.host > before.host, after.gpu > before.gpu else {
      (nanosecondsPerTick, isCalibrated) = (1, false)
      return
    }
    nanosecondsPerTick = Double(after.host - before.host) / Double(after.gpu - before.gpu)
    isCalibrated = true
  }

  /// The moment on the host's clock, in seconds.
  func seconds(at ticks: UInt64) -> Double {
    let distance = Double(Int64(bitPattern: ticks &- anchor.gpu)) * nanosecondsPerTick
    return (Double(anchor.host) + distance) / 1e9
  }

  /// Reads both clocks (`sampleTimestamps`); nil where the GPU does not tell.
  static func reading(of device: any MTLDevice) -> Reading? {
    let (host, gpu) = device.sampleTimestamps()
    return host == 0 || gpu == 0 ? nil : Reading(host: host, gpu: gpu)
  }
}
