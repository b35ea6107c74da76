import Metal

// One encoder is one command buffer, and that can be several of Metal's compute encoders: passes.
extension CommandEncoder {
  /// Ends the compute encoder that is open, if one is; the next dispatch begins another, in which nothing is bound.
  ///
  /// Metal orders what passes do to memory that it tracks, and fences what they do to the rest: conflicts with what came
  /// before need no barriers.
  func endPass() {
    guard let computeEncoder else { return }
    uses.endPass(computeEncoder)
    computeEncoder.endEncoding()
    self.computeEncoder = nil
    bindings = Bindings()
    hazards.reset()
  }

  /// Metal's encoder for the next dispatches.
  func makePass(in commandBuffer: any MTLCommandBuffer) -> (any MTLComputeCommandEncoder)? {
    let type: MTLDispatchType = ordering == .serial ? .serial : .concurrent
    guard let sampler else { return commandBuffer.makeComputeCommandEncoder(dispatchType: type) }
    return commandBuffer.makeComputeCommandEncoder(descriptor: sampler.nextPass(type))
  }

  /// Gives each dispatch a pass of its own, so that the GPU's time can be sampled around it. Throws `.state` after the
  /// first dispatch.
  package func timeDispatches() throws(IngotError) {
    try enter()
    defer { leave() }
    guard !isRecording else { throw noCommandBuffer }
    guard dispatchCount == 0 else {
      throw .state("\(name) has dispatches already; ask for their times before the first")
    }
    if !isTimed { sample() }
  }

  func sample() {
    sampler = withAutoreleasePool { DispatchSampler(device.metalDevice) }
    isTimed = true
  }

  /// Ends the pass that has the one dispatch.
  @inline(never)
  func endTimedPass(of kernel: Kernel) {
    sampler?.note(kernel)
    endPass()
  }
}
