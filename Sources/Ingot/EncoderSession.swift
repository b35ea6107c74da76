import Synchronization

/// Work in stages: one encoder after the other on one queue, each of which may wait for the one before by an event.
///
///     let session = device.session(label: "layer")
///     try session.beginStage("attention").dispatch(attention, x, y, grid: n)
///     try session.fenceStage()                      // commits, and signals the next value
///     try session.beginStage("ffn").dispatch(ffn, y, z, grid: n)   // waits for it
///     try session.commitAndWait()
///
/// A stage is an ordinary `CommandEncoder`, and what it is committed as an ordinary `Submission`. It is committed by
/// `commitStage`, `commitAndWait` or `fenceStage`; then the session is drained until `reset` or `beginStage`. Anything out
/// of this order is `.state`. A session that is dropped discards the stage that is not committed, and waits for nothing.
/// It may be used from any thread; the encoder of a stage is for one at a time.
public final class EncoderSession: Sendable {
  public let device: Device
  /// What stages without a label are called.
  public let label: String?

  private struct State {
    /// Of the stage that was begun last; nil before that, and after a reset.
    var encoder: CommandEncoder?
    var submission: Submission?
    var event: Event?
    var fenceValue: UInt64 = 0
    var isFencePending = false
    /// The last value that a stage was made to signal, even if it could not be committed then.
    var encodedValue: UInt64 = 0
    /// What the stage waits for, until it is committed.
    var pendingWait: UInt64?
    var waitValue: UInt64 = 0
    var waitCount = 0

    var isDrained: Bool { encoder?.isOver ?? false }
  }

  private let otherQueue: Queue?
  private let state = Mutex(State())

  init(device: Device, queue: Queue?, label: String?) {
    self.device = device
    self.label = label
    otherQueue = queue
    LiveObjects.Counters.sessions.increment()
  }

  deinit { LiveObjects.Counters.sessions.decrement() }
}

extension Device {
  /// Starts a session on the device's own queue.
  public func session(label: String? = nil) -> EncoderSession {
    EncoderSession(device: self, queue: nil, label: label)
  }
}

extension Queue {
  /// Starts a session whose stages are committed to this queue.
  public func session(label: String? = nil) -> EncoderSession {
    EncoderSession(device: device, queue: self, label: label)
  }
}

// Stages.
extension EncoderSession {
  /// Begins a stage, after a reset if the session is drained, and returns its encoder.
  ///
  /// Throws `.state` if the stage before is not committed.
  @discardableResult
  public func beginStage(_ label: String? = nil) throws(IngotError) -> CommandEncoder {
    try state.withLock { (state) throws(IngotError) in
      if state.isDrained { reset(&state) }
      if let encoder = state.encoder {
        throw .state(
          "\(encoder.name) of this session is not committed: commit, fence or discard that stage first")
      }
      return makeEncoder(label, &state)
    }
  }

  /// The encoder of the stage, which is begun if none is. Throws `.state` if the session is drained.
  public var encoder: CommandEncoder {
    get throws(IngotError) {
      try state.withLock { (state) throws(IngotError) in try openEncoder(&state) }
    }
  }

  /// Commits the stage (`MTLCommandBuffer.commit`). Throws `.state` if the session is drained.
  @discardableResult
  public func commitStage() throws(IngotError) -> Submission {
    try withStage { (encoder, state) throws(IngotError) in try commit(encoder, &state) }
  }

  /// Commits the stage, and blocks until the GPU is done. Throws `.commandBuffer` if it failed, and as `commitStage`.
  @available(*, noasync, message: "use await commitStage().completed()")
  @discardableResult
  public func commitAndWait() throws(IngotError) -> Submission {
    let submission = try commitStage()
    try submission.wait()
    return submission
  }

