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
}
