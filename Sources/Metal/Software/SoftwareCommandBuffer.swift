import CMetalRuntime
import Synchronization

/// Until the commit it belongs to the thread that encodes, then to the scheduler, at last to the handlers.
final class SoftwareCommandBuffer: MTLCommandBuffer, @unchecked Sendable {
  let id: Int
  let queue: SoftwareCommandQueue
  let retainedReferences: Bool
  let errorOptions: MTLCommandBufferErrorOption
  var label: String?

  private let progress = Atomic(MTLCommandBufferStatus.notEnqueued.rawValue)
  /// Handlers have run, resources are released, the slot is free.
  private let isFinished = Atomic(false)
  private var scheduledHandlers: [MTLCommandBufferHandler] = []
  private var completedHandlers: [MTLCommandBufferHandler] = []
  private var residencySets: [any MTLResidencySet] = []

  private(set) var stream: UnsafeMutablePointer<CommandStream>?
  var isEncoding = false
  /// Labels and signposts by encoder; kept only for `.encoderExecutionStatus`.
  private(set) var encoderNotes: [EncoderNotes] = []

  // Written by the scheduler before the status says so.
  var times = CommandBufferTimes()
  var failure: MTLCommandBufferError?

  /// The next in the queue's order; guarded by the scheduler's lock, as is `isCommitted`.
  var next: SoftwareCommandBuffer?
  var isCommitted = false

  init(
    queue: SoftwareCommandQueue, retainedReferences: Bool, errorOptions: MTLCommandBufferErrorOption
  ) {
    id = Counter.objects.add(1)
    self.queue = queue
    self.retainedReferences = retainedReferences
    self.errorOptions = errorOptions
    LiveObject.commandBuffers.made()
  }

  deinit {
    // As on a Mac: handlers of a command buffer that is dropped without a commit run all the same.
    if !isFinished.load(ordering: .acquiring) {
      runScheduledHandlers()
      runCompletedHandlers()
      releaseResources()
      finish()
    }
    LiveObject.commandBuffers.released()
  }

  var softwareDevice: SoftwareDevice { queue.softwareDevice }
  var device: any MTLDevice { softwareDevice }
  var commandQueue: any MTLCommandQueue { queue }
  var status: MTLCommandBufferStatus {
    MTLCommandBufferStatus(rawValue: progress.load(ordering: .acquiring))!
  }
  var error: (any Error)? { status == .error ? failure : nil }
  var trace: Trace? { softwareDevice.trace }

  private var hasEnded: Bool { status.rawValue >= MTLCommandBufferStatus.completed.rawValue }
  private var isUncommitted: Bool { status.rawValue < MTLCommandBufferStatus.committed.rawValue }

  func pushDebugGroup(_ string: String) { trace?.line("commandBuffer \(id) pushDebugGroup \(string)") }

  func popDebugGroup() { trace?.line("commandBuffer \(id) popDebugGroup") }

  func useResidencySet(_ residencySet: any MTLResidencySet) { useResidencySets([residencySet]) }

  func useResidencySets(_ residencySets: [any MTLResidencySet]) {
    trace?.line("commandBuffer \(id) useResidencySets \(SoftwareCommandQueue.names(residencySets))")
    self.residencySets += residencySets
    guard self.residencySets.count <= SoftwareCommandQueue.maxResidencySets else {
      misuse(
        "-[_MTLCommandBuffer useResidencySets:count:]", "a command buffer takes at most 32 residency sets")
    }
  }
}

/// Nanoseconds of the host's clock; 0 until known.
struct CommandBufferTimes {
  var kernelStart: UInt64 = 0
  var kernelEnd: UInt64 = 0
  var gpuStart: UInt64 = 0
  var gpuEnd: UInt64 = 0
}

// Times, in seconds.
extension SoftwareCommandBuffer {
  var kernelStartTime: CFTimeInterval { seconds(\.kernelStart) }
  var kernelEndTime: CFTimeInterval { seconds(\.kernelEnd) }
  var gpuStartTime: CFTimeInterval { seconds(\.gpuStart) }
  var gpuEndTime: CFTimeInterval { seconds(\.gpuEnd) }

