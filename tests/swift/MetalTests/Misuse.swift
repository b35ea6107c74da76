@testable import Metal

/// Each way of calling Metal wrongly that ends the process, with what it says on the way out.
enum Misuse: String, CaseIterable, Codable, Sendable {
  // Buffers.
  case emptyBuffer, negativeBuffer, invalidOptions, memorylessBuffer, misalignedNoCopy, partialPageNoCopy
  case emptyNoCopy, privateNoCopy, contentsOfPrivate, markerBeyondEnd
  // Arguments.
  case slotAbove30, negativeSlot, tooManyInlineBytes, noInlineBytes, offsetBeyondEnd, negativeOffset
  case offsetWithoutBuffer, oddThreadgroupMemory, tooMuchThreadgroupMemory
  // Dispatches.
  case noPipeline, emptyGrid, emptyThreadgroup, hugeGrid, threadgroupTooLarge, missingBuffer
  case missingThreadgroupMemory, staticAndDynamicMemory, misalignedOffset, argumentTooSmall, oddIndirectOffset
  // Life cycle.
  case encoderReleased, secondEncoder, commitWithOpenEncoder, commitTwice, encoderAfterCommit,
    encodingAfterEnd
  case completedHandlerAfterCommit, scheduledHandlerAfterCommit, eventWithOpenEncoder, enqueueTwice
  case waitAfterUpdate, eventWaitWithOpenEncoder, eventAfterCommit, eventOfAnotherDevice
  // Blits, queues, residency sets, pipelines.
  case oddCopy, copyBeyondEnd, overlappingCopy, emptyFill, queueWithoutSlots, tooManyResidencySets
  case fullResidencySet, residencySetInTwoThreads, residencyOfAnotherDevice
  case pipelineWithoutFunction, pipelineWithoutConstants
  case constantOfNoType, constantIndexTooLarge
  // Counters.
  case sampleBeyondEnd, resolveBeyondEnd, resolveNothing, oddResolve, resolveToTooSmall

  var text: String {
    switch self {
    case .emptyBuffer, .negativeBuffer: "Cannot create buffer of zero length"
    case .invalidOptions: "resource options 0x300 are invalid"
    case .memorylessBuffer: "MTLStorageModeMemoryless is for textures only"
    case .misalignedNoCopy: "is not 16384 byte aligned"
    case .partialPageNoCopy: "length 20000 is not a multiple of 16384 bytes"
    case .emptyNoCopy: "Cannot create buffer of zero length"
    case .privateNoCopy: "MTLStorageModePrivate cannot share the caller's memory"
    case .contentsOfPrivate: "storage mode MTLStorageModePrivate"
    case .markerBeyondEnd: "exceeds the buffer's length(64)"
    case .slotAbove30: "index(31) must be < 31"
    case .negativeSlot: "index(-1) must be < 31"
    case .tooManyInlineBytes: "length(4097) must be <= 4096"
    case .noInlineBytes: "length(0) must be > 0"
    case .offsetBeyondEnd: "offset(64) must be < [buffer length](64)"
    case .negativeOffset: "offset(-4) must be <"
    case .offsetWithoutBuffer: "there is no buffer at index(3)"
    case .oddThreadgroupMemory: "length(4) must be a multiple of 16 bytes"
    case .tooMuchThreadgroupMemory: "length(32784) must be <= 32768"
    case .noPipeline: "No compute pipeline state is set"
    case .emptyGrid: "the grid (0 x 1 x 1) must not be empty"
    case .emptyThreadgroup: "threadsPerThreadgroup(1 x 0 x 1) must not be empty"
    case .hugeGrid: "nor a side of it above 4294967295"
    case .threadgroupTooLarge: "(33 x 32 x 1) must be <= 1024"
    case .missingBuffer: "Compute Function(native): missing Buffer binding at index 1 for to[0]"
    case .missingThreadgroupMemory: "missing Threadgroup Memory binding at index 2 for tile[0]"
    case .staticAndDynamicMemory: "threadgroup memory (32784 bytes, 32768 of them static) must be <= 32768"
    case .misalignedOffset: "bound at buffer index 0 must be a multiple of 4 but was set to 2"
    case .argumentTooSmall: "has space for 4 bytes, but argument has a length(16)"
    case .oddIndirectOffset: "indirectBufferOffset(2) must be a multiple of 4"
    case .encoderReleased: "Command encoder released without endEncoding"
    case .secondEncoder: "A command encoder is already encoding to this command buffer"
    case .commitWithOpenEncoder: "commit command buffer with uncommitted encoder"
    case .commitTwice: "commit an already committed command buffer"
    case .encoderAfterCommit, .eventAfterCommit: "_status < MTLCommandBufferStatusCommitted"
    case .encodingAfterEnd: "encoding after endEncoding has been called"
    case .completedHandlerAfterCommit: "Completed handler provided after commit call"
    case .scheduledHandlerAfterCommit: "Scheduled handler provided after commit call"
    case .eventWithOpenEncoder, .eventWaitWithOpenEncoder: "not allowed while a command encoder is encoding"
    case .enqueueTwice: "enqueue an already enqueued command buffer"
    case .eventOfAnotherDevice: "the event is no object of this device"
    case .waitAfterUpdate: "it must wait before it updates"
    case .oddCopy: "source offset(2) and size(4) must be multiples of 4"
    case .copyBeyondEnd: "destination offset(64) + size(4) must be <= length(64)"
    case .overlappingCopy: "must not overlap"
    case .emptyFill: "size(0) must be > 0"
    case .queueWithoutSlots: "maxCommandBufferCount must be > 0"
    case .tooManyResidencySets: "a command queue takes at most 32 residency sets"
    case .fullResidencySet: "the set holds 262145 allocations"
    case .residencySetInTwoThreads: "is used by two threads at the same time"
    case .residencyOfAnotherDevice: "the allocation belongs to another device"
    case .pipelineWithoutFunction: "computeFunction must not be nil"
    case .pipelineWithoutConstants:
      "function k cannot be used to build a pipeline state. Use newFunctionWithName:constantValues:..."
    case .constantOfNoType: "struct is no type of a function constant"
    case .constantIndexTooLarge: "index(65536) must be < 65536"
    case .sampleBeyondEnd: "sample index(4) must be < sampleCount(4)"
    case .resolveBeyondEnd: "range(0..<5) must lie within sampleCount(4)"
    case .resolveNothing: "range(2..<2) must lie within sampleCount(4)"
    case .oddResolve: "destinationOffset(32) must be a multiple of 256"
    case .resolveToTooSmall: "destinationOffset(0) + 72 must be <= length(64)"
    }
  }

