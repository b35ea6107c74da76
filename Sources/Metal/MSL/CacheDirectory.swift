import Dispatch
import Glibc
import Synchronization

/// Files that outlive the process: compiled kernels, and what it takes to compile them.
///
/// What is in it gets executed, so it must be the user's own and closed to others. Files are written beside their
/// place and renamed, so that readers, in other processes too, see whole files only.
struct CacheDirectory: Sendable {
  let path: String
  private let limit: Int

  init(_ environment: MSLEnvironment) throws(MSLError) {
    path = environment.cacheDirectory
    limit = environment.cacheLimit
    if !exists(path) { try make() }
    try checkAccess()
  }

  func file(_ name: String) -> String { "\(path)/\(name)" }

  /// The content of a file; nil if it cannot be read.
  func read(_ name: String) -> [UInt8]? { readFile(file(name)) }

  /// The length of a file; nil if there is none.
  func size(_ name: String) -> Int? { Metal.size(of: file(name)) }

  /// Tells that a file was used, so that it is not the first to go.
  func touch(_ name: String) { utimensat(AT_FDCWD, file(name), nil, 0) }

  func write(_ name: String, _ bytes: [UInt8]) throws(MSLError) {
    let temporary = temporaryFile()
    do {
      try writeFile(temporary, bytes)
      try rename(temporary, to: name)
    } catch {
      unlink(temporary)
      throw Self.unusable(path, error)
    }
  }

  /// Puts a file that was written beside the others in its place.
  func adopt(_ temporary: String, as name: String) throws(MSLError) {
    do { try rename(temporary, to: name) } catch { throw Self.unusable(path, error) }
  }

  /// A name for a file in the making, of this process alone.
  func temporaryFile(_ suffix: String = "") -> String {
    file("\(Self.temporaryPrefix)\(getpid())-\(counter.add(1, ordering: .relaxed).newValue)\(suffix)")
  }

  /// Makes a directory in it, with files, unless it is there.
  func makeDirectory(_ name: String, _ files: [(name: String, text: [UInt8])]) throws(MSLError) {
    do {
      try makeDirectories(file(name))
      for (fileName, text) in files where Metal.size(of: "\(file(name))/\(fileName)") != text.count {
        if let slash = fileName.lastIndex(of: "/") {
          try makeDirectories("\(file(name))/\(fileName[..<slash])")
        }
        let temporary = temporaryFile()
        try writeFile(temporary, text)
        try rename(temporary, to: "\(name)/\(fileName)")
      }
    } catch {
      throw Self.unusable(path, error)
    }
  }

  private func rename(_ temporary: String, to name: String) throws(SystemError) {
    guard Glibc.rename(temporary, file(name)) == 0 else { throw .last("rename to \(file(name))") }
  }

  private func make() throws(MSLError) {
    do { try makeDirectories(path) } catch { throw Self.unusable(path, error) }
  }

  private func checkAccess() throws(MSLError) {
    var status = stat()
    guard stat(path, &status) == 0 else { throw Self.unusable(path, .last("stat")) }
    guard status.st_mode & S_IFMT == S_IFDIR else {
      throw Self.unusable(path, SystemError(call: "stat", code: ENOTDIR))
    }
    guard status.st_uid == geteuid(), status.st_mode & 0o077 == 0 else {
      let mode = String(status.st_mode & 0o777, radix: 8)
      throw MSLError(
        kind: .cacheUnusable,
        message:
          "the kernel cache \(path) has owner \(status.st_uid) and mode \(mode); code is loaded from it, so "
          + "it must belong to user \(geteuid()) with mode 700: run chmod 700 on it, or set INGOT_CACHE_DIR to "
          + "another directory")
    }
  }

  private static func unusable(_ path: String, _ error: SystemError) -> MSLError {
    MSLError(
      kind: .cacheUnusable,
      message:
        "cannot use the kernel cache \(path) (\(error.message)): compiled kernels are kept there; make it "
        + "writable, or set INGOT_CACHE_DIR to a directory that is")
  }
}

private let counter = Atomic(0)

// MARK: Size

extension CacheDirectory {
  private static let temporaryPrefix = "tmp-"

  /// Prunes in the background, at most once a minute.
  func schedulePruning() {
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC, &now)
    let isDue = lastPruning.withLock { last in
      if let last, now.tv_sec - last < 60 { return false }
      last = now.tv_sec
      return true
    }
    if isDue { DispatchQueue.global(qos: .utility).async { prune() } }
  }

  /// Removes the least recently used files beyond the limit, and what crashed processes left.
  func prune() {
    guard let directory = opendir(path) else { return }
    defer { closedir(directory) }
    let hourAgo = time(nil) - 3600
    var files: [(name: String, size: Int, used: Int)] = []
    while let entry = readdir(directory) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      var status = stat()
      guard stat(file(name), &status) == 0, status.st_mode & S_IFMT == S_IFREG else { continue }
      if name.hasPrefix(Self.temporaryPrefix), status.st_mtim.tv_sec < hourAgo {
        unlink(file(name))
      } else {
        files.append((name, Int(status.st_size), status.st_mtim.tv_sec))
      }
    }
    removeOldest(&files)
  }

  private func removeOldest(_ files: inout [(name: String, size: Int, used: Int)]) {
    var total = files.reduce(0) { $0 + $1.size }
    guard total > limit else { return }
    files.sort { $0.used < $1.used }
    // What was used in the last minute may be needed right now, by this process or another.
    let minuteAgo = time(nil) - 60
    // A little more than needed, so that the next entry does not prune again.
    for entry in files where total > limit / 10 * 9 && entry.used < minuteAgo {
      unlink(file(entry.name))
      total -= entry.size
    }
  }
}

private let lastPruning = Mutex<Int?>(nil)

// MARK: Files

private func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

private func size(of path: String) -> Int? {
  var status = stat()
  return stat(path, &status) == 0 ? Int(status.st_size) : nil
}

/// The content of a file; nil if it cannot be read.
func readFile(_ path: String) -> [UInt8]? {
  let descriptor = open(path, O_RDONLY | O_CLOEXEC)
  guard descriptor >= 0 else { return nil }
  defer { close(descriptor) }
  var status = stat()
  guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
  var isWhole = true
  let bytes = [UInt8](unsafeUninitializedCapacity: Int(status.st_size)) { buffer, count in
    while count < Int(status.st_size) {
      let length = read(descriptor, buffer.baseAddress! + count, Int(status.st_size) - count)
      if length < 0, errno == EINTR { continue }
      guard length > 0 else {
        isWhole = false
        return
      }
      count += length
    }
  }
  return isWhole ? bytes : nil
}

private func writeFile(_ path: String, _ bytes: [UInt8]) throws(SystemError) {
  let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
  guard descriptor >= 0 else { throw .last("open \(path)") }
  var written = 0
  while written < bytes.count {
    let count = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress! + written, bytes.count - written) }
    if count < 0, errno == EINTR { continue }
    guard count > 0 else {
      let failure = SystemError.last("write \(path)")
      close(descriptor)
      throw failure
    }
    written += count
  }
  guard close(descriptor) == 0 else { throw .last("close \(path)") }
}

private func makeDirectories(_ path: String) throws(SystemError) {
  if exists(path) { return }
  if let slash = path.lastIndex(of: "/"), slash > path.startIndex {
    try makeDirectories(String(path[..<slash]))
  }
  if mkdir(path, 0o700) != 0, errno != EEXIST { throw .last("mkdir \(path)") }
}
