import Metal
import Synchronization

/// A command queue (`MTLCommandQueue`): what is committed to it starts in that order, and beside the work of other queues.
///
///     let uploads = try device.queue(label: "uploads")
///     let encoder = uploads.encoder()
///
/// A device has one already, and that is enough for most programs. Metal orders the work of one queue where it uses the
/// same memory. **Nothing orders the work of two queues but events**, whatever memory it uses, imported memory too: see
/// `Event`. Each queue has command buffers of its own, of which 63 can be unfinished. A queue that is dropped takes nothing
/// down: its work goes on. Queues may be used from any thread.
public final class Queue: @unchecked Sendable {
  // Unchecked: Metal's queues may be used from any thread.

  public let device: Device
  /// nil for the device's own.
  public let label: String?
  /// Apple's object.
  public let metalQueue: any MTLCommandQueue

  let submissions: SubmissionQueue
  /// Whether it is the device's own, which stays when this object goes.
  private let isOwn: Bool

  /// Another queue of the device.
  init(device: Device, label: String?) throws(IngotError) {
    metalQueue = try Device.makeQueue(of: device.metalDevice, label: label)
    self.device = device
    self.label = label
    isOwn = false
    submissions = SubmissionQueue(
      device.keeper, track: QueueTrack(deviceID: device.id, deviceName: device.name))
    device.sets.add(metalQueue)
    device.queues.add(submissions)
    LiveObjects.Counters.queues.increment()
  }

  /// The device's own queue.
  init(ofDevice device: Device) {
    self.device = device
    label = nil
    metalQueue = device.metalQueue
    submissions = device.queue
    isOwn = true
    LiveObjects.Counters.queues.increment()
  }

  deinit {
    if !isOwn {
      device.sets.remove(metalQueue)
      device.queues.close(submissions)
    }
    LiveObjects.Counters.queues.decrement()
  }

  /// Starts an encoder that is committed to this queue; see `Device.encoder`.
  public func encoder(
    label: String? = nil, ordering: Ordering = .automatic, profile: Bool = false
  ) -> CommandEncoder {
    CommandEncoder(
      device: device, queue: self, label: label, ordering: device.configuration.ordering ?? ordering,
      profile: profile)
  }

  /// How long an encoder waits for one of Metal's command buffers when too many are unfinished; a minute at first.
  public var slotTimeout: Duration {
    get { submissions.slots.timeout }
    set { submissions.slots.timeout = newValue }
  }

  /// Blocks until everything that was committed to it before is done, or until `timeout` is over.
  ///
  /// Throws `.timeout` in that case, and `.commandBuffer` if a submission of it failed that nobody has been told of
  /// before; see `Device.synchronize`.
  @available(*, noasync, message: "await the submissions' completed()")
  public func synchronize(timeout: Duration? = nil) throws(IngotError) {
    try SubmissionQueue.synchronize([submissions], timeout: timeout)
  }
}

extension Queue: CustomStringConvertible {
  public var description: String {
    let name = isOwn ? "the device's own" : label.map { "'\($0)'" } ?? "unlabelled"
    return "Queue(\(name), \(submissions.counts.unfinished) unfinished)"
  }
}

extension Device {
  /// Makes another command queue (`makeCommandQueue`). Throws `.outOfMemory` if Metal gives none.
  public func queue(label: String? = nil) throws(IngotError) -> Queue {
    try withAutoreleasePool { () throws(IngotError) in try Queue(device: self, label: label) }
  }

  /// The device's own queue, which `encoder(label:ordering:)` commits to.
  public var defaultQueue: Queue {
    ownQueue.withLock { own in
      if let queue = own.object { return queue }
      let queue = Queue(ofDevice: self)
      own.object = queue
      return queue
    }
  }

  static func makeQueue(of device: any MTLDevice, label: String?) throws(IngotError) -> any MTLCommandQueue {
    guard let queue = device.makeCommandQueue() else {
      throw IngotError(.outOfMemory, "Metal gives no command queue for \(device.name)")
    }
    queue.label = label ?? "ingot"
    return queue
  }
}

/// A public object, which holds the device, so the device does not hold it.
struct Weak<Object: AnyObject> {
  weak var object: Object?
}
