/// Encodes copies and fills of buffers.
public protocol MTLBlitCommandEncoder: MTLCommandEncoder {
  func copy(
    from sourceBuffer: any MTLBuffer, sourceOffset: Int, to destinationBuffer: any MTLBuffer,
    destinationOffset: Int, size: Int)
  func fill(buffer: any MTLBuffer, range: Range<Int>, value: UInt8)
  /// For managed storage: brings what kernels wrote to the CPU.
  func synchronize(resource: any MTLResource)
  /// Writes samples as `MTLCounterResultTimestamp`s. Only an event orders it after encoders that take them.
  func resolveCounters(
    _ sampleBuffer: any MTLCounterSampleBuffer, range: Range<Int>, destinationBuffer: any MTLBuffer,
    destinationOffset: Int)
  func updateFence(_ fence: any MTLFence)
  func waitForFence(_ fence: any MTLFence)
}
