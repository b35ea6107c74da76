import CMetalRuntime

/// Runs command buffers and calls their handlers, on threads of its own.
///
/// One thread at a time leads: it runs commands. Handlers are called by a thread that does not lead, so that a handler
/// may wait for other work. With nothing else to run the leader gives up the lead and calls the handlers itself, which
/// spares a change of threads when one small command buffer is waited for.
final class Scheduler: @unchecked Sendable {
  let streams = StreamPool()

  private static let leaderSpin: UInt64 = 50_000
  private static let helperSpin: UInt64 = 20_000
  /// How long a thread that calls handlers may take to lead again before another one leads.
  private static let patience: UInt64 = 100_000

  private let switches: Switches
  private let runner: CommandRunner
  private let commits = Counter()
  /// With a seed: how the leader dawdles. Only the leader touches it.
  private var pace: SeededGenerator?
  private let state = Guarded(State())
  /// Grows when there may be something to run.
  private let work = Signal()
  /// Grows when a thread that rests is needed.
  private let help = Signal()

  private struct State {
    var queues: [SoftwareCommandQueue] = []
    var hasLeader = false
    /// Lanes whose handlers nobody calls yet.
    var lanesToHandle: [QueueLane] = []
    var threads = 0
    /// Threads that call handlers, which may block.
    var handling = 0
    /// Threads that rest and that nobody has called.
    var resting = 0
    /// Calls that no resting thread has answered yet.
    var calls = 0
    /// Threads that were called or started and have taken no role yet. One is enough: it calls the next if need be.
    var arriving = 0
    var isStopping = false

    /// Roles that nobody has.
    var openRoles: Int { (hasLeader || queues.isEmpty ? 0 : 1) + lanesToHandle.count }
  }

  private enum Role {
    case lead
    case handle(QueueLane)
    case rest
    case stop
  }

  init(switches: Switches) {
    self.switches = switches
    runner = CommandRunner(switches: switches)
    pace = switches.seed.map { SeededGenerator(seed: $0, 1) }
  }

  /// Starts the first thread; false when the system has none left.
  func start() -> Bool {
    state.withLock { $0.threads == 0 ? startThread(&$0) : true }
  }

  /// Ends the threads; nothing is left for them to do, since all work keeps the device alive.
  func stop() {
    state.withLock { $0.isStopping = true }
    work.advance()
    help.advance()
  }

  private func startThread(_ state: inout State) -> Bool {
    let context = Unmanaged.passRetained(self)
    let hasStarted = mtl_start_thread(
      "metal-device", { Unmanaged<Scheduler>.fromOpaque($0!).takeRetainedValue().threadMain() },
      context.toOpaque())
    guard hasStarted != 0 else {
      context.release()
      return false
    }
    state.threads += 1
    state.arriving += 1
    return true
  }
}

// What the program calls.
extension Scheduler {
  func enqueue(_ commandBuffer: SoftwareCommandBuffer) {
    state.withLock { _ in commandBuffer.queue.lane.append(commandBuffer) }
  }

  func commit(_ commandBuffer: SoftwareCommandBuffer, wasEnqueued: Bool) {
    if commits.add(1) == switches.failSubmission {
      commandBuffer.failure = MTLCommandBufferError(.internal, "Internal Error (0000000e:Internal Error)")
    }
    let needsLeader = state.withLock { state in
      let lane = commandBuffer.queue.lane
      if !wasEnqueued { lane.append(commandBuffer) }
      commandBuffer.isCommitted = true
      if !lane.isListed {
        lane.isListed = true
        state.queues.append(commandBuffer.queue)
      }
      return !state.hasLeader
    }
    work.advance()
    if needsLeader { callForHelp(isUrgent: false) }
  }

  /// A queue that waits for an event may go on.
  func eventChanged() {
    work.advance()
    if state.withLock({ !$0.hasLeader && !$0.queues.isEmpty }) { callForHelp(isUrgent: false) }
  }

  private func callForHelp(isUrgent: Bool = true) {
    let isCalling = state.withLock { state in
      let wasUrgent = state.isUrgent
      state.isUrgent = wasUrgent || isUrgent
      guard state.arriving == 0 else { return state.isUrgent != wasUrgent }
      guard state.resting > 0 else {
        // Any other thread is between two roles, and finds this one.
        if state.threads == state.handling + (state.hasLeader ? 1 : 0) { _ = startThread(&state) }
        return false
      }
      state.resting -= 1
      state.calls += 1
      state.arriving += 1
      return true
    }
    if isCalling { help.advance() }
  }
}

// The threads.
extension Scheduler {
  private func threadMain() {
    var isArriving = true
    while true {
      let role = takeRole(isArriving)
      isArriving = false
      switch role {
      case .lead: lead()
      case .handle(let lane): if callHandlers(of: lane) { lead() }
      case .rest: rest()
      case .stop: return
      }
    }
  }

