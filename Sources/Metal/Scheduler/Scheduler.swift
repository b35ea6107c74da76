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
  private static let patience: UInt64 = 2_000

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
    /// Threads that nobody has called, calls that no thread has answered, threads called or started and without a
    /// role yet.
    var resting = 0
    var called = 0
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
    if needsLeader, !leaderComesBack() { callForHelp() }
  }

  /// Who calls handlers usually leads again in less time than it takes to wake somebody else.
  private func leaderComesBack() -> Bool {
    let end = mtl_clock_now() + Scheduler.patience
    repeat {
      if state.withLock({ $0.hasLeader }) { return true }
    } while mtl_clock_now() < end
    return false
  }

  /// A queue that waits for an event may go on.
  func eventChanged() {
    work.advance()
    if state.withLock({ !$0.hasLeader && !$0.queues.isEmpty }) { callForHelp() }
  }

  /// Wakes or starts a thread for each role that nobody has and nobody is on the way to.
  private func callForHelp() {
    let calls = state.withLock { state in
      var calls = 0
      while state.arriving < state.openRoles {
        if state.resting > 0 {
          state.resting -= 1
          state.called += 1
          state.arriving += 1
          calls += 1
        } else if !startThread(&state) {
          break
        }
      }
      return calls
    }
    if calls > 0 { help.advance(waking: calls) }
  }
}

// The threads.
extension Scheduler {
  private func threadMain() {
    state.withLock { $0.arriving -= 1 }
    while true {
      switch takeRole() {
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
        return .lead
      }
      if let lane = state.lanesToHandle.popLast() { return .handle(lane) }
      state.resting += 1
      return .rest
    }
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
      if let lane = settle(lane), !callHandlers(of: lane) { return }
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
      // Before other lanes are looked at, so that this one is not handed over as well.
      lane.isHandling = true
      if feedEngines(&state, &idle) != nil {
        state.lanesToHandle.append(lane)
        return (nil, true)
      }
      state.hasLeader = false
      return (lane, !state.lanesToHandle.isEmpty)
    }
    if needsHelp { callForHelp() }
    return handler
  }

  /// Returns whether the caller leads afterwards.
  private func callHandlers(of lane: QueueLane) -> Bool {
    var delay = switches.seed.map { SeededGenerator(seed: $0, mtl_clock_now()) }
    var leads = false
    while let notice = nextNotice(of: lane, &leads) {
      Scheduler.pause(&delay, atMost: 300_000)
      switch notice {
      case .scheduled(let commandBuffer): commandBuffer.runScheduledHandlers()
      case .ended(let commandBuffer):
        commandBuffer.runCompletedHandlers()
        commandBuffer.releaseResources()
        // Before those who wait go on: what they commit next finds a leader that is awake.
        leads = takeLead()
        commandBuffer.finish()
      }
    }
    return leads
  }

  /// What handlers are to be told next, by a thread that does not lead.
  private func nextNotice(of lane: QueueLane, _ leads: inout Bool) -> QueueLane.Notice? {
    let led = leads
    let (notice, needsHelp) = state.withLock { state -> (QueueLane.Notice?, Bool) in
      guard let notice = lane.takeNoticeOrStop() else { return (nil, false) }
      if led { state.hasLeader = false }
      return (notice, led && state.openRoles > 0)
    }
    if notice != nil { leads = false }
    if needsHelp { callForHelp() }
    return notice
  }

  private func takeLead() -> Bool {
    state.withLock { state in
      let isFree = !state.hasLeader
      if isFree { state.hasLeader = true }
      return isFree
    }
  }

  /// With a seed, lets the program get ahead now and then, so that more work is there to choose from.
  private func dawdle() { Scheduler.pause(&pace, atMost: 100_000) }

  private static func pause(_ generator: inout SeededGenerator?, atMost limit: UInt64) {
    guard generator?.next().isMultiple(of: 4) == true, let length = generator?.next() else { return }
    sleep(nanoseconds: length % limit + 1)
  }
}
