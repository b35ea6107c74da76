import Testing

@testable import Metal

@Suite struct PipelineStateTests {
  private let device: SoftwareDevice
  private static let source = """
    #include <metal_stdlib>
    using namespace metal;
    kernel void beta(device float4* out [[buffer(2)]], constant uint& count [[buffer(5)]],
                     threadgroup float* tile [[threadgroup(1)]], uint i [[thread_position_in_grid]]) {
      tile[i % 32] = float(i);
      if (i < count) out[i] = float4(tile[i % 32]);
    }
    [[max_total_threads_per_threadgroup(64)]]
    kernel void alpha(device const uint* in [[buffer(0)]], device uint* out [[buffer(1)]],
                      uint i [[thread_position_in_grid]]) { out[i] = in[i]; }
    """

  init() throws { device = try makeDevice() }

  @Test func functionsAreFoundByName() throws {
    let library = try device.makeLibrary(source: Self.source, options: nil)
    #expect(library.functionNames.sorted() == ["alpha", "beta"])
    #expect(library.makeFunction(name: "gamma") == nil)
    let function = try #require(library.makeFunction(name: "beta"))
    #expect(function.name == "beta" && function.functionType == .kernel && function.device === device)
    library.label = "edges"
    #expect(library.label == "edges" && library.type == .executable)
    #expect(device.makeDefaultLibrary() == nil)
  }

  @Test func sourceThatDoesNotCompileIsALibraryError() throws {
    let error = #expect(throws: MTLLibraryError.self) {
      try device.makeLibrary(source: "kernel void k(device float* p) { p[0] = undefined; }", options: nil)
    }
    #expect(error?.code == .compileFailure && error?.errorCode == 3)
    #expect(MTLLibraryError.errorDomain == "MTLLibraryErrorDomain")
    #expect(error.map { String(describing: $0).contains("program_source:1:") } == true)
  }

  @Test func reflectionListsTheBindings() throws {
    let library = try device.makeLibrary(source: Self.source, options: nil)
    let descriptor = MTLComputePipelineDescriptor()
    descriptor.label = "tiles"
    descriptor.computeFunction = library.makeFunction(name: "beta")
    let (state, reflection) = try device.makeComputePipelineState(
      descriptor: descriptor, options: .bindingInfo)
    #expect(state.label == "tiles" && state.threadExecutionWidth == 32)
    let bindings = try #require(reflection).bindings
    #expect(bindings.map(\.name) == ["out", "count", "tile"])
    #expect(bindings.map(\.index) == [2, 5, 1])
    #expect(bindings.map(\.type) == [.buffer, .buffer, .threadgroupMemory])
    #expect(bindings.allSatisfy { $0.isUsed && $0.isArgument })
    let out = try #require(bindings[0] as? any MTLBufferBinding)
    #expect(out.bufferDataType == .float4 && out.bufferDataSize == 16 && out.bufferAlignment == 16)
    #expect(out.access != .readOnly)
    let count = try #require(bindings[1] as? any MTLBufferBinding)
    #expect(count.bufferDataType == .uint && count.access == .readOnly)
    let tile = try #require(bindings[2] as? any MTLThreadgroupBinding)
    #expect(tile.threadgroupMemoryDataSize == 4 && tile.threadgroupMemoryAlignment == 4)
    #expect(try device.makeComputePipelineState(descriptor: descriptor, options: []).1 == nil)
  }

  @Test func threadLimitsComeFromKernelDescriptorAndSwitch() throws {
    func limit(_ device: SoftwareDevice, _ name: String, descriptor limit: Int = 0, options: Int = 0) throws
      -> Int
    {
      let compileOptions = MTLCompileOptions()
      compileOptions.maxTotalThreadsPerThreadgroup = options
      let library = try device.makeLibrary(source: Self.source, options: compileOptions)
      let descriptor = MTLComputePipelineDescriptor()
      descriptor.computeFunction = library.makeFunction(name: name)
      descriptor.maxTotalThreadsPerThreadgroup = limit
      return try device.makeComputePipelineState(descriptor: descriptor, options: []).0
        .maxTotalThreadsPerThreadgroup
    }
    #expect(try limit(device, "alpha") == 64)
    #expect(try limit(device, "beta") <= 1024)
    #expect(try limit(device, "beta", descriptor: 96) == 96)
    #expect(try limit(device, "beta", options: 128) == 128)
    #expect(throws: PipelineError.self) { try limit(device, "alpha", descriptor: 32) }
    #expect(throws: PipelineError.self) { try limit(device, "beta", descriptor: 2048) }
    let small = try makeDevice { $0.maxThreads = 48 }
    #expect(try limit(small, "alpha") == 48)
    #expect(small.maxThreadsPerThreadgroup.width == 48)
  }

  @Test func deviceSaysWhatItIs() {
    #expect(device.name.hasPrefix("Ingot Software Device ("))
    #expect(device.hasUnifiedMemory && device.maxThreadgroupMemoryLength == 32768)
    #expect(device.supportsFamily(.apple7) && device.supportsFamily(.metal3))
    #expect(!device.supportsFamily(.apple8) && !device.supportsFamily(.metal4))
    #expect(MTLCopyAllDevices().count == 1)
    #expect(MTLCreateSystemDefaultDevice() === MTLCopyAllDevices().first)
  }
}
