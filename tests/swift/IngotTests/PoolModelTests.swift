import Testing

@testable import Ingot

/// The pool beside a simple model of it, for blocks that are an allocation each, through random programs. What the model
/// foretells is which memory each request gets, and every counter after every step.
@Suite struct PoolModelTests {
  @Test(arguments: 0..<12 as Range<UInt64>)
  func doesWhatTheModelDoes(seed: UInt64) throws {
    let device = try Device.isolated(manualTime: true)
    var program = try PoolProgram(device, seed: seed)
    for step in 0..<1500 {
      try program.step()
      guard program.agrees else {
        Issue.record("step \(step) of seed \(seed), \(program.last): \(program.difference)")
        return
      }
    }
    program.end()
    #expect(program.agrees, "\(program.difference)")
    #expect(program.pool.statistics.usedBytes == 0 && program.pool.trim() == program.model.cachedBytes)
    #expect(device.memory.ledger.entry(.pooled).count == 0)
  }
}

/// A pool's allocations by their numbers, in lists that are searched.
private struct PoolModel {
  struct Free {
    let number: Int
    let capacity: Int
    let since: UInt64
  }

  var free: [Free] = []
  var used: [Int: Int] = [:]
  var quarantined: Set<Int> = []
  var hits = 0
  var misses = 0
  var highWater = 0
  var cacheLimit = Int.max
  var limit: Int?
  var decay: UInt64?
  var now: UInt64 = 0
  private var last = 0

  var usedBytes: Int { used.values.reduce(0, +) }
  var cachedBytes: Int { free.reduce(0) { $0 + $1.capacity } }
  var totalBytes: Int { usedBytes + cachedBytes }

  /// The number of the allocation, and whether it is new; nil if there is no room.
  mutating func make(_ capacity: Int) -> (number: Int, isNew: Bool)? {
    if let index = free.lastIndex(where: { $0.capacity == capacity }) {
      let number = free.remove(at: index).number
      hits += 1
      use(number, capacity)
      return (number, false)
    }
    if let limit {
      guard usedBytes + capacity <= limit else { return nil }
      while totalBytes + capacity > limit { free.removeFirst() }
    }
    misses += 1
    last += 1
    use(last, capacity)
    return (last, true)
  }

  private mutating func use(_ number: Int, _ capacity: Int) {
    used[number] = capacity
    highWater = max(highWater, usedBytes)
  }

  mutating func giveBack(_ number: Int) {
    quarantined.remove(number)
    guard let capacity = used.removeValue(forKey: number) else { return }
    if capacity <= cacheLimit { free.append(Free(number: number, capacity: capacity, since: now)) }
    keepLimits()
  }

  mutating func keepLimits() {
    trim(to: cacheLimit)
    if let limit { while totalBytes > limit, !free.isEmpty { free.removeFirst() } }
  }

  mutating func trim(to bytes: Int) { while cachedBytes > bytes { free.removeFirst() } }

  mutating func advance(_ nanoseconds: UInt64) {
    now += nanoseconds
    decayNow()
  }

  mutating func decayNow() {
    if let decay { while let first = free.first, now - first.since >= decay { free.removeFirst() } }
  }

  var statistics: PoolStatistics {
    PoolStatistics(
      usedBytes: usedBytes, freeBytes: cachedBytes, freeBlocks: free.count, usedBlocks: used.count,
      cachedBytes: cachedBytes,
      hits: hits,
      misses: misses, highWater: highWater, quarantined: quarantined.count)
  }
}

/// A random program of steps on a pool and its model.
private struct PoolProgram {
  let pool: Pool
  var model = PoolModel()
  private(set) var last = ""

  private struct Live {
    let number: Int
    var buffer: Buffer
    let tag: UInt8
  }

  /// What has been taken back while something held it, as an encoder or a host view does.
  private struct Hold {
    let number: Int
    let block: Block
    let tag: UInt8
  }

  private let device: Device
  private var generator: SplitMix
  private var live: [Live] = []
  private var holds: [Hold] = []
  private var stale: [Buffer] = []
  private var addresses: [Int: UnsafeMutableRawPointer] = [:]
  private var isIntact = true
  private static let page = 16384

  init(_ device: Device, seed: UInt64) throws {
    self.device = device
    pool = Pool(device)
    generator = SplitMix(state: seed)
    pool.decay = .seconds(3)
    model.decay = 3_000_000_000
    try pool.setCacheLimit(bytes: 40 * Self.page)
    model.cacheLimit = 40 * Self.page
  }

  var agrees: Bool { isIntact && pool.statistics == model.statistics }

  var difference: String {
    isIntact
      ? "\(pool.statistics) is not \(model.statistics)" : "memory of somebody's was written or is another's"
  }

