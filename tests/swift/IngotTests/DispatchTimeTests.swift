import Metal
import Testing

@testable import Ingot

@Suite("Encoders with `profile` time each dispatch")
struct DispatchTimeTests {
  private let device: Device
  private let library: Library

  init() throws {
    device = try Device.isolated()
    library = try device.compile(Sources.steps)
  }

  /// Three dispatches that follow one another.
  private func threeSteps(ordering: Ordering = .automatic) throws -> (Submission, Buffer) {
    let x = try device.zeros([1 << 16], .int32)
    let encoder = device.encoder(label: "steps", ordering: ordering, profile: true)
    for name in ["increment", "twice", "increment"] {
      try encoder.dispatch(library.kernel(name), x, grid: x.count)
    }
    return (try encoder.commitAndWait(), x)
  }

  @Test("C83: times have an order, and fit the submission's", arguments: Ordering.allCases)
  func timesFitTheSubmission(ordering: Ordering) throws {
    let (submission, x) = try threeSteps(ordering: ordering)
    #expect(try x.values(of: Int32.self)[7] == 3)
    let (times, method) = (submission.dispatchTimes, try #require(submission.profileMethod))
    guard !method.hasPrefix("none") else {
      #expect(times.isEmpty)
      return
    }
    #expect(method.contains("stage-boundary counters"))
    #expect(times.map(\.kernel) == ["increment", "twice", "increment"])
    var last = submission.gpuStart - 1e-4
    for time in times {
      let (start, end) = (try #require(time.start), try #require(time.end))
      #expect(last <= start + 1e-6 && start <= end)
      last = end
    }
    #expect(last <= submission.gpuEnd + 1e-4)
    #expect(times.compactMap(\.duration).reduce(0, +) <= submission.gpuTime * 1.01 + 1e-6)
  }

  @Test("Without it there are none, and no word of a method")
  func notAskedFor() throws {
    let x = try device.zeros([16], .int32)
    let encoder = device.encoder()
    try encoder.dispatch(library.kernel("twice"), x, grid: 16)
    let submission = try encoder.commitAndWait()
    #expect(submission.dispatchTimes.isEmpty && submission.profileMethod == nil)
  }

  @Test func withoutDispatches() throws {
    let submission = try device.encoder(profile: true).commitAndWait()
    #expect(submission.dispatchTimes.isEmpty)
    #expect(submission.profileMethod?.hasPrefix("none: ") == true)
  }

  @Test("Each dispatch has its bindings anew, and copies and fills are dispatches too")
  func everythingIsBoundAnew() throws {
    let (x, y) = (try device.ints(0..<64), try device.zeros([64], .int32))
    let encoder = device.encoder(profile: true)
    let (copy, twice) = (try library.kernel("copy"), try library.kernel("twice"))
    try encoder.dispatch(copy, x, y, grid: 64)
    try encoder.dispatch(copy, x, y, grid: 64)
    try encoder.dispatch(twice, y, grid: 64)
    try encoder.copy(y, to: x)
    try encoder.fill(y, with: Int32(5))
    try encoder.barrier()
    let submission = try encoder.commitAndWait()
    #expect(try x.values(of: Int32.self) == (0..<64).map { $0 * 2 })
    #expect(try y.values(of: Int32.self) == Array(repeating: 5, count: 64))
    #expect(submission.dispatches == 5 && submission.barriers == 0)
    if submission.profileMethod?.hasPrefix("none") == false { #expect(submission.dispatchTimes.count == 5) }
  }

  @Test("Bound kernels are bound anew, and what they reach through pointers is declared anew")
  func boundKernelsAndUses() throws {
    let (x, y) = (try device.array([1, 2, 3, 4] as [Float]), try device.zeros([4], .float32))
    let follow = try device.kernel("follow", of: Sources.pointers)
    let (there, back) = (
      try device.array([x.gpuAddress, y.gpuAddress]), try device.array([y.gpuAddress, x.gpuAddress])
    )
    let bound = try follow.bind(there, uses: [BufferUse(x, .read), BufferUse(y, .write)])
    let encoder = device.encoder(profile: true)
    for _ in 0..<3 {
      for _ in 0..<2 { try encoder.dispatch(bound, grid: 4) }
      try encoder.dispatch(follow, back, grid: 4, uses: [BufferUse(y, .read), BufferUse(x, .write)])
    }
    let submission = try encoder.commitAndWait()
    #expect(try x.values(of: Float.self) == [64, 128, 192, 256])
    #expect(submission.dispatches == 9 && submission.barriers == 0)
  }

  @Test("A discarded one leaves nothing")
  func discarded() throws {
    for _ in 0..<70 {
      let encoder = device.encoder(profile: true)
      try encoder.dispatch(library.kernel("twice"), device.zeros([16], .int32), grid: 16)
      try encoder.discard()
    }
    #expect(try threeSteps().0.error == nil)
  }

  @Test("Times cannot be asked for in the middle")
  func inTheMiddle() throws {
    let encoder = device.encoder()
    try encoder.dispatch(library.kernel("twice"), device.zeros([16], .int32), grid: 16)
    #expect(try failure { try encoder.timeDispatches() }.kind == .state)
    try encoder.discard()
  }
}
