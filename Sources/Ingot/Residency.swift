import Metal
import Synchronization

/// Keeps the allocations of a device wired: what is added is in a residency set from the next submission on.
///
/// Changes are staged in the plan, and each touched set is committed once, right before a submission. What was dropped
/// stays in its set until then, but no longer than a second and no more than 64 MiB. The plan's lock is held for no
/// call of Metal, so memory may be retired on the thread that runs Metal's completed handlers; the locks of slots and
/// sets are taken before it, never after.
final class Residency: @unchecked Sendable {
  // Unchecked: Metal's devices and queues may be used from any thread.

  private struct State {
    var plan: ResidencyPlan
    /// Set while removals wait for a commit.
    var timer: PendingBlock?
    var isTimerUrgent = false
    var wakeUps = 0
  }

  private let sets: QueueSets
  private let limits: ResidencyLimits
  private let time: any TimeSource
  private let state: Mutex<State>
  /// `plan.isTouched`, for a submission that has nothing to do.
  private let isTouched = Atomic<Bool>(false)

  /// nil where the system has no residency sets.
  init?(in sets: QueueSets, limits: ResidencyLimits, time: any TimeSource = .system) {
    self.sets = sets
    self.limits = limits
    self.time = time
    state = Mutex(State(plan: ResidencyPlan(limits: limits, sets: sets)))
    for kind in [ResidencySlot.Kind.other, .pooled] where !begin(kind) {
      close()
      return nil
    }
  }

  private func begin(_ kind: ResidencySlot.Kind) -> Bool {
    guard let slot = state.withLock({ $0.plan.makeSlot(kind) }) else { return false }
    return slot.lock.withLock { _ in
      slot.set = sets.attach(label: Self.label(kind))
      return slot.set != nil
    }
  }

  /// Adds an allocation; often the same one counts.
  func add(_ metal: any MTLBuffer, pooled: Bool = false) {
    let bytes = max(1, metal.allocatedSize)
    let isOverdue = change { state in
      state.plan.add(metal, bytes: bytes, isPooled: pooled)
      return state.plan.isOverdue
    }
    if isOverdue { commitRemovals() }
  }

  /// Takes out an allocation that no buffer, encoder or submission uses any more, if it was added.
  func retire(_ metal: any MTLBuffer) { change { $0.plan.retire(metal) } }

  /// Bytes that are kept wired at most; beyond it memory is counted and waits.
  var budget: Int {
    get { state.withLock { $0.plan.budget } }
    set { change { $0.plan.setBudget(newValue) } }
  }

  /// Applies what is staged, right before a submission; returns whether any set was committed.
  @discardableResult
  func flush() -> Bool {
    guard isTouched.load(ordering: .acquiring) else { return false }
    let slots = change { state in
      state.plan.admitWaiting()
      return state.plan.slots.filter { $0.isTouched || $0.isApplying }
    }
    return slots.count(where: apply) > 0
  }

  /// Lets go of dropped memory at once: for trim, reset and memory pressure.
  func commitRemovals() {
    let slots = state.withLock { $0.plan.slots.filter(\.hasRemovals) }
    for slot in slots { _ = apply(slot) }
  }

  /// Takes all sets off the queue. What is under way there keeps them, so nothing that it uses is taken out.
  func close() {
    commitRemovals()
    let slots = state.withLock { state in
      state.timer?.cancel()
      state.timer = nil
      return state.plan.close()
    }
    for slot in slots {
      slot.lock.withLock { _ in if let set = slot.set { sets.detach(set) } }
    }
  }
}

extension Residency {
  /// Changes the books, and what follows from them.
  @discardableResult
  private func change<Result: Sendable>(_ body: (inout State) -> Result) -> Result {
    state.withLock { state in
      let result = body(&state)
      isTouched.store(state.plan.isTouched, ordering: .releasing)
      setTimer(&state)
      return result
    }
  }

  private func setTimer(_ state: inout State) {
    let isUrgent = state.plan.isOverdue
    if state.timer != nil, state.plan.hasRemovals, isUrgent == state.isTimerUrgent { return }
    state.timer?.cancel()
    state.timer = nil
    guard state.plan.hasRemovals else { return }
    state.isTimerUrgent = isUrgent
    state.timer = time.after(isUrgent ? 0 : limits.removalDelay) { [weak self] in self?.wake() }
  }

  private func wake() {
    state.withLock { state in
      state.wakeUps += 1
      state.timer = nil
    }
    commitRemovals()
  }

  /// Commits a slot's set if anything is to be changed in it; if another thread is at that, waits until it has.
  private func apply(_ slot: ResidencySlot) -> Bool {
    var changes: ResidencyPlan.Changes?
    slot.lock.withLock { _ in
      guard hasSet(slot) else { return }
      changes = change { $0.plan.take(slot) }
      guard let changes, let set = slot.set else { return }
      withAutoreleasePool { set.commit { changes.stage(in: $0) } }
      if change({ $0.plan.finish(slot) }) { sets.detach(set) }
    }
    // Here at last dropped memory goes, outside of the locks.
    return changes != nil
  }

  /// Makes the set of a slot that has none yet.
  private func hasSet(_ slot: ResidencySlot) -> Bool {
    guard slot.set == nil else { return true }
    guard state.withLock({ _ in slot.isTouched }) else { return false }
    slot.set = sets.attach(label: Self.label(slot.kind))
    if slot.set == nil { change { $0.plan.giveUp(slot) } }
    return slot.set != nil
  }

  private static func label(_ kind: ResidencySlot.Kind) -> String {
    switch kind {
    case .pooled: "ingot pooled"
    case .other: "ingot"
    case .large: "ingot large"
    }
  }
}

/// What is resident, staged changes included.
struct ResidencyCounts: Sendable {
  var members = 0
  var bytes = 0
  /// Beyond the budget, or for want of a set.
  var unwired = 0
  var unwiredBytes = 0
  /// How often a timer of residency ran.
  var wakeUps = 0
}

extension Residency {
  var counts: ResidencyCounts {
    state.withLock { state in
      ResidencyCounts(
        members: state.plan.wiredCount, bytes: state.plan.wiredBytes, unwired: state.plan.waitingCount,
        unwiredBytes: state.plan.waitingBytes, wakeUps: state.wakeUps)
    }
  }
}
