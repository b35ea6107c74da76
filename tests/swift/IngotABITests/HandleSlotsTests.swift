import Testing

@testable import IngotABI

/// The memory of the handle table, where a slot can be used up in no time.
struct HandleSlotsTests {
  final class Thing: Sendable {}

  private func add(_ slots: inout HandleSlots, _ kind: HandleKind = .buffer) throws -> Handle {
    let handle = slots.insert(Unmanaged.passRetained(Thing()), kind: kind)
    return try #require(handle)
  }

  private func remove(_ slots: inout HandleSlots, _ handle: Handle, _ kind: HandleKind = .buffer) throws {
    try slots.remove(handle, kind: kind).release()
  }

  @Test func aHandleHasSlotGenerationAndKind() {
    let handle = Handle(slot: 0xdead_beef, generation: 0x03bc_def1, kind: .encoder)
    #expect(handle.slot == 0xdead_beef)
    #expect(handle.generation == 0x03bc_def1)
    #expect(handle.kind == HandleKind.encoder.rawValue)
    #expect(Handle(handle.pointer).bits == handle.bits)
  }

  @Test func aUsedUpSlotIsNeverHandedOutAgain() throws {
    var slots = HandleSlots(capacity: 1, lastGeneration: 3)
    var seen: Set<UInt64> = []
    for _ in 0..<20 {
      let handle = try add(&slots)
      #expect(seen.insert(handle.bits).inserted)
      try remove(&slots, handle)
    }
    // Three generations a slot: twenty handles take seven slots.
    #expect(Set(seen.map { UInt32(truncatingIfNeeded: $0) }) == Set(0...6))
    for bits in seen {
      #expect(reason(slots, Handle(OpaquePointer(bitPattern: UInt(bits)))) == "stale")
    }
    let left = slots.count
    #expect(left == 0)
  }

  @Test func slotsGrowAndKeepWhatTheyHold() throws {
    var slots = HandleSlots(capacity: 2)
    let handles = try (0..<1000).map { _ in try add(&slots) }
    let count = slots.count
    #expect(count == 1000)
    #expect(Set(handles.map(\.bits)).count == 1000)
    for handle in handles {
      let object = try slots.object(handle, kind: .buffer).takeUnretainedValue()
      #expect(object is Thing)
      try remove(&slots, handle)
    }
    let left = slots.count
    #expect(left == 0)
  }

  @Test func refusalsSayWhy() throws {
    var slots = HandleSlots()
    let handle = try add(&slots, .kernel)
    #expect(reason(slots, Handle(nil)) == "null")
    #expect(reason(slots, handle) == "otherKind(4)")
    #expect(reason(slots, Handle(slot: 99, generation: 1, kind: .buffer)) == "stale")
    #expect(reason(slots, Handle(slot: handle.slot, generation: handle.generation, kind: .buffer)) == "stale")
    try remove(&slots, handle, .kernel)
    #expect(reason(slots, handle, .kernel) == "stale")
  }

  private func reason(_ slots: borrowing HandleSlots, _ handle: Handle, _ kind: HandleKind = .buffer)
    -> String
  {
    do {
      _ = try slots.object(handle, kind: kind)
      return "none"
    } catch {
      return "\(error.reason)"
    }
  }
}
