import Dispatch
import Synchronization

/// The MSL headers, parsed ahead; without it every compilation would take longer by more than itself.
struct PrecompiledHeader: Sendable {
  enum Kind: String, Sendable { case check, code }

  let name: String
  private let kind: Kind
  private let run: CompilerRun

  init(_ kind: Kind, _ run: CompilerRun, surroundings: [String]) {
    self.kind = kind
    self.run = run
    name =
      Digest(parts: ["header", kind.rawValue] + Self.flags(kind, run.options) + surroundings).text + ".pch"
  }

  private static func flags(_ kind: Kind, _ options: MSLOptions) -> [String] {
    kind == .check ? CompilerFlags.check : CompilerFlags.code(options)
  }

  /// The arguments that compile with it.
  var arguments: [String] {
    Self.flags(kind, run.options) + [
      "-I", run.cache.file(run.headerDirectory), "-include-pch", run.cache.file(name),
    ]
  }

  var exists: Bool { run.cache.size(name) != nil }

  /// Whether it is as it was made. Checked once in a process: it has two megabytes.
  var isWhole: Bool {
    guard let record = run.cache.read(sumName), var reader = RecordReader(record),
      let sum = reader.int(), let bytes = run.cache.read(name)
    else { return false }
    touch()
    return Self.sum(bytes) == sum
  }

  func touch() {
    run.cache.touch(name)
    run.cache.touch(sumName)
  }

  private var sumName: String { name + ".sum" }

  func build() throws(MSLError) {
    try inFlight.only(run.cache.file(name)) { () throws(MSLError) in
      if exists, isWhole { return }
      try run.cache.makeDirectory(run.headerDirectory, MetalHeaders.shim)
      let temporary = run.cache.temporaryFile(".pch")
      let main = "\(run.cache.file(run.headerDirectory))/\(MetalHeaders.mainHeader)"
      var arguments = Self.flags(kind, run.options)
      arguments.replace(["-x", "c++"], with: ["-x", "c++-header"])
      arguments += ["-Xclang", "-fno-pch-timestamp", main, "-o", temporary]
      let outcome = try run.clang(arguments)
      guard outcome.succeeded, let bytes = readFile(temporary) else {
        throw run.failure("the MSL headers do not compile", outcome)
      }
      var sum = RecordWriter()
      sum.put(Self.sum(bytes))
      try run.cache.adopt(temporary, as: name)
      try run.cache.write(sumName, sum.record)
    }
  }

  func buildInBackground() {
    DispatchQueue.global(qos: .userInitiated).async {
      // Whoever needs it makes it if this fails, and gets the error.
      try? build()
    }
  }

  /// A quick checksum against damage.
  private static func sum(_ bytes: [UInt8]) -> Int {
    var sum: UInt64 = UInt64(bytes.count)
    bytes.withUnsafeBytes { buffer in
      for offset in stride(from: 0, to: buffer.count / 8 * 8, by: 8) {
        let word = buffer.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
        sum = (sum ^ word) &* 0x9e37_79b9_7f4a_7c15
        sum ^= sum >> 29
      }
      for byte in buffer[(buffer.count / 8 * 8)...] { sum = (sum ^ UInt64(byte)) &* 0x100_0000_01b3 }
    }
    return Int(bitPattern: UInt(sum))
  }
}

/// Lets one thread at a time make a thing of a name; the others wait, and find it made.
private final class OneAtATime: Sendable {
  private let locks = Mutex<[String: Lock]>([:])

  private final class Lock: Sendable { let mutex = Mutex(()) }

  func only<Failure: Error>(_ name: String, _ body: () throws(Failure) -> Void) throws(Failure) {
    let lock = locks.withLock { locks in
      let lock = locks[name] ?? Lock()
      locks[name] = lock
      return lock
    }
    try lock.mutex.withLock { (_: inout sending ()) throws(Failure) in try body() }
  }
}

private let inFlight = OneAtATime()
