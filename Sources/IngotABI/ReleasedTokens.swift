import Synchronization

/// The tokens of wrapped memory that is not used any more, until their owner asks for them. Written on any thread, also
/// on those that call Metal's handlers: so there is a lock and nothing else.
final class ReleasedTokens: Sendable {
  static let shared = ReleasedTokens()

  private let tokens = Mutex<[UInt64]>([])

  func append(_ token: UInt64) { tokens.withLock { $0.append(token) } }

  var count: Int { tokens.withLock { $0.count } }

  /// Takes the oldest ones, as many as fit.
  func take(into memory: UnsafeMutableBufferPointer<UInt64>) -> Int {
    let taken = tokens.withLock { tokens in
      let taken = Array(tokens.prefix(memory.count))
      tokens.removeFirst(taken.count)
      return taken
    }
    _ = memory.update(fromContentsOf: taken)
    return taken.count
  }
}

/// A token on its way to its owner, who gets it only if it was told that the memory is taken; 0 is nobody's.
final class PendingToken: Sendable {
  private enum State: UInt8, AtomicRepresentable {
    case idle, armed, delivered
  }

  private let token: UInt64
  private let state = Atomic<State>(.idle)

  init(_ token: UInt64) { self.token = token }

  /// Says that the call has succeeded; what was delivered before goes out now.
  func arm() {
    if state.exchange(.armed, ordering: .acquiringAndReleasing) == .delivered { send() }
  }

  func deliver() {
    if state.exchange(.delivered, ordering: .acquiringAndReleasing) == .armed { send() }
  }

  private func send() {
    if token != 0 { ReleasedTokens.shared.append(token) }
  }
}
