import Metal
import Synchronization

/// Which memory the allocations of a device are: no bytes and no `MTLBuffer` may become two, because Metal orders what is
/// done to one buffer, and not what is done to two of the same memory.
final class MemoryPlaces: Sendable {
  private final class Place: @unchecked Sendable {
    // Unchecked: used under the lock.

    /// nil where the host cannot reach it.
    let bytes: Range<UInt>?
    let metal: ObjectIdentifier
    private(set) weak var allocation: Allocation?
    weak var storage: Storage?

    init(of allocation: Allocation) {
      bytes = allocation.contents.map {
        UInt(bitPattern: $0)..<UInt(bitPattern: $0) + UInt(allocation.length)
      }
      metal = ObjectIdentifier(allocation.metal)
      self.allocation = allocation
    }
  }

  /// An allocation that is there, and what was last handed out of the whole of it, if that is there, too.
  struct Found {
    let allocation: Allocation
    let storage: Storage?
    let bytes: Range<UInt>?

    var isImported: Bool { allocation.origin != nil }
  }

  /// One at a time looks for memory and then makes an allocation of it. Held during calls of Metal, unlike the other.
  let importing = Mutex<Void>(())
  private let places = Mutex<[ObjectIdentifier: Place]>([:])

  private struct Weak {
    weak var places: MemoryPlaces?
  }

  /// Those of all device objects of the process.
  private static let everywhere = Mutex<[ObjectIdentifier: Weak]>([:])

  init() { Self.everywhere.withLock { $0[ObjectIdentifier(self)] = Weak(places: self) } }

  deinit { Self.everywhere.withLock { $0[ObjectIdentifier(self)] = nil } }

  /// The allocation of a Metal buffer that another device object has.
  func findElsewhere(_ metal: any MTLBuffer) -> Found? {
    let others = Self.everywhere.withLock { $0.values.compactMap(\.places) }
    return others.lazy.filter { $0 !== self }.compactMap { $0.find(metal) }.first
  }

  func add(_ allocation: Allocation) {
    let place = Place(of: allocation)
    places.withLock { $0[ObjectIdentifier(allocation)] = place }
  }

  func remove(_ allocation: Allocation) {
    _ = places.withLock { $0.removeValue(forKey: ObjectIdentifier(allocation)) }
  }

  /// Says that the storage has all of the allocation.
  func settle(_ storage: Storage, in allocation: Allocation) {
    places.withLock { $0[ObjectIdentifier(allocation)]?.storage = storage }
  }

  /// How many allocations there are.
  var count: Int { places.withLock { $0.count } }

  /// What has one of these bytes.
  func overlapping(_ bytes: Range<UInt>) -> [Found] {
    find { $0.bytes?.overlaps(bytes) ?? false }
  }

  /// The allocation of a Metal buffer.
  func find(_ metal: any MTLBuffer) -> Found? {
    find { $0.metal == ObjectIdentifier(metal) }.first
  }

  /// What it returns must be let go of outside of the lock, for that may end an allocation.
  private func find(where isWanted: (Place) -> Bool) -> [Found] {
    places.withLock { places in
      var found: [Found] = []
      for place in places.values where isWanted(place) {
        guard let allocation = place.allocation else { continue }
        found.append(Found(allocation: allocation, storage: place.storage, bytes: place.bytes))
      }
      return found
    }
  }
}