  /// Never returns.
  func perform() throws {
    let scene = try Scene()
    try misuseBuffers(scene)
    try misuseArguments(scene)
    try misuseDispatches(scene)
    try misuseLifeCycle(scene)
    try misuseTheRest(scene)
    try misuseCounters(scene)
  }
}

/// Objects that are ready for use.
private struct Scene {
  let device: SoftwareDevice
  let queue: any MTLCommandQueue
  let commandBuffer: any MTLCommandBuffer
  let buffer: any MTLBuffer

  struct Missing: Error {}

  init() throws {
    device = try makeDevice()
    guard let queue = device.makeCommandQueue(), let commandBuffer = queue.makeCommandBuffer(),
      let buffer = device.makeBuffer(length: 64)
    else { throw Missing() }
    (self.queue, self.commandBuffer, self.buffer) = (queue, commandBuffer, buffer)
  }

  func encoder() throws -> any MTLComputeCommandEncoder {
    guard let encoder = commandBuffer.makeComputeCommandEncoder() else { throw Missing() }
    return encoder
  }

  func residencySet() throws -> any MTLResidencySet {
    try device.makeResidencySet(descriptor: MTLResidencySetDescriptor())
  }

  /// An encoder with a pipeline state that copies from slot 0 to slot 1, and nothing bound.
  func copyEncoder() throws -> any MTLComputeCommandEncoder {
    let encoder = try encoder()
    encoder.setComputePipelineState(device.makeCopy())
    return encoder
  }

  func bound() throws -> any MTLComputeCommandEncoder {
    let encoder = try copyEncoder()
    for index in 0...1 { encoder.setBuffer(buffer, offset: 0, index: index) }
    return encoder
  }
}

/// An allocation that takes no memory, and tells when its size is asked for.
private final class Page: MTLAllocation {
  private let isAsked: () -> Void
  init(_ isAsked: @escaping () -> Void) { self.isAsked = isAsked }

  var allocatedSize: Int {
    isAsked()
    return 16384
  }
}

extension Misuse {
  private func misuseBuffers(_ scene: Scene) throws {
    let pages = UnsafeMutableRawPointer.allocate(byteCount: 65536, alignment: 16384)
    switch self {
    case .emptyBuffer: scene.device.makeBuffer(length: 0)
    case .negativeBuffer: scene.device.makeBuffer(length: -1)
    case .invalidOptions:
      _ = scene.device.makeBuffer(
        length: 4, options: [.hazardTrackingModeTracked, .hazardTrackingModeUntracked])
    case .memorylessBuffer: _ = scene.device.makeBuffer(length: 4, options: .storageModeMemoryless)
    case .misalignedNoCopy: scene.device.makeBuffer(bytesNoCopy: pages + 4096, length: 16384)
    case .partialPageNoCopy: scene.device.makeBuffer(bytesNoCopy: pages, length: 20000)
    case .emptyNoCopy: scene.device.makeBuffer(bytesNoCopy: pages, length: 0)
    case .privateNoCopy:
      scene.device.makeBuffer(bytesNoCopy: pages, length: 16384, options: .storageModePrivate)
    case .contentsOfPrivate: _ = scene.device.makeBuffer(length: 4, options: .storageModePrivate)?.contents()
    case .markerBeyondEnd: scene.buffer.addDebugMarker("marker", range: 60..<65)
    default: pages.deallocate()
    }
  }

