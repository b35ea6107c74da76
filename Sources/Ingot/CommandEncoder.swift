import Metal
import Synchronization

/// Encodes dispatches and commits them once: one encoder is one command buffer (`MTLCommandBuffer`).
///
///     let encoder = device.encoder(label: "saxpy")
///     try encoder.dispatch(saxpy, x, y, .float(2), grid: x.count)
///     try encoder.commitAndWait()
///
/// An encoder is for one thread at a time; a second one gets `.state`. One that is dropped uncommitted is discarded.
public final class CommandEncoder: @unchecked Sendable {
  // Unchecked: everything that changes belongs to the thread that has put `phase` to `.busy`. No checks of
  // exclusivity either: they would cost as much as the rest of a dispatch.

  public let device: Device
  public let label: String?
  public let ordering: Ordering

  /// Where it is committed; nil for the device's own queue.
  private let otherQueue: Queue?
  let submissions: SubmissionQueue
  let id: UInt64
  /// Whether Ingot looks for conflicts: the ordering is `.automatic`.
  let isTracked: Bool
  /// Whether what is encoded becomes a graph, and not a command buffer.
  let isRecording: Bool
  private let phase = Atomic<Phase>(.encoding)

  /// Taken with the first dispatch, or by `begun`.
  @exclusivity(unchecked) var slot = EncoderSlot.none
  /// Whether what needs one of Metal's command buffers waits where none is free, up to the queue's `slotTimeout`. If not,
  /// it throws `.timeout` at once; the encoder stands in the line then, and `begin(timeout:)` waits there.
  public var isBlocking: Bool {
    get { blocks.load(ordering: .relaxed) }
    set { blocks.store(newValue, ordering: .relaxed) }
  }
  private let blocks = Atomic(true)
  /// What all of it waits for: encoded with the command buffer, so that an encoder that does nothing takes none.
  @exclusivity(unchecked) var firstWait: (event: Event, value: UInt64)?
  /// Both are made by the first dispatch: an encoder that does nothing takes none of Metal's command buffers.
  @exclusivity(unchecked) private(set) var commandBuffer: (any MTLCommandBuffer)?
  @exclusivity(unchecked) var computeEncoder: (any MTLComputeCommandEncoder)?
  @exclusivity(unchecked) var uses = EncoderUses()
  @exclusivity(unchecked) var hazards = HazardTracker()
  @exclusivity(unchecked) var bindings = Bindings()
  /// Of the dispatch that is being encoded, those that are bound from memory of the pool.
  @exclusivity(unchecked) var longValues: [Buffer] = []
  /// nil but while it records.
  @exclusivity(unchecked) var recording: Recording?
  @exclusivity(unchecked) var dispatchCount = 0
  /// Metal's compute encoders with dispatches.
  @exclusivity(unchecked) private(set) var passCount = 0
  @exclusivity(unchecked) var barrierCount = 0
  /// Of these, those that `barrier` was called for.
  @exclusivity(unchecked) var forcedBarrierCount = 0
  /// Whether each dispatch is timed; then there is a sampler, until the commit.
  @exclusivity(unchecked) var isTimed = false
  @exclusivity(unchecked) var sampler: DispatchSampler?
  /// When the first dispatch was encoded, if somebody profiles.
  @exclusivity(unchecked) private var began: UInt64?

  enum Phase: UInt8, AtomicRepresentable {
    case encoding, busy, committed, discarded, recorded
  }

  private static let identifiers = Identifiers()

  init(
    device: Device, queue: Queue? = nil, label: String?, ordering: Ordering, profile: Bool = false,
    isRecording: Bool = false
  ) {
    self.device = device
    otherQueue = queue
    submissions = queue?.submissions ?? device.queue
    self.label = label
    self.ordering = ordering
    isTracked = ordering == .automatic
    self.isRecording = isRecording
    recording = isRecording ? Recording() : nil
    id = Self.identifiers.next()
    if profile { sample() }
    LiveObjects.Counters.encoders.increment()
  }

  deinit {
    abandon()
    LiveObjects.Counters.encoders.decrement()
  }

  /// The queue that it is committed to.
  public var queue: Queue { otherQueue ?? device.defaultQueue }

  /// What messages call it.
  var name: String {
    let kind = isRecording ? "recording" : "encoder"
    return label.map { "\(kind) '\($0)'" } ?? "\(kind) \(id)"
  }
}

extension CommandEncoder {
  /// Makes the encoder this thread's until `leave`.
  @inline(__always)
  func enter() throws(IngotError) {
    let (isMine, found) = phase.compareExchange(expected: .encoding, desired: .busy, ordering: .acquiring)
    if !isMine { throw refusal(found) }
  }

  /// Whether it was committed or discarded, so that nothing of it changes any more.
  var isOver: Bool {
    switch phase.load(ordering: .acquiring) {
    case .committed, .discarded, .recorded: true
    case .encoding, .busy: false
    }
  }

