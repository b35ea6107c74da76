import Synchronization

/// Tells an event loop which submissions are done, without a thread that waits for them.
///
///     let notifier = try CompletionNotifier()
///     submission.notify(notifier, token: 7)
///     // when `notifier.fileDescriptor` can be read:
///     for token in notifier.take() { finished(token) }
///
/// It may be used from any thread. One that goes while submissions are under way is told nothing any more.
public final class CompletionNotifier: Sendable {
  /// Can be read as long as there are tokens to take. For `poll`, `kqueue`, `epoll` and the like: it is not to be read,
  /// and is closed with the notifier.
  public let fileDescriptor: Int32

  let queue: TokenQueue

  /// Throws `.state` if the process has too many open files.
  public init() throws(IngotError) {
    do throws(SystemError) {
      let pipe = try WakePipe()
      (fileDescriptor, queue) = (pipe.reader, TokenQueue(pipe))
    } catch {
      throw .state("the system gives no pipe for a notifier: \(error.text)")
    }
    LiveObjects.Counters.notifiers.increment()
  }

  deinit {
    queue.close()
    LiveObjects.Counters.notifiers.decrement()
  }

  /// How many tokens there are to take.
  public var count: Int { queue.count }

  /// Takes the tokens of what is done, in the order in which it was; at most `limit`.
  public func take(limit: Int = .max) -> [UInt64] {
    let limit = min(max(limit, 0), count)
    return [UInt64](unsafeUninitializedCapacity: limit) { memory, taken in taken = queue.take(into: memory) }
  }

  /// Takes as many as fit; returns how many.
  public func take(into memory: UnsafeMutableBufferPointer<UInt64>) -> Int { queue.take(into: memory) }
}

/// The tokens of a notifier. There is a byte in its pipe exactly as long as there are tokens.
final class TokenQueue: Sendable {
  private struct State {
    /// nil when nobody asks any more.
    var pipe: WakePipe?
    var tokens: [UInt64] = []
  }

  private let state: Mutex<State>

  init(_ pipe: WakePipe) { state = Mutex(State(pipe: pipe)) }

  var count: Int { state.withLock { $0.tokens.count } }

  /// Called by Metal's handlers too, so it never blocks: a byte always has room in the pipe.
  func post(_ token: UInt64) {
    state.withLock { state in
      guard let pipe = state.pipe else { return }
      if state.tokens.isEmpty { pipe.put() }
      state.tokens.append(token)
    }
  }

  func take(into memory: UnsafeMutableBufferPointer<UInt64>) -> Int {
    state.withLock { state in
      let taken = state.tokens.prefix(memory.count)
      guard !taken.isEmpty else { return 0 }
      _ = memory.update(fromContentsOf: taken)
      let count = taken.count
      state.tokens.removeFirst(count)
      if state.tokens.isEmpty { state.pipe?.take() }
      return count
    }
  }

  func close() { state.withLock { $0 = State() } }
}
