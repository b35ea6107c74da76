import Synchronization
import Testing

@testable import Metal

@Suite struct CommandBufferTests {
  @Test(arguments: [nil, 7])
  func runsDispatchesOfASerialEncoderInOrder(seed: UInt64?) throws {
    let device = try makeDevice { $0.seed = seed }
    let queue = try #require(device.makeCommandQueue())
    let affine = device.makeAffine()
    let buffer = try #require(device.makeBuffer(length: 4096))
    let commandBuffer = try #require(queue.makeCommandBuffer())
    let encoder = try #require(commandBuffer.makeComputeCommandEncoder())
    var expected: UInt32 = 0
    for step in 1...50 as ClosedRange<UInt32> {
      encoder.encodeAffine(affine, buffer, 3, step)
      expected = expected &* 3 &+ step
    }
    encoder.endEncoding()
    commandBuffer.commit()
    commandBuffer.waitUntilCompleted()
    #expect(commandBuffer.status == .completed)
    #expect(commandBuffer.error == nil)
    #expect(buffer.words.allSatisfy { $0 == expected })
    #expect(commandBuffer.gpuStartTime > 0)
    #expect(commandBuffer.gpuEndTime >= commandBuffer.gpuStartTime)
  }
}
