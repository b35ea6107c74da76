import Foundation
import Metal
import Synchronization
import Testing

@testable import Ingot

/// A tool that does as Metal's, or fails.
private final class FakeTool: CaptureTool {
  struct Refusal: Error {}

  private struct State {
    var isSupported = true
    var fails = false
    var isCapturing = false
    var starts = 0
    var stops = 0
  }

  private let state: Mutex<State>

  init(isSupported: Bool = true) { state = Mutex(State(isSupported: isSupported)) }

  var isSupported: Bool { state.withLock { $0.isSupported } }

  var isCapturing: Bool {
    get { state.withLock { $0.isCapturing } }
    set { state.withLock { $0.isCapturing = newValue } }
  }

  var fails: Bool {
    get { state.withLock { $0.fails } }
    set { state.withLock { $0.fails = newValue } }
  }

  var counts: [Int] { state.withLock { [$0.starts, $0.stops] } }

  func start(_ device: any MTLDevice, path: String) throws {
    try state.withLock { state in
      state.starts += 1
      if state.fails { throw Refusal() }
      state.isCapturing = true
    }
  }

  func stop() {
    state.withLock { state in
      state.stops += 1
      state.isCapturing = false
    }
  }
}

@Suite struct CaptureTests {
  private let device: Device
  private let path = "/tmp/ingot-none-\(UInt64.random(in: 0...(.max))).gputrace"

  init() throws { device = try Device.isolated() }

  @Test("C56: where none is asked for none is begun")
  func notAskedFor() throws {
    let captures = Captures(FakeTool())
    #expect(!captures.isUnderWay(on: device) && !device.isCapturing)
    #expect(try failure { try captures.stop(device) }.kind == .state)
    #expect(try failure { try device.stopCapture() }.message.contains("there is none to stop"))
  }

  @Test("C57: a second one at once is refused, whoever has begun the first")
  func second() throws {
    let tool = FakeTool()
    let captures = Captures(tool)
    try captures.start(device, path)
    #expect(captures.isUnderWay(on: device))
    let other = try Device.isolated()
    for next in [device, other] {
      let error = try failure { try captures.start(next, path) }
      #expect(error.kind == .state && error.message.contains("is under way"))
    }
    #expect(try failure { try captures.stop(other) }.kind == .state)
    try captures.stop(device)
    #expect(tool.counts == [1, 1])
    try captures.start(other, path)
    try captures.stop(other)
    tool.isCapturing = true
    #expect(try failure { try captures.start(device, path) }.kind == .state)
    #expect(tool.counts == [2, 2])
  }

  @Test("C58: without Metal's permission it is an error that says what to do")
  func withoutPermission() throws {
    let captures = Captures(FakeTool(isSupported: false))
    let error = try failure { try captures.start(device, path) }
    #expect(error.kind == .state && error.message.contains("MTL_CAPTURE_ENABLED=1"))
    #expect(!captures.isUnderWay(on: device))
  }

  @Test("The software device has no tools", .softwareDevice)
  func software() throws {
    var hasRun = false
    let error = #expect(throws: IngotError.self) { try device.capture(to: path) { hasRun = true } }
    #expect(error?.kind == .state && error?.message.contains("not supported") == true && !hasRun)
  }

  @Test("One that does not start leaves nothing behind that refuses the next")
  func failureToStart() throws {
    let tool = FakeTool()
    let captures = Captures(tool)
    tool.fails = true
    let error = try failure { try captures.start(device, path) }
    #expect(error.kind == .state && error.message.contains("Refusal"))
    #expect(!captures.isUnderWay(on: device) && tool.counts == [1, 0])
    tool.fails = false
    try captures.start(device, path)
    try captures.stop(device)
    #expect(tool.counts == [2, 1])
  }

  @Test("It ends with the block, also by an error")
  func endsWithTheBlock() throws {
    struct Failure: Error {}
    let tool = FakeTool()
    let captures = Captures(tool)
    #expect(throws: Failure.self) { try captures.around(device, path) { throw Failure() } }
    #expect(!captures.isUnderWay(on: device) && tool.counts == [1, 1])
    #expect(try captures.around(device, path) { captures.isUnderWay(on: device) })
    #expect(tool.counts == [2, 2])
  }

  @Test("It is only written to a new path that ends in .gputrace")
  func paths() throws {
    let tool = FakeTool()
    let captures = Captures(tool)
    for path in ["", "/tmp/trace.json", "trace"] {
      let error = try failure { try captures.start(device, path) }
      #expect(error.kind == .argument && error.message.contains(".gputrace"))
    }
    let file = FileManager.default.temporaryDirectory.appending(path: "\(UUID().uuidString).gputrace")
    try Data().write(to: file)
    defer { try? FileManager.default.removeItem(at: file) }
    let error = try failure { try captures.start(device, file.path) }
    #expect(error.kind == .argument && error.message.contains("replaces nothing"))
    #expect(tool.counts == [0, 0])
  }
}
