// Files as memory: the system calls, and nothing of what they are for.
#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// What a system call said that failed.
struct SystemError: Error {
  let number: Int32

  var text: String { strerror(number).map { String(cString: $0) } ?? "error \(number)" }
  var isOutOfMemory: Bool { number == ENOMEM }

  static var last: SystemError { SystemError(number: errno) }
}

extension Platform {
  /// Whether there is anything at a path.
  static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }
}

/// An open file, closed at the end.
final class OpenFile: Sendable {
  enum Kind {
    case regular, directory, other
  }

  let descriptor: Int32
  let kind: Kind

  /// Opens for reading, or for both. Does not wait for what another process may write, nor becomes its terminal.
  init(_ path: String, writable: Bool) throws(SystemError) {
    let flags = (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NONBLOCK | O_NOCTTY
    var descriptor = open(path, flags)
    while descriptor < 0 && errno == EINTR { descriptor = open(path, flags) }
    guard descriptor >= 0 else { throw .last }
    self.descriptor = descriptor
    switch Self.status(of: descriptor).map({ $0.st_mode & S_IFMT }) {
    case S_IFREG: kind = .regular
    case S_IFDIR: kind = .directory
    default: kind = .other
    }
  }

  deinit { close(descriptor) }

  /// Bytes that it has now.
  var length: Int { Self.status(of: descriptor).map { Int($0.st_size) } ?? 0 }

  private static func status(of descriptor: Int32) -> stat? {
    var status = stat()
    return fstat(descriptor, &status) == 0 ? status : nil
  }
}

/// Pages of memory that are a file's, shared with everyone who maps it; unmapped at the end.
final class MappedPages: @unchecked Sendable {
  // Unchecked: the address does not change.

  let address: UnsafeMutableRawPointer
  /// Of all whole pages, of which the last may reach beyond the file.
  let length: Int

  private static let systemPage = Int(sysconf(Int32(_SC_PAGESIZE)))
  /// Metal's page on Apple silicon; no system of ours has smaller ones, but some have larger ones.
  static let pageSize = max(16384, systemPage)

  /// Maps the first `fileLength` bytes, which are there.
  init(of file: OpenFile, fileLength: Int, writable: Bool) throws(SystemError) {
    // A file with holes can be longer than any address space, and not even be rounded.
    guard fileLength <= Int.max - 2 * Self.pageSize else { throw SystemError(number: ENOMEM) }
    length = Self.rounded(fileLength, to: Self.pageSize)
    address = try Self.map(file, fileLength, length, writable ? PROT_READ | PROT_WRITE : PROT_READ)
  }

  deinit { munmap(address, length) }

  private static func rounded(_ length: Int, to page: Int) -> Int { (length + page - 1) / page * page }

  private static func map(
    _ file: OpenFile, _ fileLength: Int, _ length: Int, _ protection: Int32
  ) throws(SystemError) -> UnsafeMutableRawPointer {
    let address = try reserve(length)
    // The system's own pages may be smaller: the rest of ours behind the file becomes memory, where a touch of the
    // file's missing pages would be a fault.
    let end = rounded(fileLength, to: systemPage)
    let mapped = mmap(address, fileLength, protection, MAP_SHARED | MAP_FIXED, file.descriptor, 0)
    let isMapped = mapped == address
    guard isMapped, end == length || mprotect(address + end, length - end, protection) == 0 else {
      let error = SystemError.last
      munmap(address, length)
      throw error
    }
    return address
  }

  /// Addresses at a multiple of `pageSize`, with pages of zeros that nobody may touch yet.
  private static func reserve(_ length: Int) throws(SystemError) -> UnsafeMutableRawPointer {
    let slack = pageSize - systemPage
    guard let found = mmap(nil, length + slack, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
      found != MAP_FAILED
    else { throw .last }
    let start = found.alignedUp(toMultipleOf: pageSize)
    if start > found { munmap(found, start - found) }
    let rest = slack - (start - found)
    if rest > 0 { munmap(start + length, rest) }
    return start
  }
}