  private func seconds(_ time: KeyPath<CommandBufferTimes, UInt64>) -> CFTimeInterval {
    hasEnded ? Double(times[keyPath: time]) / 1e9 : 0
  }
}

// Commit and wait.
extension SoftwareCommandBuffer {
  func enqueue() {
    trace?.line("commandBuffer \(id) enqueue")
    guard status == .notEnqueued else {
      misuse("-[_MTLCommandBuffer enqueue]", "enqueue an already enqueued command buffer")
    }
    progress.store(MTLCommandBufferStatus.enqueued.rawValue, ordering: .releasing)
    softwareDevice.scheduler.enqueue(self)
  }

  func commit() {
    trace?.line("commandBuffer \(id) commit")
    guard isUncommitted else {
      misuse("-[_MTLCommandBuffer commit]", "commit an already committed command buffer")
    }
    guard !isEncoding else {
      misuse("-[_MTLCommandBuffer commit]", "commit command buffer with uncommitted encoder")
    }
    residencySets += queue.residencySets
    let wasEnqueued = status == .enqueued
    progress.store(MTLCommandBufferStatus.committed.rawValue, ordering: .releasing)
    softwareDevice.scheduler.commit(self, wasEnqueued: wasEnqueued)
  }

  func waitUntilScheduled() {
    trace?.line("commandBuffer \(id) waitUntilScheduled")
    queue.scheduling.wait(spin: 20_000) { self.status.rawValue >= MTLCommandBufferStatus.scheduled.rawValue }
  }

  func waitUntilCompleted() {
    trace?.line("commandBuffer \(id) waitUntilCompleted")
    queue.completion.wait(spin: 20_000) { self.isFinished.load(ordering: .acquiring) }
  }

  func addScheduledHandler(_ block: @escaping MTLCommandBufferHandler) {
    trace?.line("commandBuffer \(id) addScheduledHandler")
    guard isUncommitted else {
      misuse("-[_MTLCommandBuffer addScheduledHandler:]", "Scheduled handler provided after commit call")
    }
    scheduledHandlers.append(block)
  }

  func addCompletedHandler(_ block: @escaping MTLCommandBufferHandler) {
    trace?.line("commandBuffer \(id) addCompletedHandler")
    guard isUncommitted else {
      misuse("-[_MTLCommandBuffer addCompletedHandler:]", "Completed handler provided after commit call")
    }
    completedHandlers.append(block)
  }
}

// The scheduler's side.
extension SoftwareCommandBuffer {
  var hasScheduledHandlers: Bool { !scheduledHandlers.isEmpty }

  func markScheduled() {
    times.kernelStart = mtl_clock_now()
    times.kernelEnd = times.kernelStart
    progress.store(MTLCommandBufferStatus.scheduled.rawValue, ordering: .releasing)
  }

  /// Publishes how it ended; handlers come after.
  func markEnded() {
    times.gpuEnd = mtl_clock_now()
    let status: MTLCommandBufferStatus = failure == nil ? .completed : .error
    progress.store(status.rawValue, ordering: .releasing)
  }

  func runScheduledHandlers() {
    let handlers = scheduledHandlers
    scheduledHandlers = []
    for handler in handlers { handler(self) }
  }

  func runCompletedHandlers() {
    let handlers = completedHandlers
    completedHandlers = []
    for handler in handlers { handler(self) }
  }

  /// The last step, after handlers and resources: gives back the slot and wakes those who wait.
  func finish() {
    isFinished.store(true, ordering: .releasing)
    queue.returnSlot()
    queue.completion.advance()
  }

  func releaseResources() {
    residencySets = []
    if let stream {
      self.stream = nil
      softwareDevice.scheduler.streams.giveBack(stream)
    }
  }
}

// Encoders.
extension SoftwareCommandBuffer {
  func makeComputeCommandEncoder() -> (any MTLComputeCommandEncoder)? {
    makeComputeCommandEncoder(dispatchType: .serial)
  }

  func makeComputeCommandEncoder(
    descriptor computePassDescriptor: MTLComputePassDescriptor
  ) -> (any MTLComputeCommandEncoder)? {
    makeComputeCommandEncoder(
      computePassDescriptor.dispatchType, EncoderSamples(computePassDescriptor.sampleBufferAttachments))
  }

