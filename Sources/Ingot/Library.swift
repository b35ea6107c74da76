import Metal
import Synchronization

/// Compiled MSL: kernels by name (`MTLLibrary`).
///
///     let library = try device.compile(source)
///     let saxpy = try library.kernel("saxpy")
///
/// Libraries may be used from any thread.
public final class Library: @unchecked Sendable {
  // Unchecked: Metal's libraries may be used from any thread.

  /// Sorted.
  public let kernelNames: [String]
  /// Apple's object.
  public let metalLibrary: any MTLLibrary

  private let name = Mutex<String?>(nil)
  private let metalDevice: any MTLDevice
  private weak let device: Device?
  private let deviceID: UInt64
  private let track: QueueTrack
  /// A kernel is made at its first use, under its own lock: others need not wait for its compilation.
  private let kernels: [String: Slot]
  /// Kernels with values for their function constants.
  let variants = RecentlyUsed<Variant, Once<Kernel>>(capacity: 1024)

  init(metal: any MTLLibrary, device: Device) {
    metalLibrary = metal
    metalDevice = device.metalDevice
    self.device = device
    deviceID = device.id
    track = device.queue.track
    kernelNames = metal.functionNames.sorted()
    kernels = Dictionary(kernelNames.map { ($0, Slot()) }, uniquingKeysWith: { first, _ in first })
    LiveObjects.Counters.libraries.increment()
  }

  deinit { LiveObjects.Counters.libraries.decrement() }

  /// What Metal's tools call it; nil at first. All who compile the same text share it.
  public var label: String? {
    get { name.withLock { $0 } }
    set {
      name.withLock { name in
        name = newValue
        withAutoreleasePool { metalLibrary.label = newValue }
      }
    }
  }

  /// The kernel of that name; its pipeline is made at the first call (`makeComputePipelineState`).
  ///
  /// Throws `.argument` with the names there are if it is none of them, or if its function constants need values;
  /// `.pipeline` if Metal cannot make it.
  public func kernel(_ name: String) throws(IngotError) -> Kernel {
    try slot(name).kernel.value { () throws(IngotError) in
      try withAutoreleasePool { () throws(IngotError) in try makeKernel(name, constants: nil) }
    }
  }

  func slot(_ name: String) throws(IngotError) -> Slot {
    guard let slot = kernels[name] else { throw unknown(name) }
    return slot
  }

  func makeKernel(_ name: String, constants: [KernelConstant]?) throws(IngotError) -> Kernel {
    let function = try function(name, constants)
    guard function.functionType == .kernel else {
      throw IngotError(.pipeline, "'\(name)' is no kernel")
    }
    let label = ([name] + (constants ?? []).map(\.description)).joined(separator: "|")
    let (pipeline, reflection) = try makePipeline(function, name, label)
    let bindings = reflection?.bindings ?? []
    if let (argument, kind) = KernelArgument.unsupported(in: bindings) {
      throw IngotError(
        .pipeline,
        "argument '\(argument)' of kernel '\(name)' is \(kind), which Ingot does not have; give a buffer")
    }
    let arguments = KernelArgument.arguments(from: bindings)
    if let strange = arguments.first(where: { !(0..<Bindings.slots).contains($0.index) }) {
      throw IngotError(
        .pipeline,
        "argument '\(strange.name)' of kernel '\(name)' is in slot \(strange.index); Metal has \(Bindings.slots)"
      )
    }
    return Kernel(
      name: name, label: label, constants: constants ?? [], pipeline: pipeline, arguments: arguments,
      device: device, deviceID: deviceID)
  }

  private func makePipeline(
    _ function: any MTLFunction, _ name: String, _ label: String
  ) throws(IngotError) -> (any MTLComputePipelineState, MTLComputePipelineReflection?) {
    let start = Profiler.clock
    defer { if let start { Profiler.record(.pipeline, label, track, from: start) } }
    let descriptor = MTLComputePipelineDescriptor()
    descriptor.label = label
    descriptor.computeFunction = function
    do {
      return try metalDevice.makeComputePipelineState(
        descriptor: descriptor, options: [.bindingInfo, .bufferTypeInfo])
    } catch {
      throw IngotError(.pipeline, "Metal makes no pipeline of kernel '\(name)': \(Platform.text(of: error))")
    }
  }

  private func unknown(_ name: String) -> IngotError {
    let meant = Suggestion.nearest(to: name, among: kernelNames).map { " Did you mean '\($0)'?" } ?? ""
    let names = kernelNames.isEmpty ? "none" : kernelNames.joined(separator: ", ")
    return .argument("no kernel '\(name)': the library has \(names).\(meant)")
  }
}

extension Library: CustomStringConvertible {
  public var description: String { "Library(\(kernelNames.joined(separator: ", ")))" }
}

/// A value that is made at its first use, by one thread while others wait; a failure is not kept.
final class Once<Value: AnyObject & Sendable>: Sendable {
  private let made = Mutex<Value?>(nil)

  func value(_ make: () throws(IngotError) -> Value) throws(IngotError) -> Value {
    try made.withLock { (made) throws(IngotError) in
      if let made { return made }
      let value = try make()
      made = value
      return value
    }
  }
}
