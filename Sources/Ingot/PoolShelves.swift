/// A pool's allocations, by class and by age. No lock and no call of Metal: `PoolCore` has the one and makes the other.
///
/// A unit is one allocation: a block, or a slab of many. Units with a free block are on the shelf of their class, where
/// what came back last is taken first, because it may still be in the processor's cache. Units with no block in use are
/// cached, and in a chain by age too. Everything is in a number of steps that does not depend on how many there are.
struct PoolShelves: Sendable {
  fileprivate struct Unit: Sendable {
    var shelf = 0
    /// Of a block.
    var capacity = 0
    var blocks = 0
    var used = 0
    /// Blocks of a slab from here on were never used.
    var fresh = 0
    /// Blocks of a slab that came back.
    var returned: [UInt16] = []
    var cachedSince: UInt64 = 0
    nonisolated(unsafe) var unmanaged: Unmanaged<Allocation>?
  }

  private var units: [Unit] = []
  /// Of each unit.
  private var allocations: [Allocation?] = []
  private var vacant: [Int] = []
  private var shelves = [Chain](repeating: Chain(), count: SizeClass.count)
  private var shelfLinks: [Chain.Link] = []
  /// The longest unused first.
  private var cached = Chain()
  private var ageLinks: [Chain.Link] = []
  var counts = PoolStatistics()

  /// Which block: of which unit, and where in its allocation, which stays as long as a block of it is in use.
  struct Place: @unchecked Sendable {
    // Unchecked: no reference is counted here, which would take longer than all the rest.
    let unit: Int
    let offset: Int
    let allocation: Unmanaged<Allocation>
    let isWhole: Bool
  }

  /// A free block of a class, which is in use from now on.
  mutating func take(_ shelf: Int) -> Place? {
    let unit = shelves[shelf].first
    guard unit >= 0, let allocation = units[unit].unmanaged else { return nil }
    if units[unit].used == 0 { uncache(unit) }
    let offset = units[unit].take()
    if units[unit].isFull { shelves[shelf].remove(unit, &shelfLinks) }
    counts.take(units[unit].capacity)
    return Place(
      unit: unit, offset: offset, allocation: allocation, isWhole: units[unit].blocks == 1)
  }

  /// A block is not in use any more.
  mutating func put(_ unit: Int, offset: Int, now: UInt64) {
    let wasFull = units[unit].isFull
    units[unit].put(offset)
    counts.put(units[unit].capacity)
    let shelf = units[unit].shelf
    if units[unit].used == 0 {
      // Slabs that are partly in use are taken from first, so that the others can leave.
      if units[unit].blocks > 1 {
        shelves[shelf].remove(unit, &shelfLinks)
        shelves[shelf].append(unit, &shelfLinks)
      } else {
        shelves[shelf].prepend(unit, &shelfLinks)
      }
      cache(unit, now)
    } else if wasFull {
      shelves[shelf].prepend(unit, &shelfLinks)
    }
  }

  /// A new allocation of a class, with no block in use.
  mutating func insert(_ allocation: Allocation, _ shelf: Int, capacity: Int, now: UInt64) {
    let unit = vacant.popLast() ?? grow()
    let blocks = SizeClass.isSlabs(shelf) ? allocation.length / capacity : 1
    allocations[unit] = allocation
    units[unit] = Unit(
      shelf: shelf, capacity: capacity, blocks: blocks, unmanaged: .passUnretained(allocation))
    counts.freeBytes += capacity * blocks
    counts.freeBlocks += blocks
    shelves[shelf].prepend(unit, &shelfLinks)
    cache(unit, now)
  }

  /// Takes out the unit that is unused for the longest time; nil if all are in use.
  mutating func removeOldest() -> Allocation? {
    let unit = cached.first
    guard unit >= 0 else { return nil }
    uncache(unit)
    shelves[units[unit].shelf].remove(unit, &shelfLinks)
    counts.freeBytes -= units[unit].capacity * units[unit].blocks
    counts.freeBlocks -= units[unit].blocks
    units[unit] = Unit()
    vacant.append(unit)
    defer { allocations[unit] = nil }
    return allocations[unit]
  }

  /// Since when the unit is cached that is so for the longest time.
  var oldest: UInt64? { cached.first < 0 ? nil : units[cached.first].cachedSince }

  /// Takes out the longest unused units until no more than `bytes` are cached.
  mutating func trim(to bytes: Int, _ removed: inout [Allocation]) {
    while counts.cachedBytes > bytes, let allocation = removeOldest() { removed.append(allocation) }
  }

  /// Takes out the unit that came back just now, if that alone is beyond `bytes`: nothing else need go for it.
  mutating func trimNewest(beyond bytes: Int, _ removed: inout [Allocation]) {
    guard cached.last >= 0, units[cached.last].length > bytes else { return }
    let unit = cached.last
    cached.remove(unit, &ageLinks)
    cached.prepend(unit, &ageLinks)
    if let allocation = removeOldest() { removed.append(allocation) }
  }

  private mutating func grow() -> Int {
    units.append(Unit())
    allocations.append(nil)
    shelfLinks.append(Chain.Link())
    ageLinks.append(Chain.Link())
    return units.count - 1
  }

  private mutating func cache(_ unit: Int, _ now: UInt64) {
    units[unit].cachedSince = now
    cached.append(unit, &ageLinks)
    counts.cachedBytes += units[unit].length
  }

  private mutating func uncache(_ unit: Int) {
    cached.remove(unit, &ageLinks)
    counts.cachedBytes -= units[unit].length
  }
}

extension PoolShelves.Unit {
  var isFull: Bool { used == blocks }
  var length: Int { capacity * blocks }

  fileprivate mutating func take() -> Int {
    used += 1
    if blocks == 1 { return 0 }
    if let block = returned.popLast() { return Int(block) * capacity }
    fresh += 1
    return (fresh - 1) * capacity
  }

  fileprivate mutating func put(_ offset: Int) {
    used -= 1
    if blocks > 1 { returned.append(UInt16(truncatingIfNeeded: offset / capacity)) }
  }
}

/// A list of numbers, linked in both directions; each is in it once at most. -1 is none.
struct Chain: Sendable {
  struct Link: Sendable {
    var previous = -1
    var next = -1
  }

  private(set) var first = -1
  private(set) var last = -1

  mutating func prepend(_ number: Int, _ links: inout [Link]) {
    links[number] = Link(previous: -1, next: first)
    if first >= 0 { links[first].previous = number } else { last = number }
    first = number
  }

  mutating func append(_ number: Int, _ links: inout [Link]) {
    links[number] = Link(previous: last, next: -1)
    if last >= 0 { links[last].next = number } else { first = number }
    last = number
  }

  mutating func remove(_ number: Int, _ links: inout [Link]) {
    let link = links[number]
    if link.previous >= 0 { links[link.previous].next = link.next } else { first = link.next }
    if link.next >= 0 { links[link.next].previous = link.previous } else { last = link.previous }
  }
}
