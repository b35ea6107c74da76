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
}
