import Dispatch

/// Who is told, once, that something has happened: a thread, a task, or an event loop.
enum Waiter {
  case thread(DispatchSemaphore)
  case task(CheckedContinuation<Void, Never>)
  case loop(TokenQueue, UInt64)

  func wake() {
    switch self {
    case .thread(let semaphore): semaphore.signal()
    case .task(let continuation): continuation.resume()
    case .loop(let queue, let token): queue.post(token)
    }
  }

  /// Whether the other is told by the same means, so that once is enough.
  func isSame(_ other: Waiter) -> Bool {
    switch (self, other) {
    case (.thread(let one), .thread(let other)): one === other
    case (.loop(let one, let token), .loop(let other, let otherToken)): one === other && token == otherToken
    default: false
    }
  }
}