  private func misuseArguments(_ scene: Scene) throws {
    let bytes = UnsafeRawPointer(scene.buffer.contents())
    switch self {
    case .slotAbove30: try scene.encoder().setBuffer(scene.buffer, offset: 0, index: 31)
    case .negativeSlot: try scene.encoder().setBytes(bytes, length: 4, index: -1)
    case .tooManyInlineBytes: try scene.encoder().setBytes(bytes, length: 4097, index: 0)
    case .noInlineBytes: try scene.encoder().setBytes(bytes, length: 0, index: 0)
    case .offsetBeyondEnd: try scene.encoder().setBuffer(scene.buffer, offset: 64, index: 0)
    case .negativeOffset: try scene.bound().setBufferOffset(-4, index: 0)
    case .offsetWithoutBuffer: try scene.bound().setBufferOffset(0, index: 3)
    case .oddThreadgroupMemory: try scene.encoder().setThreadgroupMemoryLength(4, index: 0)
    case .tooMuchThreadgroupMemory: try scene.encoder().setThreadgroupMemoryLength(32784, index: 0)
    default: break
    }
  }

  private func misuseDispatches(_ scene: Scene) throws {
    let one = MTLSizeMake(1, 1, 1)
    switch self {
    case .noPipeline: try scene.encoder().dispatch(1)
    case .emptyGrid: try scene.bound().dispatch(0)
    case .emptyThreadgroup:
      try scene.bound().dispatchThreads(one, threadsPerThreadgroup: MTLSizeMake(1, 0, 1))
    case .hugeGrid: try scene.bound().dispatchThreads(MTLSizeMake(1 << 32, 1, 1), threadsPerThreadgroup: one)
    case .threadgroupTooLarge:
      try scene.bound().dispatchThreads(one, threadsPerThreadgroup: MTLSizeMake(33, 32, 1))
    case .missingBuffer:
      let encoder = try scene.copyEncoder()
      encoder.setBuffer(scene.buffer, offset: 0, index: 0)
      encoder.dispatch(1)
    case .missingThreadgroupMemory: try dispatchTile(scene, staticMemory: 0, length: 0)
    case .staticAndDynamicMemory: try dispatchTile(scene, staticMemory: 32768, length: 16)
    case .misalignedOffset:
      let encoder = try scene.bound()
      encoder.setBufferOffset(2, index: 0)
      encoder.dispatch(1)
    case .argumentTooSmall:
      let encoder = try scene.encoder()
      encoder.setComputePipelineState(
        scene.device.makePipeline([argument("vector", 0, size: 16)]) { _, _, _, _, _ in })
      encoder.setBuffer(scene.buffer, offset: 60, index: 0)
      encoder.dispatch(1)
    case .oddIndirectOffset:
      try scene.bound().dispatchThreadgroups(
        indirectBuffer: scene.buffer, indirectBufferOffset: 2, threadsPerThreadgroup: one)
    default: break
    }
  }

  private func dispatchTile(_ scene: Scene, staticMemory: Int, length: Int) throws {
    let encoder = try scene.encoder()
    let tile = argument("tile", 2, kind: .threadgroup)
    encoder.setComputePipelineState(
      scene.device.makePipeline([tile], staticThreadgroupMemory: staticMemory) { _, _, _, _, _ in })
    encoder.setThreadgroupMemoryLength(length, index: 2)
    encoder.dispatch(1)
  }

