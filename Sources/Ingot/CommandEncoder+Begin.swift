/// An encoder's right to one of Metal's command buffers.
enum EncoderSlot {
  case none
  case asked(SlotRequest)
  case taken
}

extension CommandEncoder {
  /// Takes one of Metal's command buffers now, and not with the first dispatch, where it would block if too many are
  /// unfinished; here no thread does.
  ///
  ///     let encoder = try await device.encoder(label: "step").begun()
  ///
  /// Whoever comes first is served first; a task that is cancelled keeps its place. Throws `.state` if none is free and
  /// none is committed, and `.timeout` after `Device.slotTimeout`.
  @discardableResult
  public func begun() async throws(IngotError) -> CommandEncoder {
    try enter()
    defer { leave() }
    if let request = try requestSlot() {
      await submissions.slots.answer(to: request)
      try collect(request)
    }
    return self
  }

  /// The same for an event loop: whether it has begun. If not, `token` comes to the notifier when it is time to call this
  /// again, or when the encoder is discarded; once, however often it was given.
  public func begin(notifying notifier: CompletionNotifier, token: UInt64) throws(IngotError) -> Bool {
    try enter()
    defer { leave() }
    guard let request = try requestSlot() else { return true }
    if submissions.slots.enrol(.loop(notifier.queue, token), for: request) { return false }
    try collect(request)
    return true
  }

  /// The same for a thread, which it blocks until `timeout` is over: whether it has begun. If not, it keeps its place.
  @available(*, noasync, message: "use await begun()")
  public func begin(timeout: Duration?) throws(IngotError) -> Bool {
    try enter()
    defer { leave() }
    guard let request = try requestSlot() else { return true }
    guard submissions.slots.wait(for: request, timeout: timeout) else { return false }
    try collect(request)
    return true
  }

  /// Takes a slot, if it has none, blocking as long as that takes; if it shall not block it throws `.timeout` instead,
  /// and keeps its place in the line.
  func takeSlot() throws(IngotError) {
    guard let request = try requestSlot() else { return }
    if isBlocking {
      submissions.slots.wait(for: request)
    } else if submissions.slots.isWaiting(request) {
      throw request.notYet
    }
    try collect(request)
  }

  /// Its place in the line for a slot, where it stands from now on; nil if it has a slot.
  private func requestSlot() throws(IngotError) -> SlotRequest? {
    guard !isRecording else { throw noCommandBuffer }
    switch slot {
    case .taken: return nil
    case .asked(let request): return request
    case .none:
      let request = try submissions.slots.request()
      slot = request.map(EncoderSlot.asked) ?? .taken
      return request
    }
  }

  private func collect(_ request: SlotRequest) throws(IngotError) {
    slot = .none
    guard submissions.slots.end(request) else { throw request.timedOut }
    slot = .taken
  }

  /// Gives up its slot, or its place in the line.
  func leaveSlot() {
    let slots = submissions.slots
    switch slot {
    case .none: break
    case .asked(let request): if slots.end(request) { slots.free(committed: false) }
    case .taken: slots.free(committed: false)
    }
    slot = .none
  }
}
