import CMetalRuntime

/// Carries out single commands, on the thread that leads the device.
final class CommandRunner {
  private let launch: UnsafeMutablePointer<mtl_launch>
  private let buffers: UnsafeMutablePointer<UnsafeMutableRawPointer?>
  private let threadgroupLengths: UnsafeMutablePointer<UInt32>
  private var generator: SeededGenerator?

  init(switches: Switches) {
    launch = .allocate(capacity: 1)
    launch.initialize(to: mtl_launch())
    launch.pointee.timeout_nanoseconds = UInt(switches.timeoutMilliseconds) * 1_000_000
    let memory = UnsafeMutableRawPointer(launch)
    buffers = (memory + MemoryLayout<mtl_launch>.offset(of: \.buffers)!)
      .assumingMemoryBound(to: UnsafeMutableRawPointer?.self)
    threadgroupLengths = (memory + MemoryLayout<mtl_launch>.offset(of: \.threadgroup_lengths)!)
      .assumingMemoryBound(to: UInt32.self)
    generator = switches.seed.map { SeededGenerator(seed: $0) }
  }

  deinit { launch.deallocate() }

  /// Runs it as the next one does, between the samples of the encoder that it belongs to.
  func run(_ command: UnsafeMutablePointer<Command>, _ samples: EncoderSamples?) -> MTLCommandBufferError? {
    guard let samples, command.pointee.kind.isWork else { return run(command) }
    samples.begin()
    defer { samples.end() }
    return run(command)
  }

  /// Runs a dispatch, copy, fill or signal; the rest means nothing here. Returns why it failed.
  func run(_ command: UnsafeMutablePointer<Command>) -> MTLCommandBufferError? {
    switch command.pointee.kind {
    case .dispatch: return run(command.record(DispatchCommand.self))
    case .copy:
      let copy = command.record(CopyCommand.self).pointee
      copy.destination.copyMemory(from: copy.source, byteCount: copy.size)
    case .fill:
      let fill = command.record(FillCommand.self).pointee
      fill.destination.initializeMemory(as: UInt8.self, repeating: fill.value, count: fill.size)
    case .resolve:
      let resolve = command.record(ResolveCommand.self).pointee
      resolve.destination.copyMemory(from: resolve.samples, byteCount: resolve.size)
    case .signalEvent:
      let signal = command.record(EventCommand.self).pointee
      signal.event.takeUnretainedValue().signal(signal.value)
    default: break
    }
    return nil
  }

  private func run(_ dispatch: UnsafeMutablePointer<DispatchCommand>) -> MTLCommandBufferError? {
    guard let size = size(of: dispatch) else {
      return MTLCommandBufferError(
        .invalidResource, "Invalid Resource: the indirect grid has more than 2^32 threads")
    }
    guard size.threadgroups != (0, 0, 0) else { return nil }
    launch.pointee.threads_per_grid = size.threads
    launch.pointee.threadgroups_per_grid = size.threadgroups
    launch.pointee.threads_per_threadgroup = dispatch.pointee.threadsPerThreadgroup
    launch.pointee.order_seed = UInt(generator?.next() ?? 0)
    bindArguments(of: dispatch)
    var kernel = dispatch.pointee.kernel
    return MTLCommandBufferError(mtl_dispatch(&kernel, launch))
  }

  /// Slots that the dispatch does not have are null, so that a kernel that uses one faults.
  private func bindArguments(of dispatch: UnsafeMutablePointer<DispatchCommand>) {
    buffers.update(repeating: nil, count: Int(MTL_BUFFER_SLOTS))
    var argument = DispatchCommand.arguments(of: dispatch)
    var rest = dispatch.pointee.arguments
    while rest != 0 {
      buffers[rest.trailingZeroBitCount] = argument.pointee.address
      argument += 1
      rest &= rest - 1
    }
    threadgroupLengths.update(repeating: 0, count: Int(MTL_THREADGROUP_SLOTS))
    var length = DispatchCommand.threadgroupLengths(of: dispatch)
    rest = dispatch.pointee.threadgroupArguments
    while rest != 0 {
      threadgroupLengths[rest.trailingZeroBitCount] = length.pointee
      length += 1
      rest &= rest - 1
    }
  }

  private typealias Words = (UInt32, UInt32, UInt32)

  private func size(
    of dispatch: UnsafeMutablePointer<DispatchCommand>
  ) -> (threads: Words, threadgroups: Words)? {
    let group = dispatch.pointee.threadsPerThreadgroup
    var size = dispatch.pointee.size
    if let indirect = dispatch.pointee.indirect {
      size = indirect.load(as: MTLDispatchThreadgroupsIndirectArguments.self).threadgroupsPerGrid
      if size.0 == 0 || size.1 == 0 || size.2 == 0 { return ((0, 0, 0), (0, 0, 0)) }
    }
    guard dispatch.pointee.countsThreadgroups else {
      return (size, ((size.0 - 1) / group.0 + 1, (size.1 - 1) / group.1 + 1, (size.2 - 1) / group.2 + 1))
    }
    let (x, y, z) = (
      size.0.multipliedReportingOverflow(by: group.0), size.1.multipliedReportingOverflow(by: group.1),
      size.2.multipliedReportingOverflow(by: group.2)
    )
    guard !x.overflow, !y.overflow, !z.overflow else { return nil }
    return ((x.partialValue, y.partialValue, z.partialValue), size)
  }
}

extension MTLCommandBufferError {
  /// In Metal's words; nil when nothing went wrong.
  init?(_ result: mtl_result) {
    switch Int(result.fault) {
    case MTL_FAULT_NONE: return nil
    case MTL_FAULT_ADDRESS:
      let address = String(UInt(bitPattern: result.address), radix: 16)
      self.init(
        .pageFault,
        "Caused GPU Address Fault Error (0000000b:kIOGPUCommandBufferCallbackErrorPageFault): address 0x\(address)"
      )
    case MTL_FAULT_TIMEOUT:
      self.init(.timeout, "Caused GPU Timeout Error (00000002:kIOGPUCommandBufferCallbackErrorTimeout)")
    case MTL_FAULT_STACK:
      self.init(
        .stackOverflow, "Caused GPU Stack Overflow Error: a thread's stack is too small for the kernel")
    case MTL_FAULT_MEMORY:
      self.init(.outOfMemory, "Insufficient Memory (00000008:kIOGPUCommandBufferCallbackErrorOutOfMemory)")
    case MTL_FAULT_INSTRUCTION:
      self.init(
        .internal,
        "Internal Error (0000000e:Internal Error): a thread stopped at a trap, such as __builtin_trap()")
    default:
      self.init(.internal, "Internal Error (0000000e:Internal Error): fault \(result.fault)")
    }
  }
}
