import Glibc

/// Runs a program to its end.
struct ChildProcess {
  var program: String
  var arguments: [String]
  /// What the program reads from its standard input.
  var input: [UInt8] = []
  /// Seconds after which it is killed.
  var timeLimit: Int

  struct Outcome: Sendable {
    enum End: Sendable, Equatable {
      case exited(Int32)
      case killed(Int32)
      case timedOut
    }
    var end: End
    var output: [UInt8]
    var errors: [UInt8]
    var succeeded: Bool { end == .exited(0) }
  }

  /// Throws the system call that failed, if the program does not start.
  func run() throws(SystemError) -> Outcome {
    // Sockets, since unlike pipes they are made with close-on-exec at once, and writing to a closed one is no signal.
    var ends = [try Channel(), try Channel(), try Channel()]
    defer { for index in ends.indices { ends[index].close() } }
    let child = try spawn(ends.map(\.far))
    for index in ends.indices { ends[index].closeFar() }
    let texts = exchange(&ends)
    if texts == nil { kill(-child, SIGKILL) }
    let end = wait(child)
    return Outcome(end: texts == nil ? .timedOut : end, output: texts?.0 ?? [], errors: texts?.1 ?? [])
  }

  private func spawn(_ descriptors: [Int32]) throws(SystemError) -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    for (index, descriptor) in descriptors.enumerated() {
      posix_spawn_file_actions_adddup2(&actions, descriptor, Int32(index))
    }

    // A group of its own: the terminal's Ctrl-C is for the user's program to answer. No signal stays blocked.
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK))
    posix_spawnattr_setpgroup(&attributes, 0)
    var signals = sigset_t()
    sigemptyset(&signals)
    posix_spawnattr_setsigmask(&attributes, &signals)

    var child = pid_t()
    let failure = withCStrings([program] + arguments) { arguments in
      withCStrings(Self.environment) { environment in
        posix_spawn(&child, program, &actions, &attributes, arguments, environment)
      }
    }
    guard failure == 0 else { throw SystemError(call: "posix_spawn \(program)", code: failure) }
    return child
  }

  /// Only what finds programs and libraries: nothing that changes what a compiler does.
  private static let environment: [String] = {
    let names: [String] = ["PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH"]
    return names.compactMap { name in getenv(name).map { "\(name)=\(String(cString: $0))" } }
  }()

  /// Writes the input and reads both outputs until they end; nil if that takes longer than the limit.
  private func exchange(_ ends: inout [Channel]) -> ([UInt8], [UInt8])? {
    let deadline = now() + timeLimit * 1000
    var written = 0
    var texts: [[UInt8]] = [[], [], []]
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while ends[1].near >= 0 || ends[2].near >= 0 {
      if written == input.count { ends[0].close() }
      var waiting = ends.enumerated().map { index, end in
        pollfd(fd: end.near, events: Int16(index == 0 ? POLLOUT : POLLIN), revents: 0)
      }
      let left = deadline - now()
      guard left > 0 else { return nil }
      guard poll(&waiting, nfds_t(waiting.count), Int32(clamping: left)) > 0 else { continue }
      if waiting[0].revents != 0 { written = ends[0].send(input, from: written) }
      for index in 1...2 where waiting[index].revents != 0 {
        if !ends[index].receive(into: &texts[index], &buffer) { ends[index].close() }
      }
    }
    return (texts[1], texts[2])
  }

  private func now() -> Int {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return time.tv_sec * 1000 + time.tv_nsec / 1_000_000
  }

  private func wait(_ child: pid_t) -> Outcome.End {
    var status: Int32 = 0
    while waitpid(child, &status, 0) < 0 {
      // Somebody who waits for every child took the status: then what it wrote must tell how it went.
      if errno != EINTR { return .exited(0) }
    }
    return status & 0x7f == 0 ? .exited(status >> 8 & 0xff) : .killed(status & 0x7f)
  }
}

/// A system call that failed.
struct SystemError: Error {
  var call: String
  var code: Int32
  var message: String { "\(call): \(String(cString: strerror(code)))" }

  /// Of the call that has just failed.
  static func last(_ call: String) -> SystemError { SystemError(call: call, code: errno) }
}

/// Two ends of a stream: one is the child's.
private struct Channel {
  private(set) var near: Int32
  private(set) var far: Int32

  init() throws(SystemError) {
    var ends: [Int32] = [-1, -1]
    let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
    guard socketpair(AF_UNIX, kind, 0, &ends) == 0 else { throw .last("socketpair") }
    (near, far) = (ends[0], ends[1])
  }

  mutating func closeFar() {
    if far >= 0 { Glibc.close(far) }
    far = -1
  }

  mutating func close() {
    closeFar()
    if near >= 0 { Glibc.close(near) }
    near = -1
  }

  /// Sends what fits now, and returns how much is sent; a child that does not listen any more gets no more.
  func send(_ bytes: [UInt8], from start: Int) -> Int {
    let flags = Int32(MSG_NOSIGNAL | MSG_DONTWAIT)
    let count = bytes.withUnsafeBytes { Glibc.send(near, $0.baseAddress! + start, $0.count - start, flags) }
    if count >= 0 { return start + count }
    return errno == EAGAIN || errno == EINTR ? start : bytes.count
  }

  /// Reads what there is; false at the end.
  func receive(into text: inout [UInt8], _ buffer: inout [UInt8]) -> Bool {
    let count = read(near, &buffer, buffer.count)
    if count > 0, text.count < Self.textLimit { text += buffer[..<count] }
    return count > 0 || (count < 0 && errno == EINTR)
  }

  private static let textLimit = 256 << 20
}

/// Calls `body` with a NULL-terminated array of C strings.
private func withCStrings<Result>(
  _ strings: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Result
) -> Result {
  let copies = strings.map { strdup($0) }
  defer { for copy in copies { free(copy) } }
  return body(copies + [nil])
}
