import Synchronization

/// What is unfinished on all queues of a device: on its own, and on those that `queue(label:)` made.
final class SubmissionQueues: Sendable {
  private struct Entry {
    let queue: SubmissionQueue
    var isClosed = false
  }

  private struct State {
    /// The device's own first.
    var list: [Entry]
    /// Of queues that are not listed any more.
    var submissionsOfGone = 0
  }

  private let state: Mutex<State>

  init(_ own: SubmissionQueue) { state = Mutex(State(list: [Entry(queue: own)])) }

  func add(_ queue: SubmissionQueue) { state.withLock { $0.list.append(Entry(queue: queue)) } }

  /// Nobody commits to it any more. It stays listed until all is done, and somebody knows of every failure.
  func close(_ queue: SubmissionQueue) {
    state.withLock { state in
      for index in state.list.indices where state.list[index].queue === queue {
        state.list[index].isClosed = true
      }
      Self.forgetSettled(&state)
    }
  }

  private static func forgetSettled(_ state: inout State) {
    state.list.removeAll { entry in
      guard entry.isClosed, entry.queue.isSettled else { return false }
      state.submissionsOfGone += entry.queue.counts.submissions
      return true
    }
  }

  var all: [SubmissionQueue] {
    state.withLock { state in
      Self.forgetSettled(&state)
      return state.list.map(\.queue)
    }
  }

  /// Submissions ever made, and how many of them are unfinished.
  var counts: (submissions: Int, unfinished: Int) {
    state.withLock { state in
      state.list.reduce(into: (state.submissionsOfGone, 0)) { sum, entry in
        let counts = entry.queue.counts
        sum.0 += counts.submissions
        sum.1 += counts.unfinished
      }
    }
  }
}
