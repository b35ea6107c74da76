import Foundation
import Testing

@testable import Ingot

@Suite("The trace is the JSON of trace viewers")
struct ProfileTraceTests {
  private struct Trace: Decodable {
    struct Event: Decodable {
      struct Arguments: Decodable {
        var name: String?
        var device: String?
        var queue: UInt64?
        var submission: UInt64?
      }

      var ph: String
      var name: String
      var cat: String?
      var pid: Int
      var tid: Int
      var ts: Double?
      var dur: Double?
      var args: Arguments
    }

    var traceEvents: [Event]
    var otherData: [String: Int]

    var complete: [Event] { traceEvents.filter { $0.ph == "X" } }

    func name(_ kind: String, of event: Event) -> String? {
      let isTrack = kind == "thread_name"
      return traceEvents.first {
        $0.name == kind && $0.pid == event.pid && (!isTrack || $0.tid == event.tid)
      }?.args.name
    }
  }

  private let track = QueueTrack(deviceID: 7, deviceName: "a \"GPU\"")

  private func event(
    _ kind: ProfileEvent.Kind, _ name: String, _ start: UInt64, _ end: UInt64, thread: UInt64 = 0
  ) -> ProfileEvent {
    ProfileEvent(
      kind: kind, name: name, start: start, end: end, track: track, thread: thread, submission: 3)
  }

  private func decoded(_ events: [ProfileEvent], dropped: Int = 0) throws -> Trace {
    let text = ProfileTrace.text(events, dropped: dropped)
    return try JSONDecoder().decode(Trace.self, from: Data(text.utf8))
  }

  @Test func timesAreMicroseconds() throws {
    let trace = try decoded(
      [
        event(.gpu, "work", 9_000_001_234, 9_000_002_000),
        event(.wait, "work", 9_000_000_000, 9_001_000_000, thread: 5),
      ],
      dropped: 4)
    let gpu = try #require(trace.complete.first { $0.cat == "gpu" })
    #expect(gpu.name == "work" && gpu.ts == 1.234 && gpu.dur == 0.766)
    #expect(gpu.args.device == "a \"GPU\"" && gpu.args.submission == 3 && gpu.args.queue == track.id)
    #expect(trace.name("process_name", of: gpu) == "a \"GPU\"")
    #expect(trace.name("thread_name", of: gpu) == "queue \(track.id)")
    let wait = try #require(trace.complete.first { $0.cat == "wait" })
    #expect(wait.name == "wait work" && wait.ts == 0 && wait.dur == 1000)
    #expect(trace.name("process_name", of: wait) == "host")
    #expect(trace.name("thread_name", of: wait) == "thread 5")
    #expect(trace.otherData == ["dropped": 4])
  }

  @Test(
    "Any label is a string of JSON",
    arguments: [
      "", "\"", "\\\"\\", "a\nb\r\t\u{0}\u{1}\u{1F}\u{7F}", "naïve 𝄞", "\u{2028}\u{2029}", "</script>",
    ])
  func labels(name: String) throws {
    let trace = try decoded([event(.gpu, name, 1, 2), event(.commit, name, 1, 2, thread: 1)])
    #expect(trace.complete.map(\.name).sorted() == [name, "commit \(name)"].sorted())
    #expect(ProfileTrace.text([event(.gpu, name, 1, 2)], dropped: 0).utf8.allSatisfy { $0 >= 32 || $0 == 10 })
  }

  @Test("In a track everything is within what it overlaps")
  func tracks() throws {
    var generator = SystemRandomNumberGenerator()
    let events = (0..<300).map { index in
      let start = UInt64.random(in: 0..<1000, using: &generator)
      return event(.gpu, "\(index)", start, start + UInt64.random(in: 0..<200, using: &generator))
    }
    let trace = try decoded(events)
    #expect(trace.complete.count == 300)
    for (_, track) in Dictionary(grouping: trace.complete, by: \.tid) {
      for (index, one) in track.enumerated() {
        for other in track[(index + 1)...] {
          let (start, end) = (one.ts!, one.ts! + one.dur!)
          let (from, to) = (other.ts!, other.ts! + other.dur!)
          let isApart = end <= from + 1e-9 || to <= start + 1e-9
          #expect(isApart || (start <= from && to <= end + 1e-9) || (from <= start && end <= to + 1e-9))
        }
      }
    }
  }

  @Test func nested() throws {
    let trace = try decoded([
      event(.encode, "a", 0, 100, thread: 1), event(.pipeline, "k", 10, 20, thread: 1),
      event(.encode, "b", 50, 150, thread: 1), event(.wait, "b", 200, 300, thread: 1),
    ])
    #expect(trace.complete.sorted { $0.ts! < $1.ts! }.map(\.tid) == [1, 1, 2, 1])
    #expect(
      trace.traceEvents.compactMap { $0.name == "thread_name" ? $0.args.name : nil } == [
        "thread 1", "thread 1 (2)",
      ])
  }

  @Test func nothing() throws {
    let trace = try decoded([])
    #expect(trace.complete.isEmpty && trace.traceEvents.count == 1)
  }

  @Test(
    arguments: [(0, 3, "0.000"), (7, 3, "0.007"), (123_456, 3, "123.456"), (10_000, 4, "1.0000")]
      as [(UInt64, Int, String)])
  func digits(number: UInt64, decimals: Int, text: String) {
    #expect(Digits.fixed(number, decimals: decimals) == text)
  }
}