  /// Calls `body` while the encoder is this thread's.
  func entered(_ body: () throws(IngotError) -> Void) throws(IngotError) {
    try enter()
    do throws(IngotError) {
      try body()
    } catch {
      leave()
      throw error
    }
    leave()
  }

  @inline(__always)
  func leave(_ next: Phase = .encoding) { phase.store(next, ordering: .releasing) }

  @inline(never)
  private func refusal(_ phase: Phase) -> IngotError {
    switch phase {
    case .committed: .state("\(name) is committed already; make another encoder for more work")
    case .discarded: .state("\(name) is discarded; make another encoder")
    case .recorded: .state("\(name) has ended, and is a graph now: replay that, or record another")
    default: .state("\(name) is in use by another thread; an encoder is for one thread at a time")
    }
  }

  /// Takes a slot and makes Metal's command buffer and compute encoder, if they are not there; nil for a recording.
  @inline(never)
  func begin() throws(IngotError) -> (any MTLComputeCommandEncoder)? {
    if isRecording { return nil }
    let commandBuffer = try beginCommandBuffer()
    let encoder = withAutoreleasePool {
      let encoder = makePass(in: commandBuffer)
      if let label { encoder?.label = label }
      return encoder
    }
    guard let encoder else { throw IngotError(.outOfMemory, "Metal gives no compute encoder for \(name)") }
    computeEncoder = encoder
    uses.events.ends = []
    passCount += 1
    return encoder
  }

  /// Has Metal's command buffer from now on.
  func takeCommandBuffer() throws(IngotError) {
    try entered { () throws(IngotError) in _ = try beginCommandBuffer() }
  }

  func beginCommandBuffer() throws(IngotError) -> any MTLCommandBuffer {
    if let commandBuffer { return commandBuffer }
    guard !isRecording else { throw noCommandBuffer }
    began = Profiler.clock
    try takeSlot()
    let made = withAutoreleasePool {
      let made = (otherQueue?.metalQueue ?? device.metalQueue).makeCommandBuffer()
      if let label { made?.label = label }
      return made
    }
    guard let made else {
      leaveSlot()
      throw IngotError(.outOfMemory, "Metal gives no command buffer for \(name)")
    }
    commandBuffer = made
    if let firstWait { encodeWait(for: firstWait.event, value: firstWait.value, in: made) }
    return made
  }
}

extension CommandEncoder {
  /// Commits what was encoded (`MTLCommandBuffer.commit`), and returns at once.
  ///
  /// Everything allocated before is made resident first. Throws `.state` if it was committed or discarded before, or if
  /// it uses bytes of a mapped file that the file does not have any more, `.inFlight` if it uses bytes that are mapped on
  /// the host (`Buffer.mapped`); then it is as it was, and can be committed later.
  @discardableResult
  public func commit() throws(IngotError) -> Submission {
    try enter()
    let start = Profiler.clock
    do throws(IngotError) {
      try uses.checkFiles(name)
      let submission = try withAutoreleasePool { () throws(IngotError) in try submit(beginCommandBuffer()) }
      leave(.committed)
      if let start { Profiler.record(submission.work, encodedFrom: began, committedFrom: start) }
      return submission
    } catch {
      leave()
      throw error
    }
  }

  /// Commits, and blocks until the GPU is done. Throws `.commandBuffer` if it failed.
  @available(*, noasync, message: "use await commit().completed()")
  @discardableResult
  public func commitAndWait() throws(IngotError) -> Submission {
    let submission = try commit()
    try submission.wait()
    return submission
  }

  /// Gives up what was encoded. Throws `.state` if it was committed before.
  public func discard() throws(IngotError) {
    try enter()
    abandon()
    leave(.discarded)
  }

  private func submit(_ commandBuffer: any MTLCommandBuffer) throws(IngotError) -> Submission {
    let queue = submissions
    let work = try device.mappings.admit(uses, of: name) { enrol(in: queue) }
    endPass()
    sampler?.resolve(in: commandBuffer)
    uses = EncoderUses()
    device.residency?.flush()
    commandBuffer.addCompletedHandler { work.finish($0, in: queue) }
    commandBuffer.commit()
    slot = .none
    drop()
    return Submission(work: work, statistics: counts)
  }

  /// From here on the host is told that the work is under way.
  private func enrol(in queue: SubmissionQueue) -> Work {
    let work = queue.enrol(label: label ?? "", uses: uses, sampler: sampler)
    for use in uses.storages { use.storage.stamp(work.ticket, of: queue, use.bytes) }
    return work
  }

  private func drop() {
    commandBuffer = nil
    computeEncoder = nil
    sampler = nil
  }

  /// Metal aborts the process if an encoder is released before `endEncoding()`.
  private func abandon() {
    recording = nil
    if commandBuffer != nil {
      withAutoreleasePool {
        computeEncoder?.endEncoding()
        drop()
      }
    }
    uses = EncoderUses()
    leaveSlot()
  }
}