  /// Until somebody calls for this thread, or for any other that rests.
  private func rest() {
    help.wait(spin: Scheduler.helperSpin) {
      state.withLock { state in
        if state.isStopping { return true }
        guard state.called > 0 else { return false }
        state.called -= 1
        state.arriving -= 1
        return true
      }
    }
  }

  private func takeRole() -> Role {
    state.withLock { state in
      if state.isStopping { return .stop }
      if !state.hasLeader {
        state.hasLeader = true
        return (.lead, !state.lanesToHandle.isEmpty)
      }
      if let lane = state.lanesToHandle.popLast() {
        state.handling += 1
        return (.handle(lane), !state.lanesToHandle.isEmpty)
      }
      state.resting += 1
      return (.rest, false)
    }
    if needsMore { callForHelp() }
    return role
  }

  /// Runs commands until there are handlers to call and nothing else to do.
  private func lead() {
    while true {
      let seen = work.value
      guard let lane = nextLane() else {
        if state.withLock({ $0.isStopping }) { return }
        work.wait(from: seen, spin: Scheduler.leaderSpin)
        continue
      }
      lane.engine.run(runner)
      if let lane = settle(lane) { return callHandlers(of: lane) }
    }
  }

  /// The next queue that has something to run, each in turn; with a seed any of them.
  private func nextLane() -> QueueLane? {
    dawdle()
    let turn = pace?.next() ?? 1
    var idle: [SoftwareCommandQueue] = []
    let (lane, needsHelp) = state.withLock { state in
      rotate(&state.queues, by: turn)
      let lane = feedEngines(&state, &idle)
      return (lane, !state.lanesToHandle.isEmpty)
    }
    if needsHelp { callForHelp() }
    return lane
  }

  private func rotate(_ queues: inout [SoftwareCommandQueue], by turn: UInt64) {
    guard queues.count > 1 else { return }
    let middle = Int(turn % UInt64(queues.count))
    queues = Array(queues[middle...] + queues[..<middle])
  }

  /// Gives the queues' engines what is committed until one can run. Takes queues with nothing left out of the state;
  /// the caller lets go of them outside the lock, since that may be the end of the queue and of its device.
  private func feedEngines(_ state: inout State, _ idle: inout [SoftwareCommandQueue]) -> QueueLane? {
    var index = 0
    while index < state.queues.count {
      let lane = state.queues[index].lane
      lane.feedEngine()
      handOver(lane, &state)
      if lane.engine.canRun { return lane }
      if lane.isIdle {
        lane.isListed = false
        idle.append(state.queues.remove(at: index))
      } else {
        index += 1
      }
    }
    return nil
  }

  /// Asks for a thread that calls the lane's handlers, unless one does or nothing is due.
  private func handOver(_ lane: QueueLane, _ state: inout State) {
    guard lane.hasNotices, !lane.isHandling else { return }
    lane.isHandling = true
    state.lanesToHandle.append(lane)
  }

  /// Takes what has ended out of the engine. Returns the lane when the caller shall call its handlers and leads no more.
  private func settle(_ lane: QueueLane) -> QueueLane? {
    guard lane.engine.hasFinished else { return nil }
    var idle: [SoftwareCommandQueue] = []
    let (handler, needsHelp) = state.withLock { state -> (QueueLane?, Bool) in
      lane.takeFinished()
      if lane.isHandling { return (nil, false) }
      if feedEngines(&state, &idle) != nil {
        handOver(lane, &state)
        return (nil, true)
      }
      lane.isHandling = true
      state.handling += 1
      state.hasLeader = false
      return (lane, !state.lanesToHandle.isEmpty)
    }
    if needsHelp { callForHelp() }
    return handler
  }

  private func callHandlers(of lane: QueueLane) {
    var delay = switches.seed.map { SeededGenerator(seed: $0, mtl_clock_now()) }
    while let notice = nextNotice(of: lane) {
      Scheduler.pause(&delay, atMost: 300_000)
      switch notice {
      case .scheduled(let commandBuffer): commandBuffer.runScheduledHandlers()
      case .ended(let commandBuffer): commandBuffer.finish()
      }
    }
  }

  private func nextNotice(of lane: QueueLane) -> QueueLane.Notice? {
    state.withLock { state in
      let notice = lane.takeNoticeOrStop()
      if notice == nil { state.handling -= 1 }
      return notice
    }
  }

  /// With a seed, lets the program get ahead now and then, so that more work is there to choose from.
  private func dawdle() { Scheduler.pause(&pace, atMost: 100_000) }

  private static func pause(_ generator: inout SeededGenerator?, atMost limit: UInt64) {
    guard generator?.next().isMultiple(of: 4) == true, let length = generator?.next() else { return }
    sleep(nanoseconds: length % limit + 1)
  }
}