  private func misuseLifeCycle(_ scene: Scene) throws {
    let commandBuffer = scene.commandBuffer
    switch self {
    case .encoderReleased: _ = try scene.encoder()
    case .secondEncoder:
      let encoder = try scene.encoder()
      commandBuffer.makeBlitCommandEncoder()
      encoder.endEncoding()
    case .commitWithOpenEncoder:
      let encoder = try scene.encoder()
      commandBuffer.commit()
      encoder.endEncoding()
    case .commitTwice:
      commandBuffer.commit()
      commandBuffer.commit()
    case .encoderAfterCommit:
      commandBuffer.commit()
      commandBuffer.makeComputeCommandEncoder()
    case .encodingAfterEnd:
      let encoder = try scene.encoder()
      encoder.endEncoding()
      encoder.setBuffer(scene.buffer, offset: 0, index: 0)
    case .completedHandlerAfterCommit:
      commandBuffer.commit()
      commandBuffer.addCompletedHandler { _ in }
    case .scheduledHandlerAfterCommit:
      commandBuffer.commit()
      commandBuffer.addScheduledHandler { _ in }
    case .eventWithOpenEncoder:
      let encoder = try scene.encoder()
      if let event = scene.device.makeEvent() { commandBuffer.encodeSignalEvent(event, value: 1) }
      encoder.endEncoding()
    case .eventWaitWithOpenEncoder:
      let encoder = try scene.encoder()
      if let event = scene.device.makeEvent() { commandBuffer.encodeWaitForEvent(event, value: 0) }
      encoder.endEncoding()
    case .eventAfterCommit:
      commandBuffer.commit()
      if let event = scene.device.makeEvent() { commandBuffer.encodeSignalEvent(event, value: 1) }
    case .eventOfAnotherDevice:
      if let event = try makeDevice().makeSharedEvent() { commandBuffer.encodeWaitForEvent(event, value: 0) }
    case .enqueueTwice:
      commandBuffer.enqueue()
      commandBuffer.enqueue()
    case .waitAfterUpdate:
      let encoder = try scene.encoder()
      if let fence = scene.device.makeFence() {
        encoder.updateFence(fence)
        encoder.waitForFence(fence)
      }
      encoder.endEncoding()
    default: break
    }
  }

  private func misuseTheRest(_ scene: Scene) throws {
    func copy(from offset: Int, to destination: Int, _ size: Int) {
      scene.commandBuffer.makeBlitCommandEncoder()?.copy(
        from: scene.buffer, sourceOffset: offset, to: scene.buffer, destinationOffset: destination, size: size
      )
    }
    switch self {
    case .oddCopy: copy(from: 2, to: 0, 4)
    case .copyBeyondEnd: copy(from: 0, to: 64, 4)
    case .overlappingCopy: copy(from: 0, to: 4, 8)
    case .emptyFill:
      scene.commandBuffer.makeBlitCommandEncoder()?.fill(buffer: scene.buffer, range: 4..<4, value: 1)
    case .queueWithoutSlots: _ = scene.device.makeCommandQueue(maxCommandBufferCount: 0)
    case .fullResidencySet: try scene.residencySet().addAllocations((0...262_144).map { _ in Page {} })
    case .residencySetInTwoThreads:
      let set = try scene.residencySet()
      // Asked for in the middle of the call, as another thread could.
      set.addAllocation(Page { set.commit() })
    case .residencyOfAnotherDevice: try scene.residencySet().addAllocation(Scene().buffer)
    case .tooManyResidencySets:
      for _ in 0..<33 {
        scene.queue.addResidencySet(
          try scene.device.makeResidencySet(descriptor: MTLResidencySetDescriptor()))
      }
    case .pipelineWithoutConstants:
      let source = "constant bool on [[function_constant(0)]]; kernel void k(device int *x) { x[0] = on; }"
      guard let function = try scene.device.makeLibrary(source: source, options: nil).makeFunction(name: "k")
      else { throw Scene.Missing() }
      _ = try scene.device.makeComputePipelineState(function: function)
    case .constantOfNoType:
      MTLFunctionConstantValues().setConstantValue([1 as Int32], type: .struct, index: 0)
    case .constantIndexTooLarge:
      MTLFunctionConstantValues().setConstantValues([1 as Int32, 2], type: .int, range: 65535..<65537)
    case .pipelineWithoutFunction:
      _ = try scene.device.makeComputePipelineState(descriptor: MTLComputePipelineDescriptor(), options: [])
    default: break
    }
  }

  private func misuseCounters(_ scene: Scene) throws {
    func resolve(_ range: Range<Int>, samples count: Int = 4, at offset: Int = 0) throws {
      let samples = try scene.device.makeSamples(count)
      scene.commandBuffer.makeBlitCommandEncoder()?.resolveCounters(
        samples, range: range, destinationBuffer: scene.buffer, destinationOffset: offset)
    }
    switch self {
    case .sampleBeyondEnd:
      let descriptor = try makePass(scene.device.makeSamples(4), 0, 4)
      scene.commandBuffer.makeComputeCommandEncoder(descriptor: descriptor)
    case .resolveBeyondEnd: try resolve(0..<5)
    case .resolveNothing: try resolve(2..<2)
    case .oddResolve: try resolve(0..<1, at: 32)
    case .resolveToTooSmall: try resolve(0..<9, samples: 9)
    default: break
    }
  }
}
