import Metal
import Synchronization

/// Memory that the user keeps resident (`MTLResidencySet`), besides what Ingot keeps by itself.
///
///     let set = try device.residencySet(label: "weights")
///     try set.add(layers)
///     set.withResidency { ... }
///
/// Changes are staged until `commit()`; `count` and `contains` see them at once, `allocatedBytes` after the commit. It
/// is attached to the device's queues as long as it exists, and works where the automatic residency is off, too. It
/// holds whole allocations: of a buffer from a pool that is the memory around it as well. What is in it stays allocated,
/// whatever becomes of the buffer, until it is removed and that is committed. It may be used from any thread.
public final class ResidencySet: Sendable {
  public let device: Device
  public let label: String

  private let attached: AttachedSet
  private let capacity: Int
  /// The lock is held during the calls of Metal that change the set: both change together.
  private let contents = Mutex(Contents())

  /// Metal ends the process at 262,144 allocations; what is staged for removal may still count.
  public static let capacity = 131_072

  init(device: Device, label: String?, capacity: Int = ResidencySet.capacity) throws(IngotError) {
    self.device = device
    self.capacity = capacity
    self.label = label ?? ""
    attached = try device.sets.attachOwn(label: label ?? "ingot user")
    LiveObjects.Counters.residencySets.increment()
  }

  deinit {
    device.sets.detach(attached)
    LiveObjects.Counters.residencySets.decrement()
  }
}

// Changes.
extension ResidencySet {
  /// Stages the memory of buffers (`addAllocations`); what is in already is left alone.
  ///
  /// Throws `.argument` for another device's buffer and beyond what a set can hold; then nothing is added.
  public func add(_ buffers: [Buffer]) throws(IngotError) {
    let claims = try claims(of: buffers)
    try contents.withLock { (contents) throws(IngotError) in
      let total = contents.total + contents.count(ofNewIn: claims)
      guard total <= capacity else { throw tooMany(total) }
      let new = claims.filter { contents.insert($0) }.map(\.metal)
      withAutoreleasePool { attached.withMetal { $0.addAllocations(new) } }
    }
  }

  private func tooMany(_ total: Int) -> IngotError {
    .argument(
      "\(self) would hold \(total) allocations, with those that are staged for"
        + " removal; a set takes \(capacity). Commit, use another set, or give small buffers a pool")
  }

  public func add(_ buffers: Buffer...) throws(IngotError) { try add(buffers) }

  /// Stages the removal of what was added of these buffers' memory (`removeAllocations`); what is not in is left out.
  ///
  /// An allocation that several storages share, as a pool's slab, goes with the last of them that was added. Throws
  /// `.argument` for another device's buffer.
  public func remove(_ buffers: [Buffer]) throws(IngotError) {
    let claims = try claims(of: buffers)
    contents.withLock { contents in
      let gone = claims.filter { contents.remove($0) }.map(\.metal)
      withAutoreleasePool { attached.withMetal { $0.removeAllocations(gone) } }
    }
  }

  public func remove(_ buffers: Buffer...) throws(IngotError) { try remove(buffers) }

  /// Stages the removal of everything (`removeAllAllocations`).
  public func clear() {
    contents.withLock { contents in
      contents.clear()
      withAutoreleasePool { attached.withMetal { $0.removeAllAllocations() } }
    }
  }

  /// Applies what is staged (`MTLResidencySet.commit`).
  public func commit() {
    contents.withLock { contents in
      withAutoreleasePool { attached.commit() }
      contents.removed = 0
    }
  }
}

// Residency, and what is in it.
extension ResidencySet {
  /// Has Metal make resident now what was committed (`requestResidency`), and keep it so until `end()`.
  ///
  /// Without it that happens with the next submission. It is requested again while the device is idle: `Device.keepAlive`.
  public func request() {
    withAutoreleasePool { attached.request() }
    device.keeper.requested()
  }

  /// Takes the request back (`endResidency`).
  public func end() { withAutoreleasePool { attached.end() } }

  /// Commits and requests, runs `body`, and ends.
  public func withResidency<Result, E: Error>(_ body: () throws(E) -> Result) throws(E) -> Result {
    commit()
    request()
    defer { end() }
    return try body()
  }

  /// Allocations in it, with what is staged (`allocationCount`).
  public var count: Int { attached.withMetal { $0.allocationCount } }

  /// Bytes of its allocations as of the last commit (`allocatedSize`).
  public var allocatedBytes: Int { attached.withMetal { Int(clamping: $0.allocatedSize) } }

  /// Whether the memory of a buffer is in it, with what is staged (`containsAllocation`).
  public func contains(_ buffer: Buffer) -> Bool {
    guard buffer.deviceID == device.id, let metal = try? buffer.allocation else { return false }
    return attached.withMetal { $0.containsAllocation(metal) }
  }

  /// All or none.
  private func claims(of buffers: [Buffer]) throws(IngotError) -> [Claim] {
    var claims: [Claim] = []
    for buffer in buffers {
      guard buffer.deviceID == device.id else {
        throw .argument("\(buffer) is another device's; the set is one of \(device.name) number \(device.id)")
      }
      try claims.append(Claim(metal: buffer.allocation, storage: buffer.storageID))
    }
    return claims
  }
}

extension ResidencySet: CustomStringConvertible {
  public var description: String {
    "ResidencySet(\(label.isEmpty ? "" : "'\(label)', ")\(count) allocations, \(allocatedBytes) bytes)"
  }
}

extension Buffer {
  /// What its memory is a part of.
  fileprivate var allocation: any MTLBuffer {
    get throws(IngotError) { try storage.hold().allocation.metal }
  }
}

/// The memory that a buffer stands for.
private struct Claim: @unchecked Sendable {
  // Unchecked: Metal's buffer is only handed on.
  let metal: any MTLBuffer
  let storage: UInt64
}

/// What was added of each allocation.
private struct Contents {
  private struct Entry {
    let claim: Claim
    var storages: Set<UInt64>
  }

  private var entries: [ObjectIdentifier: Entry] = [:]
  /// Allocations that the set holds although they were removed, until it is committed.
  var removed = 0

  /// Allocations that the set holds.
  var total: Int { entries.count + removed }

  /// How many allocations would be new.
  func count(ofNewIn claims: [Claim]) -> Int {
    Set(claims.lazy.map { ObjectIdentifier($0.metal) }.filter { entries[$0] == nil }).count
  }

  /// Whether it was not in before.
  mutating func insert(_ claim: Claim) -> Bool {
    let isNew = entries[ObjectIdentifier(claim.metal)] == nil
    entries[ObjectIdentifier(claim.metal), default: Entry(claim: claim, storages: [])]
      .storages.insert(claim.storage)
    return isNew
  }

  /// Whether it is in no more.
  mutating func remove(_ claim: Claim) -> Bool {
    let id = ObjectIdentifier(claim.metal)
    guard entries[id]?.storages.remove(claim.storage) != nil else { return false }
    guard entries[id]?.storages.isEmpty == true else { return false }
    entries[id] = nil
    removed += 1
    return true
  }

  mutating func clear() {
    removed += entries.count
    entries = [:]
  }
}
