import Testing

@testable import Metal

@Suite("What goes wrong on the device ends the command buffer, not the process")
struct FailureTests {
  private func commit(
    _ device: SoftwareDevice, _ queue: any MTLCommandQueue, _ pipeline: any MTLComputePipelineState,
    errorOptions: MTLCommandBufferErrorOption = []
  ) throws -> any MTLCommandBuffer {
    let descriptor = MTLCommandBufferDescriptor()
    descriptor.errorOptions = errorOptions
    let commandBuffer = try #require(queue.makeCommandBuffer(descriptor: descriptor))
    for label in ["first", "second", "third"] {
      let encoder = try #require(commandBuffer.makeComputeCommandEncoder())
      encoder.label = label
      encoder.insertDebugSignpost("\(label) signpost")
      if label == "second" {
        encoder.setComputePipelineState(pipeline)
        encoder.setBuffer(device.makeBuffer(length: 64), offset: 0, index: 0)
        encoder.dispatch(1)
      }
      encoder.endEncoding()
    }
    commandBuffer.commit()
    commandBuffer.waitUntilCompleted()
    return commandBuffer
  }

  private func pipeline(_ device: SoftwareDevice, _ body: String) throws -> any MTLComputePipelineState {
    let source = "kernel void k(device uint* data [[buffer(0)]]) { \(body) }"
    let library = try device.makeLibrary(source: source, options: nil)
    return try device.makeComputePipelineState(function: try #require(library.makeFunction(name: "k")))
  }

  @Test(
    arguments: [
      (
        "data[1ul << 45] = 1;", MTLCommandBufferError.pageFault,
        "Caused GPU Address Fault Error (0000000b:kIOGPUCommandBufferCallbackErrorPageFault)"
      ),
      (
        "volatile device uint* flag = data; while (*flag == 0) {}", .timeout,
        "Caused GPU Timeout Error (00000002:kIOGPUCommandBufferCallbackErrorTimeout)"
      ),
    ])
  func kernelsThatFail(body: String, code: MTLCommandBufferError.Code, text: String) throws {
    for seed in [nil, 5] as [UInt64?] {
      let device = try makeDevice {
        $0.timeoutMilliseconds = 50
        $0.seed = seed
      }
      let queue = try #require(device.makeCommandQueue())
      let failed = try commit(
        device, queue, try pipeline(device, body), errorOptions: .encoderExecutionStatus)
      #expect(failed.status == .error)
      let error = try #require(failed.error as? MTLCommandBufferError)
      #expect(error.code == code && error.errorCode == Int(code.rawValue))
      #expect(String(describing: error).hasPrefix(text))
      #expect(MTLCommandBufferError.errorDomain == "MTLCommandBufferErrorDomain")
      let infos = try #require(
        error.userInfo[MTLCommandBufferEncoderInfoErrorKey] as? [any MTLCommandBufferEncoderInfo])
      #expect(infos.map(\.label) == ["first", "second", "third"])
      #expect(infos[1].errorState == .faulted && infos[1].debugSignposts == ["second signpost"])
      // The device goes on.
      let next = try commit(device, queue, try pipeline(device, "data[0] = 1;"))
      #expect(next.status == .completed && next.error == nil)
    }
  }

  @Test("Work behind a failure in the same command buffer does not run")
  func skipsTheRest() throws {
    let device = try makeDevice { $0.failSubmission = 2 }
    let queue = try #require(device.makeCommandQueue())
    let buffer = try #require(device.makeBuffer(length: 64))
    let event = try #require(device.makeSharedEvent())
    var states: [MTLCommandBufferStatus] = []
    for value in 1...3 as ClosedRange<UInt64> {
      let commandBuffer = try #require(queue.makeCommandBuffer())
      let encoder = try #require(commandBuffer.makeComputeCommandEncoder())
      encoder.encodeAffine(device.makeAffine(), buffer, 10, UInt32(value))
      encoder.endEncoding()
      if value == 2 { commandBuffer.encodeSignalEvent(event, value: 1) }
      commandBuffer.commit()
      commandBuffer.waitUntilCompleted()
      states.append(commandBuffer.status)
      if value == 2 { #expect((commandBuffer.error as? MTLCommandBufferError)?.code == .internal) }
    }
    #expect(states == [.completed, .error, .completed])
    #expect(buffer.words[0] == 13)
    #expect(event.signaledValue == 0)
  }

  @Test func theNthAllocationFails() throws {
    let device = try makeDevice { $0.failAllocation = 3 }
    let made = (1...5).map { _ in device.makeBuffer(length: 64) != nil }
    #expect(made == [true, true, false, true, true])
  }

  @Test("An indirect grid that does not fit 32 bits is an error")
  func hugeIndirectGrid() throws {
    let device = try makeDevice()
    let queue = try #require(device.makeCommandQueue())
    let groups: [UInt32] = [.max, 1, 1]
    let size = try #require(device.makeBuffer(bytes: groups, length: 12))
    let commandBuffer = try #require(queue.makeCommandBuffer())
    let encoder = try #require(commandBuffer.makeComputeCommandEncoder())
    encoder.setComputePipelineState(device.makePipeline([]) { _, _, _, _, _ in })
    encoder.dispatchThreadgroups(
      indirectBuffer: size, indirectBufferOffset: 0, threadsPerThreadgroup: MTLSizeMake(2, 1, 1))
    encoder.endEncoding()
    commandBuffer.commit()
    commandBuffer.waitUntilCompleted()
    #expect((commandBuffer.error as? MTLCommandBufferError)?.code == .invalidResource)
  }
}
