// The memory of the handle table: slots that are reused, each time under a new generation.

/// Not thread-safe: the table's lock guards it.
struct HandleSlots: ~Copyable, @unchecked Sendable {
  private struct Slot {
    /// The owned object; nil in a free slot.
    var object: Unmanaged<any HandleTable.Object>?
    var generation: UInt32
    /// In a free slot the next free one, plus 1.
    var nextFree: UInt32
    var kind: UInt8
  }

  // Plain memory: no bounds checks twice, no reference counts on the path of a dispatch.
  private var slots: UnsafeMutablePointer<Slot>
  private var capacity: Int
  private var used = 0
  private var firstFree: UInt32 = 0
  private(set) var count = 0
  private let lastGeneration: UInt32

  init(capacity: Int = 256, lastGeneration: UInt32 = Handle.lastGeneration) {
    self.capacity = capacity
    self.lastGeneration = lastGeneration
    slots = .allocate(capacity: capacity)
  }

  deinit { slots.deallocate() }

  mutating func insert(_ object: Unmanaged<any HandleTable.Object>, kind: HandleKind) -> Handle? {
    guard let index = takeFreeSlot() else { return nil }
    slots[index].object = object
    slots[index].kind = kind.rawValue
    count += 1
    return Handle(slot: UInt32(index), generation: slots[index].generation, kind: kind)
  }

  @inline(__always)
  func object(_ handle: Handle, kind: HandleKind) throws(HandleError) -> Unmanaged<any HandleTable.Object> {
    guard handle.kind == kind.rawValue else {
      throw HandleError(reason: handle.bits == 0 ? .null : .otherKind(handle.kind), wanted: kind)
    }
    guard handle.slot < used else { throw HandleError(reason: .stale, wanted: kind) }
    let slot = slots + Int(handle.slot)
    guard slot.pointee.generation == handle.generation, slot.pointee.kind == handle.kind,
      let object = slot.pointee.object
    else { throw HandleError(reason: .stale, wanted: kind) }
    return object
  }

  mutating func remove(_ handle: Handle, kind: HandleKind) throws(HandleError) -> Unmanaged<
    any HandleTable.Object
  > {
    let object = try object(handle, kind: kind)
    let index = Int(handle.slot)
    slots[index].object = nil
    count -= 1
    // A slot whose generations are used up is never handed out again, so no handle ever comes back.
    guard slots[index].generation < lastGeneration else { return object }
    slots[index].generation += 1
    slots[index].nextFree = firstFree
    firstFree = UInt32(index + 1)
    return object
  }

  private mutating func takeFreeSlot() -> Int? {
    if firstFree != 0 {
      let index = Int(firstFree) - 1
      firstFree = slots[index].nextFree
      return index
    }
    guard used < UInt32.max else { return nil }
    if used == capacity { grow() }
    (slots + used).initialize(to: Slot(object: nil, generation: 1, nextFree: 0, kind: 0))
    used += 1
    return used - 1
  }

  private mutating func grow() {
    let larger = UnsafeMutablePointer<Slot>.allocate(capacity: capacity * 2)
    larger.moveInitialize(from: slots, count: used)
    slots.deallocate()
    slots = larger
    capacity *= 2
  }
}
