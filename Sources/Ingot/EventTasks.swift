import Metal
import Synchronization

/// The tasks that wait for values of an event.
///
/// Metal calls back once for each value that was ever waited for, however many tasks do so and give it up: it cannot be
/// asked to forget.
final class EventTasks: Sendable {
  /// By value; an empty list is of a value whose tasks were all cancelled.
  private let waiting = Mutex<[UInt64: [EventTask]]>([:])

  /// How many wait.
  var count: Int { waiting.withLock { $0.values.reduce(0) { $0 + $1.count } } }

  /// Returns when the value is reached, or the task is cancelled.
  func wait(for value: UInt64, of event: any MTLSharedEvent) async {
    let task = EventTask()
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        guard task.suspend(continuation) else { return }
        if add(task, value) {
          event.notify(EventListener.shared.metal, atValue: value) { _, _ in self.wake(value) }
        }
        // Then it was not in the list yet when it was taken out.
        if Task.isCancelled { remove(task, value) }
      }
    } onCancel: {
      remove(task, value)
      task.wake()
    }
  }

  /// Whether Metal has to be asked.
  private func add(_ task: EventTask, _ value: UInt64) -> Bool {
    waiting.withLock { waiting in
      let isNew = waiting[value] == nil
      waiting[value, default: []].append(task)
      return isNew
    }
  }

  private func remove(_ task: EventTask, _ value: UInt64) {
    waiting.withLock { $0[value]?.removeAll { $0 === task } }
  }

  private func wake(_ value: UInt64) {
    let tasks = waiting.withLock { $0.removeValue(forKey: value) }
    for task in tasks ?? [] { task.wake() }
  }
}

/// A task that waits, and is woken once: by the event, or because it is cancelled.
private final class EventTask: Sendable {
  private enum State {
    case new, over
    case waiting(CheckedContinuation<Void, Never>)
  }

  private let state = Mutex(State.new)

  /// Whether it is going to be woken; if it was already, it goes on at once.
  func suspend(_ continuation: CheckedContinuation<Void, Never>) -> Bool {
    let isOver = state.withLock { state in
      if case .over = state { return true }
      state = .waiting(continuation)
      return false
    }
    if isOver { continuation.resume() }
    return !isOver
  }

  func wake() {
    let continuation = state.withLock { state -> CheckedContinuation<Void, Never>? in
      defer { state = .over }
      if case .waiting(let continuation) = state { return continuation }
      return nil
    }
    continuation?.resume()
  }
}

/// Where Metal calls who waits for a value.
private final class EventListener: @unchecked Sendable {
  // Unchecked: Metal's listeners may be used from any thread.
  static let shared = EventListener()
  let metal = MTLSharedEventListener()
}
