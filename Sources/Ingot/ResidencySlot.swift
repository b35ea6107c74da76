import Metal
import Synchronization

/// One allocation in the plan of residency; used only under the plan's lock.
final class ResidencyMember: @unchecked Sendable {
  /// nil when it was retired.
  var metal: (any MTLBuffer)?
  let bytes: Int
  let isPooled: Bool
  /// How often it was added: a foreign buffer can be adopted twice.
  var uses = 1
  /// nil while it waits.
  fileprivate(set) weak var slot: ResidencySlot?
  fileprivate var isStaged = false
  /// In one of its slot's two lists.
  fileprivate var index = 0
  /// Whether the line of those who wait has it, and whether that means nothing any more.
  fileprivate var isInLine = false
  fileprivate var hasLeft = false

  init(_ metal: any MTLBuffer, bytes: Int, isPooled: Bool) {
    self.metal = metal
    self.bytes = bytes
    self.isPooled = isPooled
  }
}

/// A place on the queue for one residency set, and what is or will be in it; used only under the plan's lock, but for
/// `set`, which is under `lock`.
final class ResidencySlot: @unchecked Sendable {
  enum Kind { case pooled, other, large }

  let kind: Kind
  /// Whether it stays when it is empty.
  let stays: Bool
  private(set) var bytes = 0
  private var members: [ResidencyMember] = []
  private var staged: [ResidencyMember] = []
  private var removals: [any MTLBuffer] = []
  private var removalBytes = 0
  /// Whether anything was added or removed since it was taken last, even if nothing of it is left.
  private(set) var isTouched = false
  /// Whether what was taken is not in the set yet.
  var isApplying = false

  /// Held from taking changes until they are committed, so that they are applied in the order in which they were made.
  let lock = Mutex(())
  var set: AttachedSet?

  init(_ kind: Kind, stays: Bool) {
    self.kind = kind
    self.stays = stays
  }

  var count: Int { members.count + staged.count }
  var newest: ResidencyMember? { staged.last ?? members.last }
  var hasRemovals: Bool { !removals.isEmpty }

  func stage(_ member: ResidencyMember) {
    append(member, to: &staged, isStaged: true)
    member.slot = self
    bytes += member.bytes
    isTouched = true
  }

  /// Takes a member out; returns whether the set holds it until its next commit.
  func remove(_ member: ResidencyMember) -> Bool {
    let wasInSet = !member.isStaged
    if wasInSet { take(member, out: &members) } else { take(member, out: &staged) }
    member.slot = nil
    bytes -= member.bytes
    isTouched = true
    if wasInSet, let metal = member.metal {
      removals.append(metal)
      removalBytes += member.bytes
    }
    return wasInSet
  }

  /// What is to be done to the set, and the bytes of what leaves it.
  func take() -> (changes: ResidencyPlan.Changes, removed: Int) {
    let changes = ResidencyPlan.Changes(removals: removals, additions: staged.compactMap(\.metal))
    for member in staged { append(member, to: &members, isStaged: false) }
    defer { (staged, removals, removalBytes) = ([], [], 0) }
    (isTouched, isApplying) = (false, true)
    return (changes, removalBytes)
  }

  /// There is no set for it.
  func giveUp() { isTouched = false }

  private func append(_ member: ResidencyMember, to list: inout [ResidencyMember], isStaged: Bool) {
    member.isStaged = isStaged
    member.index = list.count
    list.append(member)
  }

  /// The last one takes its place.
  private func take(_ member: ResidencyMember, out list: inout [ResidencyMember]) {
    guard let last = list.popLast(), last !== member else { return }
    list[member.index] = last
    last.index = member.index
  }
}

/// What is not wired, those that have waited longest first.
struct WaitingLine {
  /// With some that have left: to take out each at once would take as long as the line.
  private var line: [ResidencyMember] = []
  private(set) var count = 0
  private(set) var bytes = 0

  mutating func append(_ member: ResidencyMember) {
    if member.isInLine { line.removeAll { $0 === member } }
    (member.isInLine, member.hasLeft) = (true, false)
    line.append(member)
    count += 1
    bytes += member.bytes
  }

  /// Says that a member was let in, or is to be forgotten.
  mutating func left(_ member: ResidencyMember) {
    member.hasLeft = true
    count -= 1
    bytes -= member.bytes
    guard line.count > 2 * count else { return }
    for member in line where member.hasLeft { member.isInLine = false }
    line.removeAll(where: \.hasLeft)
  }

  func first(_ number: Int) -> [ResidencyMember] {
    Array(line.lazy.filter { !$0.hasLeft }.prefix(number))
  }
}
