import Metal
import Testing

/// The spellings that are easily got wrong; a Mac compiles exactly this text, too.
private func smoke(_ d: any MTLDevice, _ q: any MTLCommandQueue) throws -> Float? {
  let o = MTLCompileOptions()
  o.languageVersion = .version3_0
  let lib = try d.makeLibrary(
    source: "kernel void k(device float* p [[buffer(0)]]) { p[0] = 1; }", options: o)
  guard let f = lib.makeFunction(name: "k") else { return nil }
  let ps = try d.makeComputePipelineState(function: f)
  guard let b = d.makeBuffer(length: 16384, options: [.storageModeShared, .hazardTrackingModeUntracked]),
    let cb = q.makeCommandBuffer(), let e = cb.makeComputeCommandEncoder(dispatchType: .concurrent)
  else { return nil }
  if #available(macOS 15.0, *) {
    let r = try d.makeResidencySet(descriptor: MTLResidencySetDescriptor())
    r.addAllocation(b)
    r.commit()
    r.requestResidency()
    q.addResidencySet(r)
    let bytes: UInt64 = r.allocatedSize
    _ = bytes
  }
  e.setComputePipelineState(ps)
  e.setBuffer(b, offset: 0, index: 0)
  var n: UInt32 = 1
  e.setBytes(&n, length: 4, index: 1)
  e.memoryBarrier(scope: .buffers)
  e.dispatchThreads(
    MTLSize(width: 1, height: 1, depth: 1), threadsPerThreadgroup: MTLSize(width: 1, height: 1, depth: 1))
  e.endEncoding()
  cb.addCompletedHandler { @Sendable c in _ = c.gpuEndTime - c.gpuStartTime }
  cb.commit()
  cb.waitUntilCompleted()
  if let err = cb.error as? MTLCommandBufferError {
    switch err.code {
    case .timeout: break
    default: break
    }
  }
  _ = b.setPurgeableState(.keepCurrent)
  return b.contents().load(as: Float.self)
}

@Test func smokeRuns() throws {
  let device = try #require(MTLCreateSystemDefaultDevice())
  let queue = try #require(device.makeCommandQueue())
  #expect(try smoke(device, queue) == 1)
}
