import Testing

@testable import Metal

/// Runs the same program under many seeds and says what came out.
struct Permutations {
  static let seeds = 1...24 as ClosedRange<UInt64>

  /// A program is given a device, a queue and a buffer; what the first word of the buffer is at the end is the outcome.
  static func outcomes(
    of options: MTLResourceOptions = [], _ program: (Stage) throws -> Void
  ) throws -> Set<UInt32> {
    try Set(
      seeds.map { seed in
        let stage = try Stage(seed: seed, options: options)
        try program(stage)
        return try stage.run()
      })
  }
}

/// A queue that holds everything back until the program is complete, so that all of it can be permuted.
final class Stage {
  let device: SoftwareDevice
  let queue: any MTLCommandQueue
  let buffer: any MTLBuffer
  let affine: SoftwareComputePipelineState
  private let start: any MTLSharedEvent
  private var commandBuffers: [any MTLCommandBuffer] = []

  init(seed: UInt64?, options: MTLResourceOptions = []) throws {
    device = try makeDevice { $0.seed = seed }
    queue = try #require(device.makeCommandQueue())
    buffer = try #require(device.makeBuffer(length: 64, options: options))
    affine = device.makeAffine()
    start = try #require(device.makeSharedEvent())
    try hold(queue)
  }

  /// Nothing committed to the queue from now on runs before `run()`.
  func hold(_ queue: any MTLCommandQueue) throws {
    try commit(on: queue) { $0.encodeWaitForEvent(start, value: 1) }
  }

  func commit(on queue: (any MTLCommandQueue)? = nil, _ body: (any MTLCommandBuffer) throws -> Void) throws {
    let commandBuffer = try #require((queue ?? self.queue).makeCommandBuffer())
    try body(commandBuffer)
    commandBuffer.commit()
    commandBuffers.append(commandBuffer)
  }

  /// One encoder with steps that do not commute.
  func encode(
    _ commandBuffer: any MTLCommandBuffer, _ terms: ClosedRange<UInt32>,
    _ type: MTLDispatchType = .concurrent,
    between: (any MTLComputeCommandEncoder) -> Void = { _ in }
  ) throws {
    let encoder = try #require(commandBuffer.makeComputeCommandEncoder(dispatchType: type))
    for term in terms {
      if term != terms.lowerBound { between(encoder) }
      encoder.encodeAffine(affine, buffer, 3, term)
    }
    encoder.endEncoding()
  }

  func run() throws -> UInt32 {
    start.signaledValue = 1
    for commandBuffer in commandBuffers {
      commandBuffer.waitUntilCompleted()
      #expect(commandBuffer.status == .completed)
    }
    return buffer.words[0]
  }

  /// What comes out when the steps run one after another.
  static func inOrder(_ terms: ClosedRange<UInt32>) -> UInt32 { terms.reduce(0) { $0 &* 3 &+ $1 } }
}

@Suite("A seed permutes what Metal leaves unordered, and nothing else")
struct OrderTests {
  private let untracked: MTLResourceOptions = .hazardTrackingModeUntracked

  @Test func serialEncoderIsOrdered() throws {
    let outcomes = try Permutations.outcomes { stage in
      try stage.commit { try stage.encode($0, 1...6, .serial) }
    }
    #expect(outcomes == [Stage.inOrder(1...6)])
  }

  @Test func concurrentEncoderIsNotOrdered() throws {
    let outcomes = try Permutations.outcomes { stage in
      try stage.commit { try stage.encode($0, 1...6) }
    }
    #expect(outcomes.count > 10)
  }

  @Test func barriersOrderAConcurrentEncoder() throws {
    let byScope = try Permutations.outcomes { stage in
      try stage.commit { try stage.encode($0, 1...6) { $0.memoryBarrier(scope: .buffers) } }
    }
    let byResource = try Permutations.outcomes { stage in
      try stage.commit {
        try stage.encode($0, 1...6) { $0.memoryBarrier(resources: [stage.buffer]) }
      }
    }
    #expect(byScope == [Stage.inOrder(1...6)])
    #expect(byResource == byScope)
  }

  @Test func otherBarriersDoNotOrder() throws {
    let ofTextures = try Permutations.outcomes { stage in
      try stage.commit { try stage.encode($0, 1...6) { $0.memoryBarrier(scope: .textures) } }
    }
    let ofAnotherBuffer = try Permutations.outcomes { stage in
      let other = try #require(stage.device.makeBuffer(length: 64))
      try stage.commit { try stage.encode($0, 1...6) { $0.memoryBarrier(resources: [other]) } }
    }
    #expect(ofTextures.count > 10)
    #expect(ofAnotherBuffer.count > 10)
  }

  @Test func trackedResourcesOrderEncodersAndCommandBuffers() throws {
    let encoders = try Permutations.outcomes { stage in
      try stage.commit { for term in 1...6 as ClosedRange<UInt32> { try stage.encode($0, term...term) } }
    }
    let commandBuffers = try Permutations.outcomes { stage in
      for term in 1...6 as ClosedRange<UInt32> { try stage.commit { try stage.encode($0, term...term) } }
    }
    #expect(encoders == [Stage.inOrder(1...6)])
    #expect(commandBuffers == encoders)
  }

  @Test func untrackedResourcesDoNot() throws {
    let encoders = try Permutations.outcomes(of: untracked) { stage in
      try stage.commit { for term in 1...6 as ClosedRange<UInt32> { try stage.encode($0, term...term) } }
    }
    let commandBuffers = try Permutations.outcomes(of: untracked) { stage in
      for term in 1...6 as ClosedRange<UInt32> { try stage.commit { try stage.encode($0, term...term) } }
    }
    #expect(encoders.count > 10)
    #expect(commandBuffers.count > 10)
  }

