import Foundation
import Synchronization
import Testing

@testable import Ingot

@Suite struct ProfileTests {
  private let device: Device
  private let x: Ingot.Buffer

  init() throws {
    device = try Device.isolated()
    x = try device.zeros([1 << 12], .int32)
  }

  private func work(_ label: String?, profile: Bool = false) throws {
    let encoder = device.encoder(label: label, profile: profile)
    let library = try device.compile(Sources.steps)
    for name in ["increment", "twice"] { try encoder.dispatch(library.kernel(name), x, grid: x.count) }
    try encoder.commitAndWait()
  }

  private func recorded(of device: Device? = nil, limit: Int = 1000, _ body: () throws -> Void) throws
    -> Profile
  {
    let profile = try Profile(of: device ?? self.device, limit: limit)
    try profile.start()
    try body()
    profile.stop()
    return profile
  }

  @Test("C80: it records, is sorted by total, and is reset")
  func recordSortReset() throws {
    let profile = try recorded {
      try work("one")
      try work("two", profile: true)
    }
    let kinds = Set(profile.events.map(\.kind))
    #expect(kinds.isSuperset(of: [.encode, .commit, .gpu, .compile, .pipeline]))
    #expect(profile.groups.filter { $0.kind == .gpu }.map(\.name) == ["one", "two"])
    let totals = profile.table.split(separator: "\n").dropFirst().map { line in
      Double(line.split(separator: " ").suffix(4)[line.split(separator: " ").suffix(4).startIndex])!
    }
    #expect(totals.count == profile.groups.count)
    #expect(totals == totals.sorted(by: >))
    profile.reset()
    #expect(profile.events.isEmpty && profile.groups.isEmpty && profile.dropped == 0)
    #expect(profile.table.split(separator: "\n").count == 1)
  }

  @Test("C81: groups come in the order they were seen, and of equals the first that was seen first")
  func orderOfGroups() throws {
    let track = QueueTrack(deviceID: 1, deviceName: "d")
    func event(_ kind: ProfileEvent.Kind, _ name: String, _ duration: UInt64) -> ProfileEvent {
      ProfileEvent(
        kind: kind, name: name, start: 100, end: 100 + duration, track: track, thread: 1, submission: 0)
    }
    let groups = ProfileGroup.groups(of: [
      event(.gpu, "b", 5_000_000), event(.gpu, "a", 2_000_000), event(.wait, "b", 7_000_000),
      event(.gpu, "b", 1_000_000), event(.gpu, "c", 6_000_000),
    ])
    #expect(groups.map(\.name) == ["b", "a", "b", "c"])
    #expect(groups[0].count == 2 && groups[0].total == 6_000_000 && groups[0].mean == 3_000_000)
    #expect(groups[0].minimum == 1_000_000 && groups[0].maximum == 5_000_000)
    let text = """
      what  name  count  total ms  min ms  mean ms  max ms
      wait  b         1    7.0000  7.0000   7.0000  7.0000
      gpu   b         2    6.0000  1.0000   3.0000  5.0000
      gpu   c         1    6.0000  6.0000   6.0000  6.0000
      gpu   a         1    2.0000  2.0000   2.0000  2.0000
      3 more events were dropped: the profile was full

      """
    #expect(ProfileTable.text(groups, dropped: 3) == text)
  }

