import Dispatch
import Metal
import Synchronization
import Testing

@testable import Ingot

/// Metal's residency sets are not thread-safe, and the software device ends the process when two threads are in one.
@Suite struct ResidencyThreadTests {
  /// Runs `body` on so many threads at once, each with its number; returns when all have.
  private func onThreads(_ count: Int, _ body: @escaping @Sendable (Int) throws -> Void) throws {
    let failed = Mutex<(any Error)?>(nil)
    DispatchQueue.concurrentPerform(iterations: count) { index in
      do { try body(index) } catch { failed.withLock { $0 = error } }
    }
    if let error = failed.withLock({ $0 }) { throw error }
  }

  #if os(Linux)
    @Test func everyCallOnASetIsUnderItsLock() throws {
      let slow = SlowSet(try #require(MTLCreateSystemDefaultDevice()))
      let set = AttachedSet(slow, isAutomatic: true)
      try onThreads(4) { thread in
        for step in 0..<10 {
          switch (thread + step) % 5 {
          case 0: set.commit()
          case 1: set.request()
          case 2: set.end()
          case 3: _ = set.requestAgain()
          default: _ = set.withMetal { $0.allocatedSize }
          }
        }
      }
      #expect(slow.most.load(ordering: .relaxed) == 1)
      #expect(slow.calls.load(ordering: .relaxed) >= 40 && set.commits == 8)
    }
  #endif

  @Test func threadsAllocateDropAndSubmitAtOnce() throws {
    let device = try Device.isolated()
    let kernel = try device.kernel("increment", of: Sources.steps)
    let set = try device.residencySet()
    try onThreads(4) { thread in
      var kept: [Buffer] = []
      for step in 0..<100 {
        let x = try device.exact.zeros([64], .int32)
        kept.append(x)
        if step % 3 == thread % 3 { kept.removeFirst(kept.count / 2) }
        if step % 5 == 0 { try set.add(x) }
        if step % 7 == 0 { set.commit() }
        if step % 11 == 0 { try set.remove(kept) }
        let encoder = device.encoder()
        try encoder.dispatch(kernel, x, grid: 64)
        let submission = try encoder.commit()
        if step % 2 == 0 { try submission.wait() }
      }
    }
    set.clear()
    set.commit()
    try device.encoder().commitAndWait()
    try device.encoder().commitAndWait()
    #expect(device.statistics.residentCount == 0 && device.statistics.residentBytes == 0)
    #expect(device.sets.sizes.allSatisfy { $0 == 0 })
  }

  @Test func theBooksAndTheSetsAgreeAfterAnything() throws {
    let scene = try ResidencyScene(setSize: 4, budget: 40, places: 12) { $0.removalBytes = 3 * $0.setBytes }
    let left = Mutex<[Kept]>([])
    try onThreads(4) { thread in
      var generator = Generator(seed: UInt64(thread + 1))
      var mine: [Kept] = []
      for _ in 0..<300 {
        switch Int.random(in: 0..<10, using: &generator) {
        case 0..<5:
          mine.append(
            Kept(
              try scene.added(Int.random(in: 1...6, using: &generator), pooled: .random(using: &generator))))
        case 5..<8:
          if let kept = mine.randomElement(using: &generator) {
            mine.removeAll { $0 === kept }
            scene.residency.retire(kept.metal)
          }
        case 8: scene.residency.flush()
        default:
          scene.time.advance(by: 0)
          scene.residency.budget = Int.random(in: 20...60, using: &generator) * scene.unit
          _ = scene.sets.requestAll()
        }
      }
      left.withLock { $0 += mine }
    }
    scene.residency.budget = 1000 * scene.unit
    var kept = left.withLock { $0 }
    expect(scene, has: kept)
    while !kept.isEmpty {
      scene.retire(kept.prefix(10).map(\.metal))
      kept.removeFirst(min(10, kept.count))
      expect(scene, has: kept)
    }
    #expect(scene.sets.counts.sets == 2)
  }

  /// Everything that finds a place is in one set, nothing else is, and the books say so.
  private func expect(_ scene: ResidencyScene, has kept: [Kept]) {
    while scene.residency.flush() {}
    let counts = scene.residency.counts
    let members = scene.sets.attached.flatMap { set in
      set.withMetal { $0.allAllocations.map { ObjectIdentifier($0) } }
    }
    #expect(
      Set(members).count == members.count
        && Set(members).isSubset(of: kept.map { ObjectIdentifier($0.metal) }))
    #expect(members.count == counts.members && counts.members + counts.unwired == kept.count)
    #expect(
      counts.bytes + counts.unwiredBytes == kept.reduce(0) { $0 + $1.metal.allocatedSize })
    #expect(scene.sets.counts.sets <= 12)
  }

  /// A buffer that goes from thread to thread.
  private final class Kept: @unchecked Sendable {
    let metal: any MTLBuffer
    init(_ metal: any MTLBuffer) { self.metal = metal }
  }

  /// The same numbers in every run.
  private struct Generator: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 }
    mutating func next() -> UInt64 {
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      return state
    }
  }
}

#if os(Linux)
  /// A set that lets every other thread come in between, and counts how many are in it at a time.
  private final class SlowSet: MTLResidencySet, @unchecked Sendable {
    let device: any MTLDevice
    let label: String? = nil
    let calls = Atomic(0)
    let most = Atomic(0)
    private let inside = Atomic(0)

    init(_ device: any MTLDevice) { self.device = device }

    private func enter() {
      calls.increment()
      most.max(inside.wrappingAdd(1, ordering: .relaxed).newValue, ordering: .relaxed)
      for _ in 0..<100 { Platform.yieldThread() }
      inside.decrement()
    }

    var allocatedSize: UInt64 {
      enter()
      return 0
    }
    var allocationCount: Int {
      enter()
      return 1
    }
    var allAllocations: [any MTLAllocation] { [] }
    func addAllocation(_ allocation: any MTLAllocation) { enter() }
    func addAllocations(_ allocations: [any MTLAllocation]) { enter() }
    func removeAllocation(_ allocation: any MTLAllocation) { enter() }
    func removeAllocations(_ allocations: [any MTLAllocation]) { enter() }
    func removeAllAllocations() { enter() }
    func containsAllocation(_ anAllocation: any MTLAllocation) -> Bool { true }
    func commit() { enter() }
    func requestResidency() { enter() }
    func endResidency() { enter() }
  }
#endif
