import Dispatch
import Synchronization
import Testing

@testable import Ingot

@Suite struct TimeSourceTests {
  /// What ran, and when.
  private final class Log: Sendable {
    private let entries = Mutex<[String]>([])
    var lines: [String] { entries.withLock { $0 } }
    func add(_ line: String) { entries.withLock { $0.append(line) } }
  }

  @Test func coarseTimeIsOfTheSameClockAndNeverAhead() {
    let time: any TimeSource = .system
    let before = time.now
    let coarse = time.coarse
    #expect(coarse <= time.now && coarse + 1_000_000_000 > before)
    let manual = ManualTime()
    manual.advance(by: 5)
    #expect(manual.coarse == 5)
  }

  @Test func blocksRunInOrderAndFindTheirTime() {
    let (time, log) = (ManualTime(), Log())
    for (name, delay) in [("b", 20), ("a", 10), ("c", 20), ("late", 31)] {
      time.after(UInt64(delay)) { log.add("\(name) \(time.now)") }
    }
    time.advance(by: 9)
    #expect(log.lines.isEmpty && time.now == 9)
    time.advance(by: 21)
    #expect(log.lines == ["a 10", "b 20", "c 20"])
    #expect(time.now == 30)
  }

  @Test func cancelledBlocksDoNotRunAndHoldNothing() {
    let (time, log) = (ManualTime(), Log())
    weak var held: Log?
    var pending: PendingBlock?
    do {
      let mine = Log()
      held = mine
      pending = time.after(10) {
        mine.add("never")
        log.add("never")
      }
    }
    #expect(held != nil)
    pending?.cancel()
    #expect(held == nil)
    time.advance(by: 100)
    pending?.cancel()
    #expect(log.lines.isEmpty)
  }

  @Test func aBlockThatArmsAgainBeats() {
    let (time, log) = (ManualTime(), Log())
    @Sendable func beat() {
      log.add("\(time.now)")
      time.after(400) { beat() }
    }
    time.after(400) { beat() }
    time.advance(by: 1300)
    #expect(log.lines == ["400", "800", "1200"])
  }

  @Test func timeThatSeveralThreadsLetPassNeverGoesBack() {
    let time = ManualTime()
    let isBack = Atomic<Bool>(false)
    DispatchQueue.concurrentPerform(iterations: 4) { thread in
      var last: UInt64 = 0
      for step in 0..<5000 {
        time.advance(by: UInt64((step + thread) % 97))
        let now = time.now
        if now < last { isBack.store(true, ordering: .relaxed) }
        last = now
      }
    }
    let wasBack = isBack.load(ordering: .relaxed)
    #expect(!wasBack)
  }

  @Test func timeEnds() {
    let (time, log) = (ManualTime(), Log())
    @Sendable func beat() {
      log.add("\(time.now)")
      time.after(1000) { beat() }
    }
    time.advance(by: .max - 2500)
    time.after(1000) { beat() }
    for _ in 0..<3 { time.advance(by: .max) }
    #expect(time.now == UInt64.max - 1)
    #expect(log.lines == ["\(UInt64.max - 1500)", "\(UInt64.max - 500)"])
  }

  @Test func theSystemsClockRunsBlocksInOrder() {
    let (time, log, done) = (SystemTime.system, Log(), DispatchSemaphore(value: 0))
    let start = time.now
    time.after(30_000_000) {
      log.add(time.now >= start + 30_000_000 ? "second" : "early")
      done.signal()
    }
    time.after(1_000_000) { log.add("first") }
    time.after(2_000_000) { log.add("never") }.cancel()
    done.wait()
    #expect(log.lines == ["first", "second"])
  }
}