  @Test("Host and GPU are on one clock: an encoder, its commit, its work and the wait follow one another")
  func oneClock() throws {
    let gate = try Gate(device)
    let profile = try recorded {
      let encoder = device.encoder(label: "clock")
      try encoder.dispatch(device.kernel("twice", of: Sources.steps), x, grid: x.count)
      let submission = try encoder.commit()
      _ = try? submission.wait(timeout: .milliseconds(2))
      gate.open()
      try submission.wait()
    }
    let events = Dictionary(grouping: profile.events) { $0.kind }
    let (encode, commit) = (try #require(events[.encode]?.first), try #require(events[.commit]?.first))
    let (gpu, wait) = (try #require(events[.gpu]?.first), try #require(events[.wait]?.first))
    #expect(encode.end == commit.start && encode.duration > 0)
    #expect(gpu.start >= commit.start && wait.start >= commit.end && wait.duration >= 2_000_000)
    #expect(gpu.end <= wait.end + 1_000_000)
    #expect(Set([encode, commit, gpu, wait].map(\.submission)) == [1])
  }

  @Test("A wait in slices is one wait, unless something else is waited for, or it takes a pause")
  func slices() {
    let (track, other) = (QueueTrack(deviceID: 1, deviceName: "d"), QueueTrack(deviceID: 1, deviceName: "d"))
    let recorder = ProfileRecorder(deviceID: nil, limit: 6)
    recorder.begin(at: 0)
    func wait(_ start: UInt64, thread: UInt64 = 1, submission: UInt64 = 1, _ track: QueueTrack) {
      recorder.append(
        ProfileEvent(
          kind: .wait, name: "w", start: start, end: start + 100_000_000, track: track, thread: thread,
          submission: submission))
    }
    wait(0, track)
    wait(0, thread: 2, track)
    wait(100_000_010, track)
    wait(209_000_000, thread: 2, submission: 2, track)
    wait(201_000_000, track)
    wait(400_000_000, track)
    wait(501_000_000, other)
    wait(601_000_000, submission: 3, other)
    let events = recorder.events
    #expect(events.map(\.start) == [0, 0, 209_000_000, 400_000_000, 501_000_000, 601_000_000])
    #expect(events[0].end == 301_000_000 && events[1].end == 100_000_000)
    // The last one goes on where there is no room for another.
    wait(702_000_000, submission: 3, other)
    wait(0, thread: 3, track)
    #expect(recorder.events.last?.end == 802_000_000 && recorder.dropped == 1)
  }

  @Test("Dispatches are recorded where they are timed")
  func dispatches() throws {
    let profile = try recorded {
      try work("plain")
      try work("timed", profile: true)
    }
    let dispatches = profile.events.filter { $0.kind == .dispatch }
    if dispatches.isEmpty {
      #expect(device.metalDevice.supportsCounterSampling(.atStageBoundary) == false)
    } else {
      #expect(dispatches.map(\.name) == ["increment", "twice"])
      #expect(dispatches.allSatisfy { $0.submission == 2 })
    }
  }

  @Test("Memory is bounded, and what is dropped is counted")
  func limit() throws {
    let profile = try recorded(limit: 5) { for _ in 0..<10 { try work("many") } }
    #expect(profile.events.count == 5 && profile.dropped > 20)
    #expect(profile.table.contains("\(profile.dropped) more events were dropped"))
    #expect(profile.trace.contains("\"dropped\":\(profile.dropped)"))
    #expect(try failure { _ = try Profile(limit: 0) }.kind == .argument)
  }

  @Test("Each profile has its own figures, and begins and ends by itself")
  func several() throws {
    let (first, second) = (try Profile(of: device), try Profile(of: device))
    try first.start()
    #expect(first.isRecording && !second.isRecording)
    #expect(try failure { try first.start() }.kind == .state)
    try work("a")
    try second.start()
    try work("b")
    first.stop()
    first.stop()
    try work("c")
    second.stop()
    func names(_ profile: Profile) -> [String] { profile.events.filter { $0.kind == .gpu }.map(\.name) }
    #expect(names(first) == ["a", "b"] && names(second) == ["b", "c"])
    try first.start()
    try work("d")
    first.stop()
    #expect(names(first) == ["a", "b", "d"])
  }

  @Test("Of another device nothing is recorded, and of all devices everything")
  func devices() throws {
    let other = try Device.isolated()
    let all = try Profile()
    try all.start()
    let profile = try recorded(of: other) { try work("mine \(x.id)") }
    all.stop()
    #expect(profile.events.isEmpty)
    #expect(all.events.contains { $0.name == "mine \(x.id)" && $0.deviceName == device.name })
  }

  @Test("What began before is left out")
  func beganBefore() throws {
    let encoder = device.encoder(label: "before")
    try encoder.dispatch(device.kernel("twice", of: Sources.steps), x, grid: x.count)
    let profile = try recorded { try encoder.commitAndWait() }
    #expect(!profile.events.contains { $0.kind == .encode })
    #expect(profile.events.contains { $0.kind == .commit } && profile.events.contains { $0.kind == .gpu })
  }

  @Test("A profile that is dropped stops, and leaves nothing")
  func dropped() throws {
    do {
      let profile = try Profile(of: device)
      try profile.start()
    }
    let profile = try recorded { try work("later") }
    #expect(profile.events.contains { $0.kind == .gpu })
  }

  @Test("Failures are recorded as such")
  func failures() throws {
    let profile = try recorded {
      _ = try? device.compile("kernel void broken(device float *x) { x[0] = oops; }")
    }
    #expect(profile.events.map(\.name) == ["a library that does not compile"])
  }

  @Test("Many threads record at a time")
  func threads() async throws {
    let kernel = try device.kernel("twice", of: Sources.steps)
    let profile = try Profile(of: device)
    try profile.start()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<4 {
        group.addTask {
          for _ in 0..<25 {
            let encoder = device.encoder(label: "task")
            try encoder.dispatch(kernel, device.zeros([16], .int32), grid: 16)
            try await encoder.commit().completed()
          }
        }
      }
      try await group.waitForAll()
    }
    profile.stop()
    for kind in [.encode, .commit, .gpu] as [ProfileEvent.Kind] {
      #expect(profile.events.count { $0.kind == kind } == 100, "\(kind)")
    }
    let trace = try JSONSerialization.jsonObject(with: Data(profile.trace.utf8))
    #expect(trace is [String: Any])
  }
}
