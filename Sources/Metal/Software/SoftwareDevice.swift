import CMetalRuntime
import Glibc

/// The processor as a Metal device.
final class SoftwareDevice: MTLDevice, @unchecked Sendable {
  /// The device of the process, as the environment wants it; nil when a variable of it makes no sense.
  static var shared: SoftwareDevice? { try? started.get() }

  static let started: Result<SoftwareDevice, Switches.Invalid> = {
    do throws(Switches.Invalid) {
      let switches = try Switches(environment: Switches.processEnvironment)
      if let seed = switches.seed {
        printError("The software Metal device permutes what Metal leaves unordered: INGOT_SOFT_SEED=\(seed)")
      }
      return .success(try SoftwareDevice(switches: switches))
    } catch {
      printError("The software Metal device cannot start: \(error)")
      return .failure(error)
    }
  }()

  let switches: Switches
  let trace: Trace?
  let memory: DeviceMemory
  let scheduler: Scheduler
  let maxThreads: Int
  /// Counter sample buffers that are alive.
  let sampleBuffers = Counter()
  /// When the GPU's clock stood at 0.
  let started = mtl_clock_now()

  init(switches: Switches) throws(Switches.Invalid) {
    self.switches = switches
    trace = try switches.traceFile.map { path throws(Switches.Invalid) in try Trace(path: path) }
    memory = DeviceMemory(switches: switches)
    scheduler = Scheduler(switches: switches)
    maxThreads = min(switches.maxThreads ?? 1024, 1024)
  }

  deinit { scheduler.stop() }

  let name = "Ingot Software Device (\(processorKind), \(coreCount) cores)"
  let registryID: UInt64 = 1
  let architecture = MTLArchitecture(name: "ingot_software_\(processorKind)")
  var maxThreadsPerThreadgroup: MTLSize { MTLSize(width: maxThreads, height: maxThreads, depth: maxThreads) }
  let isLowPower = false
  let isHeadless = true
  let isRemovable = false
  let location = MTLDeviceLocation.builtIn
  let locationNumber = 0
  let hasUnifiedMemory = true
  var recommendedMaxWorkingSetSize: UInt64 { UInt64(memory.physicalSize / 4 * 3) }
  var currentAllocatedSize: Int { memory.allocatedSize }
  var maxBufferLength: Int { memory.maxBufferLength }
  let maxThreadgroupMemoryLength = 32768

  func supportsFamily(_ gpuFamily: MTLGPUFamily) -> Bool {
    switch gpuFamily {
    case .apple1, .apple2, .apple3, .apple4, .apple5, .apple6, .apple7: true
    case .mac2, .common1, .common2, .common3, .metal3: true
    default: false
    }
  }
}

#if arch(x86_64)
  private let processorKind = "x86-64"
#else
  private let processorKind = "aarch64"
#endif

private let coreCount = max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))

// Queues and synchronisation.
extension SoftwareDevice {
  func makeCommandQueue() -> (any MTLCommandQueue)? {
    makeCommandQueue(maxCommandBufferCount: MTLCommandQueueDescriptor().maxCommandBufferCount)
  }

  func makeCommandQueue(maxCommandBufferCount: Int) -> (any MTLCommandQueue)? {
    guard maxCommandBufferCount > 0 else {
      misuse(
        "-[MTLDebugDevice newCommandQueueWithMaxCommandBufferCount:]", "maxCommandBufferCount must be > 0")
    }
    guard scheduler.start() else { return nil }
    let queue = SoftwareCommandQueue(device: self, slots: maxCommandBufferCount)
    trace?.line("device makeCommandQueue maxCommandBufferCount=\(maxCommandBufferCount) -> queue \(queue.id)")
    return queue
  }

  func makeCommandQueue(descriptor: MTLCommandQueueDescriptor) -> (any MTLCommandQueue)? {
    makeCommandQueue(maxCommandBufferCount: descriptor.maxCommandBufferCount)
  }

  func makeFence() -> (any MTLFence)? {
    trace?.line("device makeFence")
    return SoftwareFence(device: self)
  }

  func makeEvent() -> (any MTLEvent)? {
    trace?.line("device makeEvent")
    return SoftwareEvent(device: self)
  }

  func makeSharedEvent() -> (any MTLSharedEvent)? {
    trace?.line("device makeSharedEvent")
    return SoftwareSharedEvent(device: self)
  }

  func makeResidencySet(descriptor desc: MTLResidencySetDescriptor) throws -> any MTLResidencySet {
    let set = try SoftwareResidencySet(device: self, descriptor: desc)
    trace?.line("device makeResidencySet label=\(desc.label ?? "") -> residencySet \(set.id)")
    return set
  }
}
