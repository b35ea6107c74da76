import Testing

@testable import Metal

/// A random program on four tracked buffers, and what it must compute.
private struct RandomProgram {
  private static let bufferCount = 4

  /// One step; the first buffer is written.
  private enum Step {
    case affine(Int, factor: UInt32, term: UInt32)
    case copy(to: Int, from: Int)
    case fill(Int, UInt8)

    var written: Int {
      switch self {
      case .affine(let buffer, _, _), .copy(let buffer, _), .fill(let buffer, _): buffer
      }
    }

    var read: Int? { if case .copy(_, let source) = self { source } else { nil } }

    func conflicts(with other: Step) -> Bool {
      written == other.written || written == other.read || read == other.written
    }
  }

  private enum Encoder {
    case compute(MTLDispatchType, [Step])
    case blit([Step])
  }

  private var commandBuffers: [[Encoder]] = []

  init(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    func pick(_ range: Range<Int>) -> Int { Int.random(in: range, using: &generator) }
    func buffers() -> (Int, Int) {
      let first = pick(0..<Self.bufferCount)
      return (first, (first + pick(1..<Self.bufferCount)) % Self.bufferCount)
    }
    func step(blit: Bool) -> Step {
      let (first, second) = buffers()
      if pick(0..<2) == 0 { return .copy(to: first, from: second) }
      return blit
        ? .fill(first, UInt8(pick(0..<256))) : .affine(first, factor: 3, term: UInt32(pick(0..<1000)))
    }
    func encoder() -> Encoder {
      switch pick(0..<3) {
      case 0: .compute(.serial, (0..<pick(1..<5)).map { _ in step(blit: false) })
      case 1: .compute(.concurrent, (0..<pick(1..<9)).map { _ in step(blit: false) })
      default: .blit((0..<pick(1..<5)).map { _ in step(blit: true) })
      }
    }
    commandBuffers = (0..<pick(2..<6)).map { _ in (0..<pick(1..<4)).map { _ in encoder() } }
  }

  /// One step after the other.
  func expected() -> [UInt32] {
    var values = [UInt32](repeating: 0, count: Self.bufferCount)
    for encoder in commandBuffers.joined() {
      switch encoder {
      case .compute(_, let steps), .blit(let steps):
        for step in steps { apply(step, &values) }
      }
    }
    return values
  }

  private func apply(_ step: Step, _ values: inout [UInt32]) {
    switch step {
    case .affine(let buffer, let factor, let term): values[buffer] = values[buffer] &* factor &+ term
    case .copy(let to, let from): values[to] = values[from]
    case .fill(let buffer, let byte): values[buffer] = UInt32(byte) &* 0x0101_0101
    }
  }

  /// `withBarriers` puts one wherever two steps of a concurrent encoder conflict.
  func run(on device: SoftwareDevice, withBarriers: Bool) throws -> [UInt32] {
    let queue = try #require(device.makeCommandQueue())
    let buffers = try (0..<Self.bufferCount).map { _ in try #require(device.makeBuffer(length: 64)) }
    let kernels = (affine: device.makeAffine(), copy: device.makeCopy())
    let start = try #require(device.makeSharedEvent())
    var last: (any MTLCommandBuffer)?
    for encoders in commandBuffers {
      let commandBuffer = try #require(queue.makeCommandBuffer())
      if last == nil { commandBuffer.encodeWaitForEvent(start, value: 1) }
      for encoder in encoders { try encode(encoder, commandBuffer, buffers, kernels, withBarriers) }
      commandBuffer.commit()
      last = commandBuffer
    }
    start.signaledValue = 1
    last?.waitUntilCompleted()
    return buffers.map { $0.words[7] }
  }

  private typealias Kernels = (affine: SoftwareComputePipelineState, copy: SoftwareComputePipelineState)

  private func encode(
    _ encoder: Encoder, _ commandBuffer: any MTLCommandBuffer, _ buffers: [any MTLBuffer], _ kernels: Kernels,
    _ withBarriers: Bool
  ) throws {
    switch encoder {
    case .blit(let steps):
      let blit = try #require(commandBuffer.makeBlitCommandEncoder())
      for step in steps {
        if case .copy(let to, let from) = step {
          blit.copy(from: buffers[from], sourceOffset: 0, to: buffers[to], destinationOffset: 0, size: 64)
        } else if case .fill(let buffer, let byte) = step {
          blit.fill(buffer: buffers[buffer], range: 0..<64, value: byte)
        }
      }
      blit.endEncoding()
    case .compute(let type, let steps):
      let compute = try #require(commandBuffer.makeComputeCommandEncoder(dispatchType: type))
      var open: [Step] = []
      for step in steps {
        if type == .concurrent, withBarriers, open.contains(where: step.conflicts) {
          compute.memoryBarrier(scope: .buffers)
          open = []
        }
        open.append(step)
        encode(step, compute, buffers, kernels)
      }
      compute.endEncoding()
    }
  }

  private func encode(
    _ step: Step, _ encoder: any MTLComputeCommandEncoder, _ buffers: [any MTLBuffer], _ kernels: Kernels
  ) {
    switch step {
    case .affine(let buffer, let factor, let term):
      encoder.encodeAffine(kernels.affine, buffers[buffer], factor, term)
    case .copy(let to, let from):
      encoder.setComputePipelineState(kernels.copy)
      encoder.setBuffer(buffers[from], offset: 0, index: 0)
      encoder.setBuffer(buffers[to], offset: 0, index: 1)
      encoder.dispatch(16)
    case .fill: break
    }
  }
}

@Suite("Random programs")
struct RandomProgramTests {
  @Test("With tracking and barriers, every order that Metal allows computes the same")
  func synchronisedProgramsAreDeterministic() throws {
    for number in 0..<60 as Range<UInt64> {
      let program = RandomProgram(seed: number)
      let expected = program.expected()
      for seed in [nil, number + 1, number + 1000] as [UInt64?] {
        let device = try makeDevice { $0.seed = seed }
        #expect(
          try program.run(on: device, withBarriers: true) == expected, "program \(number), seed \(seed ?? 0)")
      }
    }
  }

  @Test("Without the barriers some seed finds the missing ones, and running in order hides them")
  func missingBarriersAreFound() throws {
    var found = 0
    for number in 0..<60 as Range<UInt64> {
      let program = RandomProgram(seed: number)
      #expect(try program.run(on: makeDevice(), withBarriers: false) == program.expected())
      let device = try makeDevice { $0.seed = number + 1 }
      if try program.run(on: device, withBarriers: false) != program.expected() { found += 1 }
    }
    #expect(found > 10)
  }
}
