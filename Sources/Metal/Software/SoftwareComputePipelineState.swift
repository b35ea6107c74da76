import CMetalRuntime
import Synchronization

/// Why there is no pipeline state; on a Mac these errors come from the driver and are no `MTLLibraryError`.
struct PipelineError: Error, CustomStringConvertible {
  let description: String
}

extension SoftwareDevice {
  func makeComputePipelineState(function computeFunction: any MTLFunction) throws
    -> any MTLComputePipelineState
  {
    let descriptor = MTLComputePipelineDescriptor()
    descriptor.computeFunction = computeFunction
    return try makeComputePipelineState(descriptor: descriptor, options: []).0
  }

  func makeComputePipelineState(
    descriptor: MTLComputePipelineDescriptor, options: MTLPipelineOption
  ) throws -> (any MTLComputePipelineState, MTLComputePipelineReflection?) {
    guard let function = descriptor.computeFunction.map({ own($0, as: SoftwareFunction.self) }) else {
      misuse("-[MTLDebugDevice newComputePipelineStateWithDescriptor:]", "computeFunction must not be nil.")
    }
    trace?.line("device makeComputePipelineState function=\(function.name) options=\(options.rawValue)")
    let pipeline = try compile(function)
    let maxThreads = try maxTotalThreads(of: pipeline, function, descriptor)
    let state = SoftwareComputePipelineState(
      device: self, pipeline: pipeline, label: descriptor.label, maxTotalThreads: maxThreads)
    let wantsReflection = !options.isDisjoint(with: [.bindingInfo, .bufferTypeInfo])
    return (state, wantsReflection ? MTLComputePipelineReflection(pipeline.description) : nil)
  }

  private func compile(_ function: SoftwareFunction) throws -> MSLPipeline {
    guard let constants = function.constants else {
      misuse(
        "-[MTLComputePipelineDescriptorInternal validateWithDevice:]",
        "function \(function.name) cannot be used to build a pipeline state. Use "
          + "newFunctionWithName:constantValues:... to get the specialized function.")
    }
    do {
      return try function.library.program.pipeline(function.name, constants: constants)
    } catch {
      throw PipelineError(description: error.message)
    }
  }

  private func maxTotalThreads(
    of pipeline: MSLPipeline, _ function: SoftwareFunction, _ descriptor: MTLComputePipelineDescriptor
  ) throws(PipelineError) -> Int {
    let asked = descriptor.maxTotalThreadsPerThreadgroup
    let stated = pipeline.description.maxTotalThreads
    guard (0...1024).contains(asked) else {
      throw PipelineError(description: "maxTotalThreadsPerThreadgroup (\(asked)) must be from 0 to 1024")
    }
    if asked > 0, let stated, stated != asked {
      throw PipelineError(
        description:
          "maxTotalThreadsPerThreadgroup is \(asked) in the descriptor and \(stated) in the function")
    }
    let limits = [asked, function.library.maxTotalThreads].filter { $0 > 0 }
    return min(limits.min() ?? maxThreads, pipeline.maxTotalThreadsPerThreadgroup, maxThreads)
  }
}

final class SoftwareComputePipelineState: MTLComputePipelineState, @unchecked Sendable {
  let softwareDevice: SoftwareDevice
  let label: String?
  let facts: UnsafeMutablePointer<KernelFacts>
  let threadExecutionWidth = Int(MTL_SIMD_WIDTH)
  private let pipeline: MSLPipeline
  /// The command buffer that retained this last, so that it does so once.
  let lastUser = Atomic<UInt64>(0)

  init(device: SoftwareDevice, pipeline: MSLPipeline, label: String?, maxTotalThreads: Int) {
    softwareDevice = device
    self.pipeline = pipeline
    self.label = label
    facts = .allocate(capacity: 1)
    facts.initialize(to: KernelFacts(pipeline, maxTotalThreads: maxTotalThreads))
    LiveObject.computePipelineStates.made()
  }

  deinit {
    facts.deallocate()
    LiveObject.computePipelineStates.released()
  }

  var device: any MTLDevice { softwareDevice }
  var maxTotalThreadsPerThreadgroup: Int { facts.pointee.maxTotalThreads }
  var staticThreadgroupMemoryLength: Int { facts.pointee.staticThreadgroupLength }
  var functionName: String { pipeline.description.name }
  var arguments: [MSLArgument] { pipeline.description.arguments }
}

/// What encoding a dispatch looks at, as plain memory.
struct KernelFacts {
  let kernel: mtl_kernel
  let maxTotalThreads: Int
  let staticThreadgroupLength: Int
  /// Slots that must have an argument, slots that the kernel has at all, and those it writes.
  private(set) var usedBuffers: UInt32 = 0
  private(set) var buffers: UInt32 = 0
  private(set) var writtenBuffers: UInt32 = 0
  private(set) var usedThreadgroups: UInt32 = 0
  private(set) var threadgroups: UInt32 = 0
  private(set) var demands: Demands

  /// By slot: low bits of the address that must be 0, and bytes that must be there.
  typealias Demands = InlineArray<31, Demand>

  struct Demand: BitwiseCopyable {
    var alignmentMask: UInt32 = 0
    var size: UInt32 = 0
  }

  init(_ pipeline: MSLPipeline, maxTotalThreads: Int) {
    kernel = pipeline.kernel
    self.maxTotalThreads = maxTotalThreads
    staticThreadgroupLength = pipeline.staticThreadgroupMemoryLength
    demands = Demands(repeating: Demand())
    for argument in pipeline.description.arguments { add(argument) }
  }

  private mutating func add(_ argument: MSLArgument) {
    let bit: UInt32 = 1 << UInt32(argument.index)
    switch argument.kind {
    case .threadgroup:
      threadgroups |= bit
      if argument.isUsed { usedThreadgroups |= bit }
    case .buffer:
      buffers |= bit
      if argument.isUsed { usedBuffers |= bit }
      if argument.access != .readOnly { writtenBuffers |= bit }
      // Metal asks for the alignment of the type, but never for more than 16 bytes.
      let alignment = min(max(argument.alignment, 1), 16)
      demands[argument.index] = Demand(
        alignmentMask: UInt32(alignment - 1), size: UInt32(clamping: max(argument.dataSize, 1)))
    }
  }
}
