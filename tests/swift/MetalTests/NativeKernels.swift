import CMetalRuntime

@testable import Metal

/// A software device of its own for a test.
func makeDevice(_ change: (inout Switches) -> Void = { _ in }) throws -> SoftwareDevice {
  var switches = Switches()
  change(&switches)
  return try SoftwareDevice(switches: switches)
}

typealias RangeEntry = @convention(c) (UnsafePointer<mtl_launch>?, UInt32, UInt32, UInt32, UInt32) -> Void

extension SoftwareDevice {
  /// A pipeline state without a compiler: the kernel is a Swift function that runs a stretch of a row.
  func makePipeline(
    _ arguments: [MSLArgument], maxThreads: Int = 1024, staticThreadgroupMemory: Int = 0, _ entry: RangeEntry
  ) -> SoftwareComputePipelineState {
    var kernel = mtl_kernel()
    kernel.entry = unsafeBitCast(entry, to: UnsafeMutableRawPointer.self)
    kernel.entry_kind = UInt32(MTL_ENTRY_RANGE)
    let description = MSLKernelDescription(name: "native", arguments: arguments, maxTotalThreads: nil)
    let pipeline = MSLPipeline(
      kernel: kernel, description: description, staticThreadgroupMemoryLength: staticThreadgroupMemory,
      maxTotalThreadsPerThreadgroup: maxThreads)
    return SoftwareComputePipelineState(
      device: self, pipeline: pipeline, label: nil, maxTotalThreads: min(maxThreads, self.maxThreads))
  }
}

/// A pointer argument of `UInt32` elements, unless said otherwise.
func argument(
  _ name: String, _ index: Int, _ access: MTLBindingAccess = .readWrite, kind: MSLArgument.Kind = .buffer,
  size: Int = 4, alignment: Int = 4, isUsed: Bool = true
) -> MSLArgument {
  MSLArgument(
    name: name, kind: kind, index: index, dataType: .uint, dataSize: size, alignment: alignment,
    access: access,
    isConstantAddressSpace: false, isUsed: isUsed)
}

extension UnsafePointer<mtl_launch> {
  func buffer<Element>(_ index: Int, as type: Element.Type) -> UnsafeMutablePointer<Element> {
    withUnsafeBytes(of: pointee.buffers) {
      $0.load(fromByteOffset: index * 8, as: UnsafeMutableRawPointer.self).assumingMemoryBound(to: type)
    }
  }
}

extension SoftwareDevice {
  /// data[i] = data[i] * factor + term, element by element; not commutative, so that a wrong order shows.
  func makeAffine() -> SoftwareComputePipelineState {
    makePipeline([argument("data", 0), argument("factor", 1, .readOnly), argument("term", 2, .readOnly)]) {
      launch, begin, end, _, _ in
      let data = launch!.buffer(0, as: UInt32.self)
      let (factor, term) = (launch!.buffer(1, as: UInt32.self)[0], launch!.buffer(2, as: UInt32.self)[0])
      for index in Int(begin)..<Int(end) { data[index] = data[index] &* factor &+ term }
    }
  }

  /// to[i] = from[i]
  func makeCopy() -> SoftwareComputePipelineState {
    makePipeline([argument("from", 0, .readOnly), argument("to", 1, .writeOnly)]) {
      launch, begin, end, _, _ in
      let (from, to) = (launch!.buffer(0, as: UInt32.self), launch!.buffer(1, as: UInt32.self))
      for index in Int(begin)..<Int(end) { to[index] = from[index] }
    }
  }
}

extension MTLBuffer {
  var words: UnsafeMutableBufferPointer<UInt32> {
    UnsafeMutableBufferPointer(start: contents().assumingMemoryBound(to: UInt32.self), count: length / 4)
  }
}

extension MTLComputeCommandEncoder {
  func setWord(_ value: UInt32, index: Int) {
    withUnsafeBytes(of: value) { setBytes($0.baseAddress!, length: 4, index: index) }
  }

  func dispatch(_ count: Int, group: Int = 32) {
    dispatchThreads(MTLSizeMake(count, 1, 1), threadsPerThreadgroup: MTLSizeMake(group, 1, 1))
  }

  /// One step of `makeAffine`, over all of the buffer.
  func encodeAffine(
    _ pipeline: any MTLComputePipelineState, _ buffer: any MTLBuffer, _ factor: UInt32, _ term: UInt32
  ) {
    setComputePipelineState(pipeline)
    setBuffer(buffer, offset: 0, index: 0)
    setWord(factor, index: 1)
    setWord(term, index: 2)
    dispatch(buffer.length / 4)
  }
}
