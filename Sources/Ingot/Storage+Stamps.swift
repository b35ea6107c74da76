/// What one submission does with a storage.
struct Stamp {
  /// Tickets are of a queue.
  let queue: SubmissionQueue
  let ticket: UInt64
  let bytes: UsedBytes

  /// Whether nothing is to be said of it any more: it is done, and if it failed, somebody knows.
  var isOver: Bool { queue.isOver(ticket) }
  /// nil when it is done.
  var unfinished: Work? { queue.unfinished(ticket) }

  /// Whether it is done, or so it seems, and has come after the other: Metal has kept the two in order.
  func followed(_ other: Stamp) -> Bool {
    guard queue === other.queue, ticket > other.ticket, bytes.writes || other.bytes.writes else {
      return false
    }
    return unfinished?.seemsDone ?? true
  }
}

extension Storage {
  /// Says that the submission with this ticket uses the memory.
  func stamp(_ ticket: UInt64, of queue: SubmissionQueue, _ bytes: UsedBytes) {
    state.withLock { state in
      state.uses?.increment()
      if !state.stamps.isEmpty { state.stamps.removeAll { $0.isOver } }
      state.stamps.append(Stamp(queue: queue, ticket: ticket, bytes: bytes))
    }
  }

  /// Counts what may refuse host access that was granted before.
  var uses: UseCount {
    state.withLock { state in
      if let uses = state.uses { return uses }
      let uses = UseCount()
      state.uses = uses
      lease.tell(uses)
      return uses
    }
  }

  /// The stamps that may stand in the way of host access, or tell of a failure.
  private func candidates(_ access: Access, _ buffer: Buffer) -> [Stamp] {
    let (start, end) = buffer.addresses
    return state.withLock { state in
      if state.stamps.isEmpty { return [] }
      // Not only these are looked at: the next time there is nothing to look at.
      state.stamps.removeAll { $0.isOver }
      return state.stamps.filter { $0.bytes.conflict(start, end, writes: access.contains(.write)) }
    }
  }

  func wait(for access: Access, to buffer: Buffer, until deadline: UInt64) throws(IngotError) {
    for stamp in candidates(access, buffer) { try stamp.unfinished?.end(before: deadline) }
  }

  /// Waits for everything that uses the buffer, and throws the failure that nobody has been told of.
  func synchronize(_ buffer: Buffer, until deadline: UInt64) throws(IngotError) {
    let stamps = candidates(.readWrite, buffer)
    for stamp in stamps { try stamp.unfinished?.end(before: deadline) }
    for stamp in stamps {
      if let failure = stamp.queue.takeFailure(where: { $0.ticket == stamp.ticket }) { throw failure }
    }
  }

  /// Waits for what an event has told of but Metal's completed handler has not; it may take a moment, so no lock is held
  /// meanwhile.
  func awaitEnds(_ access: Access, of buffer: Buffer) {
    let candidates = candidates(access, buffer)
    if candidates.isEmpty { return }
    let all = state.withLock { $0.stamps }
    // Somebody else may have signalled as much, so it does not wait for long.
    let deadline = Clock.now + Work.handlerNanoseconds
    for stamp in candidates {
      guard let work = stamp.unfinished else { continue }
      if work.seemsDone || all.contains(where: { $0.followed(stamp) }) { _ = work.wait(until: deadline) }
    }
  }

  func checkAccess(_ access: Access, of buffer: Buffer) throws(IngotError) {
    let (start, end) = buffer.addresses
    for stamp in candidates(access, buffer) {
      guard let work = stamp.unfinished else { continue }
      let isWritten = stamp.bytes.written.overlaps(start, end)
      throw IngotError(
        .inFlight,
        "\(work.name) still \(isWritten ? "writes" : "reads") this \(buffer); wait for it before host access")
    }
  }
}

extension Work {
  /// Waits; throws `.timeout` if it is not done before the deadline.
  func end(before deadline: UInt64) throws(IngotError) {
    guard wait(until: deadline) else {
      throw IngotError(.timeout, "\(name) is not done yet; it goes on")
    }
  }
}
