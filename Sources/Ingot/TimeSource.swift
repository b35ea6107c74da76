import Dispatch
import Synchronization

/// Where time comes from for what Ingot does by itself after a while: the system's clock, or one that a test turns.
///
///     let timer = time.after(400_000_000) { [weak self] in self?.beat() }
///     timer.cancel()
///
/// Never for waits: they end when the GPU says so, or go by the system's clock.
protocol TimeSource: AnyObject, Sendable {
  /// Monotonic, in nanoseconds.
  var now: UInt64 { get }
  /// The same, but maybe some milliseconds ago: much quicker to ask.
  var coarse: UInt64 { get }
  /// Runs `block` once when `nanoseconds` are over. Blocks run one after another, and should be short.
  ///
  /// It is held until it has run or is cancelled. It takes a lock of the time source's own and no other, so this may be
  /// called anywhere, by a block too.
  @discardableResult
  func after(_ nanoseconds: UInt64, _ block: @escaping @Sendable () -> Void) -> PendingBlock
}

/// A block that is to run later.
struct PendingBlock: Sendable {
  fileprivate let id: UInt64
  fileprivate let schedule: Schedule

  /// The block does not begin after this; one that has begun on another thread goes on.
  func cancel() { schedule.remove(id) }
}

/// The blocks that are to run, the next one last.
private final class Schedule: Sendable {
  private struct Entry {
    let due: UInt64
    let id: UInt64
    let block: @Sendable () -> Void
  }

  private struct State {
    var entries: [Entry] = []
    var lastID: UInt64 = 0
  }

  private let state = Mutex(State())

  func insert(due: UInt64, _ block: @escaping @Sendable () -> Void) -> PendingBlock {
    state.withLock { state in
      state.lastID += 1
      let place = state.entries.firstIndex { $0.due <= due } ?? state.entries.endIndex
      state.entries.insert(Entry(due: due, id: state.lastID, block: block), at: place)
      return PendingBlock(id: state.lastID, schedule: self)
    }
  }

  func remove(_ id: UInt64) {
    // What the block holds is let go of after the lock.
    _ = state.withLock { state in
      state.entries.firstIndex { $0.id == id }.map { state.entries.remove(at: $0) }
    }
  }

  /// Takes out the first block that is due at `time`, and says when it was.
  func next(until time: UInt64) -> (due: UInt64, run: @Sendable () -> Void)? {
    state.withLock { state in
      guard let last = state.entries.last, last.due <= time else { return nil }
      state.entries.removeLast()
      return (last.due, last.block)
    }
  }

  /// When the next block is due.
  var earliest: UInt64? { state.withLock { $0.entries.last?.due } }
}

/// The system's clock. Blocks run on a serial queue of the process.
///
/// All blocks share one timer, which is set anew only for a time before the one that it is set to: so to arm and to
/// cancel costs a lock and no system call, and a block that was cancelled costs at most one idle wake-up.
final class SystemTime: TimeSource {
  fileprivate static let shared = SystemTime()

  private let queue = DispatchQueue(label: "ingot.time", qos: .utility)
  private let schedule = Schedule()
  private let alarm = Mutex(Alarm())

  private struct Alarm: @unchecked Sendable {
    // Unchecked: sources may be set from any thread.
    var source: (any DispatchSourceTimer)?
    var due = UInt64.max
  }

  var now: UInt64 { Clock.now }
  var coarse: UInt64 { Platform.coarseTime }

  @discardableResult
  func after(_ nanoseconds: UInt64, _ block: @escaping @Sendable () -> Void) -> PendingBlock {
    let (due, isBeyond) = now.addingReportingOverflow(nanoseconds)
    let pending = schedule.insert(due: isBeyond ? .max : due, block)
    setAlarm()
    return pending
  }

  private func setAlarm() {
    alarm.withLock { alarm in
      guard let due = schedule.earliest, due < alarm.due else { return }
      alarm.due = due
      if alarm.source == nil { alarm.source = makeSource() }
      alarm.source?.schedule(deadline: DispatchTime(uptimeNanoseconds: due), leeway: .milliseconds(5))
    }
  }

  private func makeSource() -> any DispatchSourceTimer {
    let source = DispatchSource.makeTimerSource(queue: queue)
    source.setEventHandler { [unowned self] in ring() }
    source.activate()
    return source
  }

  private func ring() {
    alarm.withLock { $0.due = .max }
    while let block = schedule.next(until: now) { withAutoreleasePool(block.run) }
    setAlarm()
  }
}

extension TimeSource where Self == SystemTime {
  /// The system's clock.
  static var system: SystemTime { .shared }
}

/// A clock that stands still until it is told to go on; for tests.
final class ManualTime: TimeSource {
  private let time = Atomic<UInt64>(0)
  private let schedule = Schedule()

  var now: UInt64 { time.load(ordering: .acquiring) }
  var coarse: UInt64 { now }

  @discardableResult
  func after(_ nanoseconds: UInt64, _ block: @escaping @Sendable () -> Void) -> PendingBlock {
    let (due, isBeyond) = now.addingReportingOverflow(nanoseconds)
    return schedule.insert(due: isBeyond ? .max : due, block)
  }

  /// Lets `nanoseconds` pass. What becomes due runs here, in order, and finds the time at which it was due.
  ///
  /// Time ends before `UInt64.max`, so that what arms itself again ends, too.
  func advance(by nanoseconds: UInt64) {
    let (end, isBeyond) = now.addingReportingOverflow(nanoseconds)
    let last = isBeyond ? UInt64.max - 1 : min(end, .max - 1)
    while let block = schedule.next(until: last) {
      reach(block.due)
      withAutoreleasePool(block.run)
    }
    reach(last)
  }

  /// Another thread may have gone further: time never goes back. (`Atomic.max` takes large numbers for negative ones.)
  private func reach(_ instant: UInt64) {
    var found = now
    while found < instant {
      let (isDone, seen) = time.compareExchange(
        expected: found, desired: instant, ordering: .acquiringAndReleasing)
      if isDone { return }
      found = seen
    }
  }
}
