import Ingot
import Testing

/// The same programs by different paths: Ingot's barriers, Metal's serial encoder, barriers put by hand.
@Suite struct OrderingsAgreeTests {
  let device: Device
  let kernels: [Kernel]

  init() throws {
    device = try Device.isolated()
    let library = try device.compile(Sources.steps)
    kernels = try [library.kernel("increment"), library.kernel("twice")]
  }

  /// Of a program on 4 buffers of 96 elements; ranges are of elements.
  private enum Step {
    case dispatch(kernel: Int, buffer: Int, Range<Int>)
    case fill(buffer: Int, Range<Int>, Int32)
    case copy(from: Int, Range<Int>, to: Int, start: Int)
  }

  private static let length = 96

  @Test("C41: automatic, serial and explicit barriers give the same bytes", arguments: 0..<12)
  func bytes(seed: UInt64) throws {
    var generator = SplitMix(state: seed)
    let program = (0..<40).map { _ in step(&generator) }
    let expected = run(program)
    let (automatic, ofAutomatic) = try run(program, .automatic)
    let (serial, ofSerial) = try run(program, .serial)
    let (manual, ofManual) = try run(program, .manual)
    let (narrow, ofNarrow) = try run(program, .manual, isNarrow: true)
    #expect(automatic == expected && serial == expected && manual == expected && narrow == expected)
    // These were four paths, not one.
    #expect((1..<39).contains(ofAutomatic.barriers) && ofAutomatic.barriersSpared > 0)
    #expect(ofAutomatic.barriers + ofAutomatic.barriersSpared == 39)
    #expect(ofSerial.barriers == 0 && ofSerial.barriersSpared == 0)
    #expect(ofManual.barriers == 39 && ofNarrow.barriers == 39 && ofManual.barriersSpared == 0)
  }

  private func step(_ generator: inout SplitMix) -> Step {
    let (buffer, other) = (Int.random(in: 0..<4, using: &generator), Int.random(in: 1..<4, using: &generator))
    let start = Int.random(in: 0..<Self.length, using: &generator)
    let range = start..<Int.random(in: start + 1...Self.length, using: &generator)
    switch Int.random(in: 0..<4, using: &generator) {
    case 0: return .fill(buffer: buffer, range, Int32.random(in: -9...9, using: &generator))
    case 1:
      let target = Int.random(in: 0...Self.length - range.count, using: &generator)
      return .copy(from: buffer, range, to: (buffer + other) % 4, start: target)
    default: return .dispatch(kernel: Int.random(in: 0..<2, using: &generator), buffer: buffer, range)
    }
  }

  /// On arrays.
  private func run(_ program: [Step]) -> [[Int32]] {
    var arrays = (0..<4).map { Array(repeating: Int32($0), count: Self.length) }
    for step in program {
      switch step {
      case .dispatch(let kernel, let buffer, let range):
        for index in range {
          arrays[buffer][index] = kernel == 0 ? arrays[buffer][index] &+ 1 : arrays[buffer][index] &* 2
        }
      case .fill(let buffer, let range, let value): for index in range { arrays[buffer][index] = value }
      case .copy(let from, let range, let to, let start):
        arrays[to].replaceSubrange(start..<start + range.count, with: arrays[from][range])
      }
    }
    return arrays
  }

  /// On the device. With `.manual` there is a barrier between any two steps, for all memory or what the step uses.
  private func run(
    _ program: [Step], _ ordering: Ordering, isNarrow: Bool = false
  ) throws -> ([[Int32]], Submission) {
    let buffers = try (0..<4).map { try device.full([Self.length], Int32($0)) }
    let encoder = device.encoder(ordering: ordering)
    for step in program {
      if ordering == .manual { try encoder.barrier(isNarrow ? buffers : []) }
      switch step {
      case .dispatch(let kernel, let buffer, let range):
        try encoder.dispatch(kernels[kernel], buffers[buffer][range], grid: range.count)
      case .fill(let buffer, let range, let value): try encoder.fill(buffers[buffer][range], with: value)
      case .copy(let from, let range, let to, let start):
        try encoder.copy(buffers[from][range], to: buffers[to][start..<start + range.count])
      }
    }
    let submission = try encoder.commitAndWait()
    return (try buffers.map { try $0.values(of: Int32.self) }, submission)
  }
}
