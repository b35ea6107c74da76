/// Streams of finished command buffers, to be used again: their memory is warm.
final class StreamPool: Sendable {
  private static let capacity = 64

  private let idle = Guarded<[UnsafeMutablePointer<CommandStream>]>([])

  deinit {
    for stream in idle.withLock({ $0 }) { StreamPool.free(stream) }
  }

  func take() -> UnsafeMutablePointer<CommandStream> {
    if let stream = idle.withLock({ $0.popLast() }) { return stream }
    let stream = UnsafeMutablePointer<CommandStream>.allocate(capacity: 1)
    stream.initialize(to: CommandStream())
    return stream
  }

  func giveBack(_ stream: UnsafeMutablePointer<CommandStream>) {
    stream.pointee.reset()
    let isKept = idle.withLock { idle in
      guard idle.count < StreamPool.capacity else { return false }
      idle.append(stream)
      return true
    }
    if !isKept { StreamPool.free(stream) }
  }

  private static func free(_ stream: UnsafeMutablePointer<CommandStream>) {
    stream.pointee.deallocate()
    stream.deallocate()
  }
}
