// A pipe that event loops watch: the system calls, and nothing of what they are for.
#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// A pipe of which neither end ever blocks, or is there after `exec`; closed at the end.
final class WakePipe: Sendable {
  /// Can be read while there is a byte in the pipe.
  let reader: Int32
  private let writer: Int32

  init() throws(SystemError) {
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { throw .last }
    for end in ends {
      _ = fcntl(end, F_SETFD, FD_CLOEXEC)
      _ = fcntl(end, F_SETFL, O_NONBLOCK)
    }
    (reader, writer) = (ends[0], ends[1])
  }

  deinit {
    close(reader)
    close(writer)
  }

  /// Puts a byte in.
  func put() {
    var byte: UInt8 = 1
    while write(writer, &byte, 1) < 0 && errno == EINTR {}
  }

  /// Takes a byte out.
  func take() {
    var byte: UInt8 = 0
    while read(reader, &byte, 1) < 0 && errno == EINTR {}
  }
}
