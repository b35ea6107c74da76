import Metal

/// What takes the calls that dispatches are made of: Metal's encoder, or a recording.
protocol DispatchTarget {
  func setPipeline(of kernel: Kernel)
  func setBuffer(of storage: Storage, offset: Int, index: Int)
  /// Moves what is bound at the index already.
  func setBufferOffset(_ offset: Int, index: Int)
  /// At the index of the kernel's argument at `position`.
  func setBytes(_ bytes: UnsafeRawPointer, count: Int, at position: Int, of kernel: Kernel)
  func setThreadgroupMemory(_ nbytes: Int, index: Int)
  /// Says that kernels reach the memory through pointers.
  func use(_ storage: Storage, _ access: Access)
  /// For all memory.
  func barrier()
  func barrier(for storages: [Unmanaged<Storage>])
  func dispatch(_ grid: Grid, group: Extent)
}

/// Metal's encoder.
struct MetalTarget: DispatchTarget {
  let encoder: any MTLComputeCommandEncoder

  @inline(__always)
  func setPipeline(of kernel: Kernel) { encoder.setComputePipelineState(kernel.metalPipeline) }

  @inline(__always)
  func setBuffer(of storage: Storage, offset: Int, index: Int) {
    encoder.setBuffer(storage.metal, offset: offset, index: index)
  }

  @inline(__always)
  func setBufferOffset(_ offset: Int, index: Int) { encoder.setBufferOffset(offset, index: index) }

  @inline(__always)
  func setBytes(_ bytes: UnsafeRawPointer, count: Int, at position: Int, of kernel: Kernel) {
    encoder.setBytes(bytes, length: count, index: kernel.rules[position].index)
  }

  @inline(__always)
  func setThreadgroupMemory(_ nbytes: Int, index: Int) {
    encoder.setThreadgroupMemoryLength(nbytes, index: index)
  }

  func use(_ storage: Storage, _ access: Access) {
    encoder.useResource(storage.metal, usage: MTLResourceUsage(rawValue: UInt(access.rawValue)))
  }

  @inline(__always)
  func barrier() { encoder.memoryBarrier(scope: .buffers) }

  func barrier(for storages: [Unmanaged<Storage>]) {
    var resources: [any MTLResource] = []
    for storage in storages {
      let metal = storage._withUnsafeGuaranteedRef { $0.metal! }
      if !resources.contains(where: { $0 === metal }) { resources.append(metal) }
    }
    encoder.memoryBarrier(resources: resources)
  }

  @inline(__always)
  func dispatch(_ grid: Grid, group: Extent) {
    switch grid {
    case .threads(let size): encoder.dispatchThreads(MTLSize(size), threadsPerThreadgroup: MTLSize(group))
    case .threadgroups(let size):
      encoder.dispatchThreadgroups(MTLSize(size), threadsPerThreadgroup: MTLSize(group))
    }
  }
}
