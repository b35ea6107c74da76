import Testing

@testable import Ingot

@Suite("C82: ticks of the GPU become seconds of the host")
struct GPUClockTests {
  private typealias Reading = GPUClock.Reading

  @Test("by the distance between two readings, whatever their beginnings are")
  func twoReadings() throws {
    // A tick of 40 ns; the clocks have nothing else in common.
    let clock = try #require(
      GPUClock(
        before: Reading(host: 5_000_000_000, gpu: 77), after: Reading(host: 6_000_000_000, gpu: 25_000_077)))
    #expect(clock.isCalibrated)
    #expect(abs(clock.seconds(at: 77) - 5) < 1e-9)
    #expect(abs(clock.seconds(at: 12_500_077) - 5.5) < 1e-9)
    #expect(abs(clock.seconds(at: 25_000_077) - 6) < 1e-9)
  }

  @Test("The ratio of the readings themselves would be far off")
  func ratioOfAbsoluteClocks() throws {
    // The host has run for a day, the GPU's clock for a second.
    let day: UInt64 = 86_400_000_000_000
    let before = Reading(host: day, gpu: 1_000_000_000)
    let after = Reading(host: day + 1_000_000, gpu: 1_001_000_000)
    let clock = try #require(GPUClock(before: before, after: after))
    let duration = clock.seconds(at: 1_000_500_000) - clock.seconds(at: 1_000_400_000)
    #expect(abs(duration - 100e-6) < 1e-9)
    #expect(abs(Double(day) / 1e9 + 0.5e-3 - clock.seconds(at: 1_000_500_000)) < 1e-9)
  }

  @Test("One reading, equal ones and ones that go back: a tick is a nanosecond, and it is said")
  func oneReading() throws {
    let one = Reading(host: 2_000_000_000, gpu: 500)
    let pairs: [(Reading?, Reading?)] = [
      (one, nil), (nil, one), (one, one), (Reading(host: 1_000_000_000, gpu: 501), one),
      (Reading(host: 3_000_000_000, gpu: 100), one), (Reading(host: 1_000_000_000, gpu: 500), one),
    ]
    for (before, after) in pairs {
      let clock = try #require(GPUClock(before: before, after: after))
      #expect(!clock.isCalibrated)
      #expect(abs(clock.seconds(at: 1_000_000_500) - 3) < 1e-9)
      #expect(abs(clock.seconds(at: 0) - (2 - 500e-9)) < 1e-9)
    }
  }

  @Test("Without any reading there are no times")
  func noReading() {
    #expect(GPUClock(before: nil, after: nil) == nil)
  }
}
