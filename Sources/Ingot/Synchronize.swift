extension Device {
  /// Blocks until everything that was committed on it before is done, on all of its queues, or until `timeout` is over.
  ///
  /// Throws `.timeout` in that case, and `.commandBuffer` if a submission failed that nobody has been told of before: by
  /// `Submission.wait`, `completed` or `error`, or another `synchronize`. Of several failures the first is thrown, of
  /// several queues with failures that of the one that was made first.
  @available(*, noasync, message: "await the submissions' completed()")
  public func synchronize(timeout: Duration? = nil) throws(IngotError) {
    try SubmissionQueue.synchronize(queues.all, timeout: timeout)
  }
}

extension Buffer {
  /// Blocks until every submission that uses its bytes in any way is done, or until `timeout` is over.
  ///
  /// What uses other bytes of the storage is not waited for. Throws `.timeout`, and `.commandBuffer` if one of them
  /// failed that nobody has been told of before, as `Device.synchronize`.
  @available(*, noasync, message: "await the submissions' completed()")
  public func synchronize(timeout: Duration? = nil) throws(IngotError) {
    try storage.checkIsOpen()
    // What has no memory yet is used by nobody.
    guard storage.isAllocated else { return }
    try storage.synchronize(self, until: Clock.deadline(after: timeout))
  }
}

extension SubmissionQueue {
  /// Blocks until what was committed to these queues is done, and throws the first failure that nobody has been told of.
  static func synchronize(_ queues: [SubmissionQueue], timeout: Duration?) throws(IngotError) {
    let deadline = Clock.deadline(after: timeout)
    let underWay = queues.map(\.underWay)
    for work in underWay.flatMap(\.unfinished) { try work.end(before: deadline) }
    var failures: [IngotError] = []
    for (queue, (last, _)) in zip(queues, underWay) {
      if let failure = queue.takeFailure(where: { $0.ticket <= last }) { failures.append(failure) }
    }
    if let first = failures.first { throw first }
  }

  /// More failures than that are not kept for somebody to ask: the first to come are the first to be forgotten.
  private static let failureLimit = 64

  /// The last ticket, and what is unfinished of those up to it.
  var underWay: (last: UInt64, unfinished: [Work]) { state.withLock { ($0.lastTicket, $0.unfinished) } }

  /// Whether the work is done and, if it failed, somebody has been told.
  func isOver(_ ticket: UInt64) -> Bool {
    guard unfinished(ticket) == nil else { return false }
    if failureCount.load(ordering: .acquiring) == 0 { return true }
    return state.withLock { state in !state.failures.contains { $0.ticket == ticket && !$0.isTold } }
  }

  /// Keeps failed work until somebody is told. Under the lock.
  func keep(_ work: Work, in state: inout State) {
    state.failures.removeAll { $0.isTold }
    if state.failures.count == Self.failureLimit { state.failures.removeFirst() }
    state.failures.append(work)
    failureCount.store(state.failures.count, ordering: .releasing)
  }

  /// The failure that was committed first of the work asked for; the others are not told any more either.
  func takeFailure(where isAskedFor: (Work) -> Bool) -> IngotError? {
    guard failureCount.load(ordering: .acquiring) > 0 else { return nil }
    return state.withLock { state in
      state.failures.removeAll { $0.isTold }
      let taken = state.failures.filter(isAskedFor)
      state.failures.removeAll(where: isAskedFor)
      failureCount.store(state.failures.count, ordering: .releasing)
      // What is listed has failed, even if nobody else has been told that it is done.
      return taken.min { $0.ticket < $1.ticket }?.tellOfFailure()
    }
  }
}