  @Test func fencesOrderUntrackedResources() throws {
    let outcomes = try Permutations.outcomes(of: untracked) { stage in
      let fence = try #require(stage.device.makeFence())
      for term in 1...6 as ClosedRange<UInt32> {
        try stage.commit { commandBuffer in
          let encoder = try #require(commandBuffer.makeComputeCommandEncoder(dispatchType: .concurrent))
          encoder.waitForFence(fence)
          encoder.encodeAffine(stage.affine, stage.buffer, 3, term)
          encoder.updateFence(fence)
          encoder.endEncoding()
        }
      }
    }
    #expect(outcomes == [Stage.inOrder(1...6)])
  }

  /// Two queues, one step each, per round.
  private func twoQueues(_ stage: Stage, ordered: Bool) throws {
    let other = try #require(stage.device.makeCommandQueue())
    try stage.hold(other)
    let event = try #require(stage.device.makeEvent())
    for term in 1...6 as ClosedRange<UInt32> {
      try stage.commit(on: term % 2 == 0 ? stage.queue : other) { commandBuffer in
        if ordered { commandBuffer.encodeWaitForEvent(event, value: UInt64(term) - 1) }
        try stage.encode(commandBuffer, term...term)
        if ordered { commandBuffer.encodeSignalEvent(event, value: UInt64(term)) }
      }
    }
  }

  @Test func queuesAreOrderedByEventsOnly() throws {
    #expect(try Permutations.outcomes { try twoQueues($0, ordered: false) }.count > 3)
    #expect(try Permutations.outcomes { try twoQueues($0, ordered: true) } == [Stage.inOrder(1...6)])
  }

  /// Reads through a pointer that Metal does not see: the address stands in another buffer.
  private func throughAddresses(_ stage: Stage, declared: Bool) throws {
    let indirect = stage.device.makePipeline([
      argument("address", 0, .readOnly, size: 8, alignment: 8), argument("term", 1, .readOnly),
    ]) { launch, _, _, _, _ in
      let data = UnsafeMutablePointer<UInt32>(bitPattern: UInt(launch!.buffer(0, as: UInt64.self)[0]))!
      data[0] = data[0] &* 3 &+ launch!.buffer(1, as: UInt32.self)[0]
    }
    let table = try #require(stage.device.makeBuffer(length: 8))
    table.contents().storeBytes(of: stage.buffer.gpuAddress, as: UInt64.self)
    for term in 1...6 as ClosedRange<UInt32> {
      try stage.commit { commandBuffer in
        let encoder = try #require(commandBuffer.makeComputeCommandEncoder())
        if declared { encoder.useResource(stage.buffer, usage: [.read, .write]) }
        encoder.setComputePipelineState(indirect)
        encoder.setBuffer(table, offset: 0, index: 0)
        encoder.setWord(term, index: 1)
        encoder.dispatch(1)
        encoder.endEncoding()
      }
    }
  }

  @Test func resourcesBehindAddressesAreTrackedWhenDeclared() throws {
    #expect(try Permutations.outcomes { try throughAddresses($0, declared: false) }.count > 10)
    #expect(try Permutations.outcomes { try throughAddresses($0, declared: true) } == [Stage.inOrder(1...6)])
  }

  @Test func blitsAreOrderedAndTracked() throws {
    let outcomes = try Permutations.outcomes { stage in
      let other = try #require(stage.device.makeBuffer(length: 64))
      try stage.commit { commandBuffer in
        try stage.encode(commandBuffer, 1...1)
        let blit = try #require(commandBuffer.makeBlitCommandEncoder())
        blit.copy(from: stage.buffer, sourceOffset: 0, to: other, destinationOffset: 0, size: 64)
        blit.fill(buffer: stage.buffer, range: 0..<64, value: 9)
        blit.copy(from: other, sourceOffset: 0, to: stage.buffer, destinationOffset: 0, size: 4)
        blit.endEncoding()
        try stage.encode(commandBuffer, 2...2)
      }
    }
    #expect(outcomes == [Stage.inOrder(1...2)])
  }

  @Test("Threadgroups run in an order made from the seed; without one there is none to pass on")
  func threadgroupsArePermuted() throws {
    func seeds(_ seed: UInt64?) throws -> Set<UInt32> {
      let stage = try Stage(seed: seed)
      let order = stage.device.makePipeline([argument("data", 0)]) { launch, _, _, _, _ in
        launch!.buffer(0, as: UInt32.self)[0] = UInt32(truncatingIfNeeded: launch!.pointee.order_seed)
      }
      var found: Set<UInt32> = []
      for _ in 0..<4 {
        try stage.commit { commandBuffer in
          let encoder = try #require(commandBuffer.makeComputeCommandEncoder())
          encoder.setComputePipelineState(order)
          encoder.setBuffer(stage.buffer, offset: 0, index: 0)
          encoder.dispatch(1)
          encoder.endEncoding()
        }
        found.insert(try stage.run())
      }
      return found
    }
    #expect(try seeds(nil) == [0])
    #expect(try seeds(5).count == 4)
  }

  @Test("Command buffers of a queue end in its order, whatever runs first")
  func completionKeepsTheOrder() throws {
    for seed in Permutations.seeds {
      let device = try makeDevice { $0.seed = seed }
      let queue = try #require(device.makeCommandQueue())
      let buffers = (0..<12).compactMap { _ in queue.makeCommandBuffer() }
      for buffer in buffers { buffer.commit() }
      buffers[7].waitUntilCompleted()
      for buffer in buffers[..<7] { #expect(buffer.status == .completed) }
      for buffer in buffers { buffer.waitUntilCompleted() }
    }
  }
}