  /// Lets the stage signal the next value of the session's event, and commits it: the next stage waits for that.
  ///
  /// Throws `.state` if the session is drained. Another session or queue may wait for the same value: `event`.
  @discardableResult
  public func fenceStage() throws(IngotError) -> Submission {
    try withStage { (encoder, state) throws(IngotError) in
      let event = try event(&state)
      let value = state.encodedValue + 1
      try encoder.signal(event, value: value)
      state.encodedValue = value
      let submission = try commit(encoder, &state)
      (state.fenceValue, state.isFencePending) = (value, true)
      return submission
    }
  }

  /// Calls `body` with the encoder of the stage, which has a command buffer then: to wait for one may take long, so the
  /// lock is not held meanwhile.
  private func withStage(
    _ body: (CommandEncoder, inout State) throws(IngotError) -> Submission
  ) throws(IngotError) -> Submission {
    while true {
      let encoder = try encoder
      try encoder.takeCommandBuffer()
      let submission = try state.withLock { (state) throws(IngotError) -> Submission? in
        // Another thread may have ended that stage, and begun the next.
        state.encoder === encoder ? try body(encoder, &state) : nil
      }
      if let submission { return submission }
    }
  }

  private func commit(_ encoder: CommandEncoder, _ state: inout State) throws(IngotError) -> Submission {
    let submission = try encoder.commit()
    state.submission = submission
    state.pendingWait = nil
    return submission
  }

  /// Ends a drained stage: the next one has an encoder of its own, which waits for the value if this one was fenced.
  ///
  /// Throws `.state` if there is no committed stage.
  public func reset() throws(IngotError) {
    try state.withLock { (state) throws(IngotError) in
      guard state.isDrained else {
        throw .state(
          "a session is reset after a stage is committed; commit, fence or discard the stage first")
      }
      reset(&state)
    }
  }

  private func reset(_ state: inout State) {
    state.encoder = nil
    guard state.isFencePending else { return }
    state.isFencePending = false
    state.pendingWait = state.fenceValue
    state.waitValue = state.fenceValue
    state.waitCount += 1
  }

  private func openEncoder(_ state: inout State) throws(IngotError) -> CommandEncoder {
    guard let encoder = state.encoder else { return makeEncoder(nil, &state) }
    guard !encoder.isOver else {
      throw .state(
        "\(encoder.name) of this session is committed or discarded; reset() or beginStage() (in Python begin_stage()) goes on"
      )
    }
    return encoder
  }

  private func makeEncoder(_ label: String?, _ state: inout State) -> CommandEncoder {
    let label = label ?? self.label
    let encoder = otherQueue?.encoder(label: label) ?? device.encoder(label: label)
    if let event = state.event, let value = state.pendingWait { encoder.firstWait = (event, value) }
    state.encoder = encoder
    return encoder
  }

  private func event(_ state: inout State) throws(IngotError) -> Event {
    if let event = state.event { return event }
    let event = try device.event(label: label)
    state.event = event
    return event
  }
}

// What it has done.
extension EncoderSession {
  /// The queue that stages are committed to.
  public var queue: Queue { otherQueue ?? device.defaultQueue }
  /// Whether the stage that was begun last is committed, or discarded.
  public var isDrained: Bool { state.withLock { $0.isDrained } }
  /// Whether it was fenced, and no reset has come after it.
  public var isFencePending: Bool { state.withLock { $0.isFencePending } }
  /// What the last fence signals; 0 before there was one.
  public var fenceValue: UInt64 { state.withLock { $0.fenceValue } }
  /// What the last stage that waits waits for; 0 before there was one.
  public var waitValue: UInt64 { state.withLock { $0.waitValue } }
  /// Resets after a fence: stages that begin with a wait.
  public var waitCount: Int { state.withLock { $0.waitCount } }
  /// What fences signal, for the host and other queues to wait for; nil before the first fence. To signal it is the
  /// session's part.
  public var event: Event? { state.withLock { $0.event } }
  /// What the session committed last; nil before that.
  public var submission: Submission? { state.withLock { $0.submission } }
}
