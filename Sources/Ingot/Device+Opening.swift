import Metal
import Synchronization

extension Device {
  /// How many Metal devices there are.
  public static var count: Int { withAutoreleasePool { MTLCopyAllDevices().count } }

  /// All Metal devices, one object per GPU and process.
  ///
  /// Throws `.deviceNotFound` if there are only software devices and `requireGPU` or `INGOT_REQUIRE_GPU=1`.
  public static func all(requireGPU: Bool = false) throws(IngotError) -> [Device] {
    var devices: [Device] = []
    for index in 0..<count { try devices.append(at(index, requireGPU: requireGPU)) }
    return devices
  }

  /// The system's default device, one object per GPU and process.
  ///
  /// Throws `.deviceNotFound` if there is none, or only the software device and `requireGPU` or `INGOT_REQUIRE_GPU=1`.
  ///
  /// With `residency: false` it does without residency sets; whoever opens it first decides, and `.state` is thrown if
  /// that was otherwise.
  public static func `default`(
    requireGPU: Bool = false, residency: Bool = true
  ) throws(IngotError) -> Device {
    try shared(index: nil, requireGPU: requireGPU, residency: residency)
  }

  /// The device at `index` of `MTLCopyAllDevices`, one object per GPU and process; as `default` otherwise.
  public static func at(
    _ index: Int, requireGPU: Bool = false, residency: Bool = true
  ) throws(IngotError) -> Device {
    try shared(index: index, requireGPU: requireGPU, residency: residency)
  }

  /// A device object with its own queue, caches, pool, residency sets and counters; for tests, and to keep work apart.
  ///
  /// With `manualTime` what it does by itself after a while, such as to give back cached memory, it does only when
  /// `advanceTime(by:)` lets the time pass: for tests.
  public static func isolated(
    index: Int? = nil, requireGPU: Bool = false, residency: Bool = true, manualTime: Bool = false
  ) throws(IngotError) -> Device {
    try open(
      index: index, requireGPU: requireGPU, residency: residency, configuration: .ofProcess(),
      time: manualTime ? ManualTime() : .system)
  }

  /// Lets time pass for a device that was opened with `manualTime`. Waits are not affected.
  ///
  /// Throws `.state` for any other device, `.argument` for a time that is negative.
  public func advanceTime(by duration: Duration) throws(IngotError) {
    guard let time = memory.time as? ManualTime else {
      throw .state("\(name) goes by the system's clock; open an isolated device with manualTime")
    }
    guard let nanoseconds = Clock.nanoseconds(of: duration) else {
      throw .argument("time cannot pass by \(duration); it is 0 or more")
    }
    time.advance(by: nanoseconds)
  }

  static func open(
    index: Int?, requireGPU: Bool, residency: Bool, configuration: Configuration,
    time: any TimeSource = .system
  ) throws(IngotError) -> Device {
    try withAutoreleasePool { () throws(IngotError) in
      try open(find(index, requireGPU, configuration), residency: residency, configuration, time)
    }
  }

  private static func open(
    _ metal: any MTLDevice, residency: Bool, _ configuration: Configuration,
    _ time: any TimeSource = .system
  ) throws(IngotError) -> Device {
    let device = try Device(
      metal: metal, residency: residency && !configuration.noResidency, configuration: configuration,
      time: time)
    if configuration.logsOpening { Platform.log("ingot: opened \(device.name), \(device.residencyText)") }
    return device
  }

  private var residencyText: String {
    if hasResidencySets { return "with residency sets for up to \(residencyBudget) bytes" }
    return "without residency sets: "
      + (configuration.noResidency ? "INGOT_NO_RESIDENCY is set" : "it was opened so")
  }

  private static let opened = Mutex<[UInt64: Device]>([:])

  private static func shared(
    index: Int?, requireGPU: Bool, residency: Bool
  ) throws(IngotError) -> Device {
    let configuration = try Configuration.ofProcess()
    return try withAutoreleasePool { () throws(IngotError) in
      let metal = try find(index, requireGPU, configuration)
      let id = metal.registryID
      // Made under the lock: two threads must not make two.
      return try opened.withLock { (opened) throws(IngotError) in
        if let device = opened[id] {
          if !residency && device.hasResidencySets { throw keepsResident(device) }
          return device
        }
        let device = try open(metal, residency: residency, configuration)
        opened[id] = device
        return device
      }
    }
  }

  private static func keepsResident(_ device: Device) -> IngotError {
    .state(
      "\(device.name) is open already, with residency sets that everybody in the process uses; open it without them"
        + " first, set INGOT_NO_RESIDENCY=1, or open an isolated device without them")
  }

  private static func find(
    _ index: Int?, _ requireGPU: Bool, _ configuration: Configuration
  ) throws(IngotError) -> any MTLDevice {
    if (requireGPU || configuration.requireGPU) && Platform.isSoftwareMetal {
      throw IngotError(
        .deviceNotFound,
        "a GPU is required and there is only the software device; run on a Mac, or without requireGPU and"
          + " INGOT_REQUIRE_GPU")
    }
    let all = MTLCopyAllDevices()
    let why = Platform.whyNoDevice.map { ": \($0)" } ?? ""
    if let index {
      if all.indices.contains(index) { return all[index] }
      throw IngotError(.deviceNotFound, "no device \(index): there are \(all.count), counted from 0\(why)")
    }
    // A command-line tool can be given no default although there are devices.
    if let device = MTLCreateSystemDefaultDevice() ?? all.first { return device }
    throw IngotError(.deviceNotFound, "no Metal device on this system\(why)")
  }
}