  func makeComputeCommandEncoder(dispatchType: MTLDispatchType) -> (any MTLComputeCommandEncoder)? {
    makeComputeCommandEncoder(dispatchType, nil)
  }

  private func makeComputeCommandEncoder(
    _ dispatchType: MTLDispatchType, _ samples: EncoderSamples?
  ) -> any MTLComputeCommandEncoder {
    let stream = beginEncoding(isSerial: dispatchType == .serial, samples: samples)
    let encoder = SoftwareComputeCommandEncoder(
      commandBuffer: self, stream: stream, dispatchType: dispatchType)
    trace?.line("commandBuffer \(id) makeComputeCommandEncoder \(dispatchType) -> encoder \(encoder.id)")
    return encoder
  }

  func makeBlitCommandEncoder() -> (any MTLBlitCommandEncoder)? {
    let stream = beginEncoding(isSerial: true)
    let encoder = SoftwareBlitCommandEncoder(commandBuffer: self, stream: stream)
    trace?.line("commandBuffer \(id) makeBlitCommandEncoder -> encoder \(encoder.id)")
    return encoder
  }

  private func beginEncoding(isSerial: Bool, samples: EncoderSamples? = nil) -> UnsafeMutablePointer<
    CommandStream
  > {
    guard !isEncoding else {
      misuse(
        "-[_MTLCommandBuffer setCurrentCommandEncoder:]",
        "A command encoder is already encoding to this command buffer")
    }
    let stream = openStream("-[_MTLCommandBuffer setCurrentCommandEncoder:]")
    isEncoding = true
    if let samples { stream.pointee.retain(samples) }
    _ = stream.pointee.append(
      BeginEncoderCommand(isSerial: isSerial, samples: samples.map { .passUnretained($0) }))
    return stream
  }

  private func openStream(_ method: StaticString) -> UnsafeMutablePointer<CommandStream> {
    guard isUncommitted else {
      misuse(method, "_status < MTLCommandBufferStatusCommitted")
    }
    if let stream { return stream }
    let stream = softwareDevice.scheduler.streams.take()
    self.stream = stream
    return stream
  }

  func endEncoding(_ notes: EncoderNotes) {
    isEncoding = false
    if errorOptions.contains(.encoderExecutionStatus) { encoderNotes.append(notes) }
  }

  func encodeWaitForEvent(_ event: any MTLEvent, value: UInt64) {
    encode(.waitForEvent, event, value, "-[_MTLCommandBuffer encodeWaitForEvent:value:]")
  }

  func encodeSignalEvent(_ event: any MTLEvent, value: UInt64) {
    encode(.signalEvent, event, value, "-[_MTLCommandBuffer encodeSignalEvent:value:]")
  }

  private func encode(
    _ kind: Command.Kind, _ event: any MTLEvent, _ value: UInt64, _ method: StaticString
  ) {
    trace?.line("commandBuffer \(id) \(kind) value=\(value)")
    guard !isEncoding else { misuse(method, "\(kind) is not allowed while a command encoder is encoding") }
    guard let event = event as? SoftwareEvent, event.softwareDevice === softwareDevice else {
      misuse(method, "the event is no object of this device")
    }
    let stream = openStream(method)
    stream.pointee.retain(event)
    _ = stream.pointee.append(
      EventCommand(command: Command(kind), event: .passUnretained(event), value: value))
  }

  /// Keeps a resource alive until the end, once; `lastUser` of the resource says whether that was done.
  @inline(__always)
  func use(_ resource: AnyObject, _ lastUser: borrowing Atomic<UInt64>) {
    if lastUser.load(ordering: .relaxed) != UInt64(truncatingIfNeeded: id) { retain(resource, lastUser) }
  }

  @inline(never)
  private func retain(_ resource: AnyObject, _ lastUser: borrowing Atomic<UInt64>) {
    lastUser.store(UInt64(truncatingIfNeeded: id), ordering: .relaxed)
    if retainedReferences { stream!.pointee.retain(resource) }
  }
}
