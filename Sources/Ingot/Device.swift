import Metal
import Synchronization

/// A GPU with a queue, caches and counters of its own (`MTLDevice`).
///
///     let device = try Device.default()
///     let x = try device.array([1, 2, 3] as [Float])
///
/// On Linux it is the software device, and its `name` says so. Devices may be used from any thread.
public final class Device: @unchecked Sendable {
  // Unchecked: Metal's devices and queues may be used from any thread; what changes has its own lock.

  /// Apple's object.
  public let metalDevice: any MTLDevice
  /// Apple's command queue, in which this device's own encoders are committed.
  public let metalQueue: any MTLCommandQueue
  public let name: String
  public let registryID: UInt64
  /// Whether it is the software device and not a GPU.
  public let isSoftware: Bool
  public let hasUnifiedMemory: Bool
  /// Bytes that one buffer may have.
  public let maxBufferLength: Int
  /// Bytes that can be in use at a time without paging (`recommendedMaxWorkingSetSize`).
  public let recommendedWorkingSet: UInt64
  /// Bytes of threadgroup memory that a dispatch may use.
  public let maxThreadgroupMemory: Int
  public let maxThreadsPerThreadgroup: Extent

  let id: UInt64
  let queue: SubmissionQueue
  /// That one, and those of `queue(label:)`.
  let queues: SubmissionQueues
  let ownQueue = Mutex(Weak<Queue>())
  let mappings = HostMappings()
  /// The residency sets on the queues.
  let sets: QueueSets
  let keeper: KeepAlive
  let memory: Memory
  let poolCore: PoolCore
  let libraries: LibraryCache
  let builtins = BuiltinKernels()
  let configuration: Configuration

  private static let identifiers = Identifiers()

  init(
    metal: any MTLDevice, residency: Bool, configuration: Configuration, time: any TimeSource = .system
  ) throws(IngotError) {
    metalDevice = metal
    name = metal.name
    registryID = metal.registryID
    isSoftware = Platform.isSoftwareMetal
    hasUnifiedMemory = metal.hasUnifiedMemory
    maxBufferLength = metal.maxBufferLength
    recommendedWorkingSet = metal.recommendedMaxWorkingSetSize
    maxThreadgroupMemory = metal.maxThreadgroupMemoryLength
    maxThreadsPerThreadgroup = Extent(metal.maxThreadsPerThreadgroup)
    id = Self.identifiers.next()
    metalQueue = try Self.makeQueue(of: metal, label: nil)
    sets = QueueSets(of: metal, queue: metalQueue)
    keeper = KeepAlive(sets, time: time)
    queue = SubmissionQueue(keeper, track: QueueTrack(deviceID: id, deviceName: name))
    queues = SubmissionQueues(queue)
    // A system that refuses residency sets leaves a device that works without.
    let kept = residency ? Residency(in: sets, limits: ResidencyLimits(of: metal), time: time) : nil
    memory = Memory(of: metal, residency: kept, time: time)
    poolCore = PoolCore(memory)
    libraries = LibraryCache()
    self.configuration = configuration
    LiveObjects.Counters.devices.increment()
  }

  deinit {
    poolCore.close()
    if keeper.close(), queues.counts.submissions == 0 { sets.workOnce() }
    residency?.close()
    LiveObjects.Counters.devices.decrement()
  }

  var residency: Residency? { memory.residency }

  /// Whether residency sets are in use.
  public var hasResidencySets: Bool { residency != nil }

  /// How long an encoder waits for one of Metal's command buffers when too many of its own queue are unfinished; a minute
  /// at first.
  public var slotTimeout: Duration {
    get { queue.slots.timeout }
    set { queue.slots.timeout = newValue }
  }

  /// Whether it belongs to a GPU family (`supportsFamily`), for example 5001, the raw value of `.metal3`.
  public func supports(family: Int) -> Bool {
    MTLGPUFamily(rawValue: family).map(supports) ?? false
  }

  public func supports(_ family: MTLGPUFamily) -> Bool { metalDevice.supportsFamily(family) }

  /// Starts an encoder, which becomes one command buffer.
  ///
  /// `INGOT_ORDERING` in the environment overrides `ordering`. With `profile` each dispatch is timed on the GPU
  /// (`Submission.dispatchTimes`) and has a compute pass of its own for it, which makes all of them take longer.
  public func encoder(
    label: String? = nil, ordering: Ordering = .automatic, profile: Bool = false
  ) -> CommandEncoder {
    CommandEncoder(
      device: self, queue: nil, label: label, ordering: configuration.ordering ?? ordering, profile: profile)
  }

  /// Compiles MSL (`makeLibrary(source:options:)`), once per text and options; later calls return the same library.
  ///
  /// Throws `.compile` with the place if it does not compile.
  public func compile(_ source: String, options: CompileOptions = CompileOptions()) throws(IngotError)
    -> Library
  {
    try libraries.library(source: source, options: options, device: self)
  }
}

extension Extent {
  init(_ size: MTLSize) { self.init(size.width, size.height, size.depth) }
}

extension MTLSize {
  init(_ size: Extent) { self.init(width: size.x, height: size.y, depth: size.z) }
}
