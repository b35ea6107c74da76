import Synchronization

/// Streams of finished command buffers, to be used again: their memory is warm.
final class StreamPool: Sendable {
  private static let capacity = 64

  /// Plain memory that nobody else refers to.
  private struct Idle: @unchecked Sendable {
    var streams: [UnsafeMutablePointer<CommandStream>] = []
  }

  private let idle = Mutex(Idle())

  func take() -> UnsafeMutablePointer<CommandStream> {
    if let stream = idle.withLock({ $0.streams.popLast() }) { return stream }
    let stream = UnsafeMutablePointer<CommandStream>.allocate(capacity: 1)
    stream.initialize(to: CommandStream())
    return stream
  }

  func giveBack(_ stream: UnsafeMutablePointer<CommandStream>) {
    stream.pointee.reset()
    let address = UInt(bitPattern: stream)
    let isKept = idle.withLock { idle in
      guard idle.streams.count < StreamPool.capacity else { return false }
      idle.streams.append(UnsafeMutablePointer(bitPattern: address)!)
      return true
    }
    if !isKept {
      stream.pointee.deallocate()
      stream.deallocate()
    }
  }
}
