import Dispatch
import Synchronization
import Testing

@testable import Ingot

/// Four threads on one pool, with everything that takes memory from them going on: each finds in its buffers what it has
/// written there, or learns that they are stale.
@Suite struct PoolStressTests {
  @Test(arguments: 0..<3 as Range<UInt64>)
  func threadsNeverSeeEachOthersBytes(seed: UInt64) throws {
    let device = try Device.isolated()
    let pool = Pool(device)
    pool.decay = .milliseconds(1)
    let stray = LockedCount()
    let group = DispatchGroup()
    for number in 0..<4 {
      DispatchQueue.global().async(group: group) {
        var player = Player(pool, tag: UInt8(number + 1), seed: seed << 8 | UInt64(number))
        for _ in 0..<1500 where !player.step() { stray.add() }
      }
    }
    group.wait()
    #expect(stray.value == 0)
    let statistics = pool.statistics
    #expect(statistics.usedBytes == 0 && statistics.quarantined == 0)
    #expect(statistics.freeBytes == statistics.cachedBytes)
    pool.trim()
    #expect(pool.statistics.totalBytes == 0 && pool.statistics.freeBlocks == 0)
    // The timer's thread may be letting go of what it has taken out.
    let deadline = Clock.now + 20_000_000_000
    while device.memory.ledger.entry(.pooled).count > 0, Clock.now < deadline { Platform.yieldThread() }
    #expect(device.memory.ledger.entry(.pooled).count == 0)
  }

  private struct Player {
    private let pool: Pool
    private let tag: UInt8
    private var generator: SplitMix
    private var buffers: [Buffer] = []
    /// As encoders and host views have them.
    private var blocks: [(Block, Int)] = []

    init(_ pool: Pool, tag: UInt8, seed: UInt64) {
      (self.pool, self.tag) = (pool, tag)
      generator = SplitMix(state: seed)
    }

    /// False if something was not as it must be.
    mutating func step() -> Bool {
      switch Int.random(in: 0..<1000, using: &generator) {
      case 0..<420: return make()
      case 420..<700: return drop()
      case 700..<800: return look()
      case 800..<880: return release()
      case 880..<960: return letGo()
      case 960..<970: pool.trim(to: Int.random(in: 0...4 << 20, using: &generator))
      case 970..<980: pool.reset()
      case 980..<990: pool.relieve(.warning)
      default: try? pool.setCacheLimit(bytes: Int.random(in: 0...8 << 20, using: &generator))
      }
      return true
    }

    private mutating func make() -> Bool {
      let isSmall = Bool.random(using: &generator)
      let nbytes = Int.random(in: 1...(isSmall ? 8192 : 200_000), using: &generator)
      let options: BufferOptions = nbytes % 4 == 0 ? .lazy : []
      guard
        let buffer = try? pool.makeBuffer(
          dtype: .uint8, shape: [nbytes], initial: nil, label: nil, options: options)
      else { return false }
      buffers.append(buffer)
      // Another thread's reset may have come before.
      guard let block = try? buffer.storage.hold() else { return true }
      Self.bytes(block, nbytes).initializeMemory(as: UInt8.self, repeating: tag)
      return isIntact(block, nbytes)
    }

    private static func bytes(_ block: Block, _ nbytes: Int) -> UnsafeMutableRawBufferPointer {
      UnsafeMutableRawBufferPointer(start: block.contents, count: nbytes)
    }

    private func isIntact(_ block: Block, _ nbytes: Int) -> Bool {
      let bytes = Self.bytes(block, nbytes)
      return withExtendedLifetime(block) {
        stride(from: 0, to: nbytes, by: 509).allSatisfy { bytes[$0] == tag } && bytes[nbytes - 1] == tag
      }
    }

    private mutating func take() -> Buffer? {
      buffers.isEmpty ? nil : buffers.remove(at: Int.random(in: buffers.indices, using: &generator))
    }

    private mutating func drop() -> Bool {
      guard let buffer = take() else { return true }
      guard let block = try? buffer.storage.hold() else { return buffer.storage.isExpired }
      return isIntact(block, buffer.nbytes)
    }

    private mutating func look() -> Bool {
      guard let buffer = buffers.randomElement(using: &generator) else { return true }
      guard let block = try? buffer.storage.hold() else { return buffer.storage.isExpired }
      blocks.append((block, buffer.nbytes))
      return isIntact(block, buffer.nbytes)
    }

    private mutating func release() -> Bool {
      guard let buffer = take() else { return true }
      guard (try? pool.release(buffer)) != nil, buffer.storage.isExpired else { return false }
      return (try? pool.release(buffer)) == false
    }

    private mutating func letGo() -> Bool {
      guard !blocks.isEmpty else { return true }
      let (block, nbytes) = blocks.remove(at: Int.random(in: blocks.indices, using: &generator))
      return isIntact(block, nbytes)
    }
  }
}
