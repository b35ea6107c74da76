import Metal
import Synchronization

/// A compute function, ready to dispatch (`MTLComputePipelineState`), that knows its arguments.
///
///     let kernel = try library.kernel("saxpy")
///     print(kernel.arguments.map(\.name), kernel.maxThreadsPerThreadgroup)
///
/// Kernels may be used from any thread.
public final class Kernel: @unchecked Sendable {
  // Unchecked: pipeline states may be used from any thread; `rules` is never written after init.

  public let name: String
  /// The pipeline's: the name, then each constant that was given a value, as in `softmax|0:b1|1:i128`.
  public let label: String
  /// The function constants that were given values, by index.
  public let constants: [KernelConstant]
  /// Buffers by index, then threadgroup memory by index.
  public let arguments: [KernelArgument]
  /// Threads that one threadgroup of this kernel may have.
  public let maxThreadsPerThreadgroup: Int
  /// Threads in a SIMD-group.
  public let threadExecutionWidth: Int
  /// Bytes of threadgroup memory that the kernel declares itself.
  public let staticThreadgroupMemory: Int
  /// Apple's object.
  public let metalPipeline: any MTLComputePipelineState

  let deviceID: UInt64
  /// The device that caches the kernel, so the kernel does not hold it.
  private weak let device: Device?
  /// One for each of `arguments`, in plain memory: the hot path reads them without reference counting.
  let rules: UnsafePointer<ArgumentRule>
  /// Arguments that are buffers; they come first.
  let bufferCount: Int
  /// Bit i: the argument at position i must be given.
  let required: UInt64
  let usesThreadgroupMemory: Bool
  /// The last encoder that noted this kernel.
  let mark = Atomic<UInt64>(0)

  init(
    name: String, label: String, constants: [KernelConstant], pipeline: any MTLComputePipelineState,
    arguments: [KernelArgument], device: Device?, deviceID: UInt64
  ) {
    self.name = name
    self.label = label
    self.constants = constants
    self.arguments = arguments
    self.device = device
    self.deviceID = deviceID
    metalPipeline = pipeline
    maxThreadsPerThreadgroup = pipeline.maxTotalThreadsPerThreadgroup
    threadExecutionWidth = max(1, pipeline.threadExecutionWidth)
    staticThreadgroupMemory = pipeline.staticThreadgroupMemoryLength
    bufferCount = arguments.prefix { $0.kind == .buffer }.count
    usesThreadgroupMemory = staticThreadgroupMemory > 0 || bufferCount < arguments.count
    required = arguments.indices.reduce(0) { arguments[$1].isUsed ? $0 | 1 << $1 : $0 }
    rules = ArgumentRule.rules(for: arguments)
    LiveObjects.Counters.kernels.increment()
  }

  deinit {
    rules.deallocate()
    LiveObjects.Counters.kernels.decrement()
  }
}

extension Kernel {
  /// Throws `.closed` if the device is gone.
  func openDevice() throws(IngotError) -> Device {
    if let device { return device }
    throw IngotError(.closed, "the device of kernel '\(name)' is gone: keep it as long as its kernels")
  }
}

extension Kernel: CustomStringConvertible {
  public var description: String { "Kernel(\(label)(\(arguments.map(\.name).joined(separator: ", "))))" }
}

/// What the argument at one position accepts, without references.
struct ArgumentRule {
  let isBuffer: Bool
  let reads: Bool
  let writes: Bool
  let takesInline: Bool
  /// The slot in Metal's table.
  let index: Int
  /// The only dtype accepted; nil for any.
  let dtype: DType?
  /// A buffer's bytes must be a multiple of it.
  let divisor: Int
  /// The bits of an offset that must be 0.
  let misalignment: Int
  /// The head of a value of the argument's own type: a dtype and bytes; zeros if it is no number, or takes no value.
  let value: (dtype: Int, nbytes: Int)

  init(_ argument: KernelArgument) {
    isBuffer = argument.kind == .buffer
    reads = argument.isUsed && argument.access.contains(.read)
    writes = argument.isUsed && argument.access.contains(.write)
    takesInline = argument.takesInline
    index = argument.index
    dtype = argument.acceptedDType
    // The bytes of a buffer of the right dtype always divide.
    divisor = dtype == nil && !argument.isUntyped ? max(1, argument.nbytes) : 1
    misalignment = max(1, argument.alignment) - 1
    if takesInline, argument.width == 1, let dtype = argument.dtype {
      value = (Int(dtype.rawValue), argument.nbytes)
    } else {
      value = (0, 0)
    }
  }

  static func rules(for arguments: [KernelArgument]) -> UnsafePointer<ArgumentRule> {
    let rules = UnsafeMutablePointer<ArgumentRule>.allocate(capacity: max(1, arguments.count))
    for (position, argument) in arguments.enumerated() {
      (rules + position).initialize(to: ArgumentRule(argument))
    }
    return UnsafePointer(rules)
  }
}

extension KernelArgument {
  /// `char`, `uchar` and `void` pointers take buffers of any dtype.
  var isUntyped: Bool {
    width == 1 && (dtype == .int8 || dtype == .uint8) || dtype == nil && nbytes <= 1
  }

  /// The dtype that a buffer must have; nil for any.
  var acceptedDType: DType? { width == 1 && !isUntyped ? dtype : nil }
}
