import Glibc
import Synchronization

/// A file with one line for each call, in the order of the calls.
final class Trace: Sendable {
  private let file: Mutex<Int32>

  init(path: String) throws(Switches.Invalid) {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      let reason = String(cString: strerror(errno))
      throw Switches.Invalid(
        description: "INGOT_SOFT_TRACE names \"\(path)\", which cannot be written: \(reason)")
    }
    file = Mutex(descriptor)
  }

  deinit { file.withLock { _ = close($0) } }

  func line(_ text: String) {
    let bytes = Array("\(text)\n".utf8)
    file.withLock { _ = write($0, bytes, bytes.count) }
  }
}
