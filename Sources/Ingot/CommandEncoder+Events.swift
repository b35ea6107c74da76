import Metal

extension CommandEncoder {
  /// Makes all that is encoded after this wait until `event` has reached `value` (`encodeWaitForEvent`).
  ///
  ///     try encoder.wait(for: copied, value: 3)
  ///
  /// It may be encoded, and committed, before anybody signals the value. While it waits its queue starts nothing that was
  /// committed later, so the signal has to come from before, from another queue, or from the host; if it never comes the
  /// submission is not done before macOS gives it up. What is encoded before and after it may use the same memory, and is
  /// in order. Throws `.argument` for an event of another device, `.state` after a commit.
  public func wait(for event: Event, value: UInt64) throws(IngotError) {
    try encode(event) { encodeWait(for: event, value: value, in: $0) }
  }

  func encodeWait(for event: Event, value: UInt64, in commandBuffer: any MTLCommandBuffer) {
    commandBuffer.encodeWaitForEvent(event.metalEvent, value: value)
    uses.events.note(event)
    uses.events.ends = []
  }

  /// Lets `event` reach `value` when all is done that was encoded before this (`encodeSignalEvent`).
  ///
  ///     try encoder.signal(copied, value: 3)
  ///
  /// A value that is not above the one it has reached is ignored. If the submission fails, the event reaches the value all
  /// the same, so that nobody waits for ever: who waits on the host gets the error, and work on the GPU goes on, with
  /// memory whose contents are undefined. An encoder that is discarded or dropped signals nothing. Throws `.argument`
  /// for an event of another device, `.state` after a commit.
  public func signal(_ event: Event, value: UInt64) throws(IngotError) {
    try encode(event) { commandBuffer in
      commandBuffer.encodeSignalEvent(event.metalEvent, value: value)
      uses.events.note(event, signalled: value)
      uses.events.ends.append(EventUses.End(event: event, value: value))
    }
  }

  /// Between Metal's compute encoders: events are of command buffers.
  private func encode(
    _ event: Event, _ body: (any MTLCommandBuffer) -> Void
  ) throws(IngotError) {
    try entered { () throws(IngotError) in
      guard event.device === device else { throw foreign(event) }
      try withAutoreleasePool { () throws(IngotError) in
        let commandBuffer = try beginCommandBuffer()
        endPass()
        body(commandBuffer)
      }
    }
  }

  private func foreign(_ event: Event) -> IngotError {
    .argument("\(event.name) belongs to another device object than \(name); make it on the encoder's device")
  }
}

/// The events of an encoder, which are kept alive until its submission is done.
struct EventUses: Sendable {
  /// A signal with nothing after it but other signals.
  struct End: Sendable {
    let event: Event
    let value: UInt64
  }

  /// What tells that all is done, before Metal does, in this order.
  var ends: [End] = []

  private struct Use {
    let event: Event
    /// The largest.
    var signalled: UInt64?
  }

  private var uses: [Use] = []

  mutating func note(_ event: Event, signalled value: UInt64? = nil) {
    guard let index = uses.firstIndex(where: { $0.event === event }) else {
      uses.append(Use(event: event, signalled: value))
      return
    }
    if let value { uses[index].signalled = max(value, uses[index].signalled ?? 0) }
  }

  /// The first of the ends that others have not signalled already.
  var end: End? { ends.first { $0.event.value < $0.value } }

  /// For a submission that has failed: Metal signals nothing of it any more.
  func signalAll(for work: Work) {
    for use in uses {
      if let value = use.signalled { use.event.signal(value, for: work) }
    }
  }
}
