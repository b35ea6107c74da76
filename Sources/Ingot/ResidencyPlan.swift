import Metal
import Synchronization

/// Which allocation is in which residency set: the books only, no call of Metal.
///
/// Sets are filled first fit, pooled and other memory apart. What is beyond the budget or finds no set waits, and is
/// let in when something has gone: at each submission the 64 that have waited longest are looked at. The first set of
/// each kind stays when it is empty.
struct ResidencyPlan {
  /// What is to be done to one set, all at once.
  struct Changes: @unchecked Sendable {
    // Unchecked: whoever takes them is the only one who has them.
    let removals: [any MTLBuffer]
    let additions: [any MTLBuffer]

    /// Removals first, so that the set never has more than it must.
    func stage(in set: any MTLResidencySet) {
      if !removals.isEmpty { set.removeAllocations(removals) }
      if !additions.isEmpty { set.addAllocations(additions) }
    }
  }

  private let limits: ResidencyLimits
  private let sets: QueueSets
  private var members: [ObjectIdentifier: ResidencyMember] = [:]
  private var waiting = WaitingLine()
  /// Whether something has gone since the waiting ones were looked at.
  private var hasNewRoom = false
  private var isClosed = false
  private static let lookedAt = 64

  private(set) var budget: Int
  private(set) var slots: [ResidencySlot] = []
  private(set) var wiredCount = 0
  private(set) var wiredBytes = 0
  /// What sets still hold though it was dropped.
  private(set) var removalBytes = 0

  init(limits: ResidencyLimits, sets: QueueSets) {
    self.limits = limits
    self.sets = sets
    budget = limits.budget
  }

  var waitingCount: Int { waiting.count }
  var waitingBytes: Int { waiting.bytes }
  /// Whether the next submission has something to do, or to wait for.
  var isTouched: Bool {
    (hasNewRoom && waiting.count > 0) || slots.contains { $0.isTouched || $0.isApplying }
  }
  var hasRemovals: Bool { removalBytes > 0 }
  var isOverdue: Bool { removalBytes > limits.removalBytes }
}

// Memory comes and goes.
extension ResidencyPlan {
  mutating func add(_ metal: any MTLBuffer, bytes: Int, isPooled: Bool) {
    guard !isClosed else { return }
    if let known = members[ObjectIdentifier(metal)] {
      known.uses += 1
      return
    }
    let member = ResidencyMember(metal, bytes: bytes, isPooled: isPooled)
    members[ObjectIdentifier(metal)] = member
    if !admit(member) { waiting.append(member) }
  }

  /// Takes out what nobody uses any more.
  mutating func retire(_ metal: any MTLBuffer) {
    guard let member = members[ObjectIdentifier(metal)] else { return }
    member.uses -= 1
    guard member.uses == 0 else { return }
    members[ObjectIdentifier(metal)] = nil
    if let slot = member.slot { remove(member, from: slot) } else { waiting.left(member) }
    member.metal = nil
  }

  /// Lets in what has room now.
  mutating func admitWaiting() {
    guard hasNewRoom, waiting.count > 0 else { return }
    hasNewRoom = false
    for member in waiting.first(Self.lookedAt) where admit(member) {
      waiting.left(member)
      hasNewRoom = true
    }
  }

  mutating func setBudget(_ bytes: Int) {
    budget = bytes
    hasNewRoom = true
    for slot in slots.reversed() {
      while wiredBytes > budget, let member = slot.newest {
        remove(member, from: slot)
        waiting.append(member)
      }
    }
  }

  private mutating func admit(_ member: ResidencyMember) -> Bool {
    guard member.bytes <= budget - wiredBytes, let slot = slot(for: member) else { return false }
    slot.stage(member)
    wiredCount += 1
    wiredBytes += member.bytes
    return true
  }

  private mutating func remove(_ member: ResidencyMember, from slot: ResidencySlot) {
    if slot.remove(member) { removalBytes += member.bytes }
    wiredCount -= 1
    wiredBytes -= member.bytes
    hasNewRoom = true
  }
}

// Sets come and go.
extension ResidencyPlan {
  private mutating func slot(for member: ResidencyMember) -> ResidencySlot? {
    if member.bytes > limits.setBytes { return makeSlot(.large) }
    let kind = member.isPooled ? ResidencySlot.Kind.pooled : .other
    let fitting = slots.first {
      $0.kind == kind && $0.bytes + member.bytes <= limits.setBytes && $0.count < limits.setMembers
    }
    return fitting ?? makeSlot(kind)
  }

  mutating func makeSlot(_ kind: ResidencySlot.Kind) -> ResidencySlot? {
    guard sets.takePlace() else { return nil }
    let stays = kind != .large && !slots.contains { $0.kind == kind }
    let slot = ResidencySlot(kind, stays: stays)
    slots.append(slot)
    return slot
  }

  /// What is to be done to a set; nil if that is nothing. `finish` follows.
  mutating func take(_ slot: ResidencySlot) -> Changes? {
    guard slot.isTouched else { return nil }
    let (changes, bytes) = slot.take()
    removalBytes -= bytes
    return changes
  }

  /// Says that it was done; returns whether the set is needed no more.
  mutating func finish(_ slot: ResidencySlot) -> Bool {
    slot.isApplying = false
    guard slot.count == 0, !slot.isTouched, !slot.stays else { return false }
    slots.removeAll { $0 === slot }
    hasNewRoom = true
    return true
  }

  /// The system has no set for a slot, so nothing is in it yet: what was to be waits.
  mutating func giveUp(_ slot: ResidencySlot) {
    slots.removeAll { $0 === slot }
    while let member = slot.newest {
      remove(member, from: slot)
      waiting.append(member)
    }
    slot.giveUp()
    // Until something goes it would be the same again.
    hasNewRoom = false
  }

  /// Forgets all; returns what there was.
  mutating func close() -> [ResidencySlot] {
    isClosed = true
    members = [:]
    waiting = WaitingLine()
    (wiredCount, wiredBytes, removalBytes) = (0, 0, 0)
    defer { slots = [] }
    return slots
  }
}