  mutating func step() throws {
    switch Int.random(in: 0..<100, using: &generator) {
    case 0..<40: try make()
    case 40..<62: try drop()
    case 62..<70: try release()
    case 70..<76: try hold()
    case 76..<84: letGo()
    case 84..<86: try reset()
    case 86..<89: trim()
    case 89..<95: try advance()
    case 95..<97: pressure()
    default: try setLimits()
    }
    checkStale()
  }

  mutating func end() {
    while let one = live.popLast() { model.giveBack(one.number) }
    while !holds.isEmpty { letGo() }
  }

  private mutating func make() throws {
    let nbytes = Int.random(in: 8193...12 * Self.page, using: &generator)
    last = "make \(nbytes)"
    guard let (number, isNew) = model.make(SizeClass.capacity(for: nbytes)) else {
      isIntact = try isIntact && failure { _ = try pool.empty([nbytes], .uint8) }.kind == .outOfMemory
      return
    }
    let tag = UInt8.random(in: 0...255, using: &generator)
    let buffer = try pool.full([nbytes], tag)
    let address = try buffer.contents(for: .read)
    if isNew { addresses[number] = address } else { check(addresses[number] == address) }
    live.append(Live(number: number, buffer: buffer, tag: tag))
  }

  private mutating func take() throws -> Live? {
    guard !live.isEmpty else { return nil }
    let one = live.remove(at: Int.random(in: live.indices, using: &generator))
    try one.buffer.withUnsafe(of: UInt8.self) { bytes in
      check(stride(from: 0, to: bytes.count, by: 4093).allSatisfy { bytes[$0] == one.tag })
    }
    return one
  }

  private mutating func drop() throws {
    last = "drop"
    if let one = try take() { model.giveBack(one.number) }
  }

  private mutating func release() throws {
    last = "release"
    guard let one = try take() else { return }
    try check(pool.release(one.buffer) && !pool.release(one.buffer))
    stale.append(one.buffer)
    model.giveBack(one.number)
  }

  private mutating func hold() throws {
    last = "release while held"
    guard let one = try take() else { return }
    holds.append(Hold(number: one.number, block: try one.buffer.storage.hold(), tag: one.tag))
    try check(pool.release(one.buffer))
    stale.append(one.buffer)
    model.quarantined.insert(one.number)
  }

  private mutating func letGo() {
    last = "let go"
    guard !holds.isEmpty else { return }
    let hold = holds.remove(at: Int.random(in: holds.indices, using: &generator))
    check(hold.block.contents?.load(as: UInt8.self) == hold.tag)
    model.giveBack(hold.number)
  }

  private mutating func reset() throws {
    last = "reset"
    // Of what is taken back at once the order does not matter, so there is no more than one.
    while live.count > 3 { try drop() }
    let held = try live.dropLast().map {
      Hold(number: $0.number, block: try $0.buffer.storage.hold(), tag: $0.tag)
    }
    check(pool.reset() == held.count)
    for hold in held { model.quarantined.insert(hold.number) }
    if let free = live.last { model.giveBack(free.number) }
    stale += live.map(\.buffer)
    live = []
    holds += held
  }

  private mutating func trim() {
    let bytes = Int.random(in: 0...40, using: &generator) * Self.page
    last = "trim to \(bytes)"
    let before = model.cachedBytes
    model.trim(to: bytes)
    check(pool.trim(to: bytes) == before - model.cachedBytes)
  }

  private mutating func advance() throws {
    let nanoseconds = UInt64.random(in: 0...2_000_000_000, using: &generator)
    last = "advance by \(nanoseconds)"
    try device.advanceTime(by: .nanoseconds(Int64(nanoseconds)))
    model.advance(nanoseconds)
  }

  private mutating func pressure() {
    let pressure = MemoryPressure.allCases.randomElement(using: &generator)!
    last = "\(pressure)"
    let before = model.cachedBytes
    model.trim(to: pressure == .critical ? 0 : before / 2)
    check(pool.relieve(pressure) == before - model.cachedBytes)
  }

  private mutating func setLimits() throws {
    let bytes = Int.random(in: 0...80, using: &generator) * Self.page
    last = "limits \(bytes)"
    if Bool.random(using: &generator) {
      model.limit = bytes > 40 * Self.page ? nil : bytes + 20 * Self.page
      try pool.setLimit(bytes: model.limit)
    } else {
      model.cacheLimit = bytes
      try pool.setCacheLimit(bytes: bytes)
    }
    model.keepLimits()
  }

  private mutating func checkStale() {
    for buffer in stale.suffix(2) { check((try? buffer.contents(for: .read)) == nil) }
  }

  private mutating func check(_ isTrue: Bool) { if !isTrue { isIntact = false } }
}
