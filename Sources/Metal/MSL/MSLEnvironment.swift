import Glibc

/// The settings of the compiler, from the environment of the process; tests make their own.
struct MSLEnvironment: Hashable, Sendable {
  /// `INGOT_CLANG`: the clang to use, as a path or a name on `PATH`.
  var clang: String?
  /// `PATH`.
  var searchPath: [String]
  /// Where compiled kernels are kept: `INGOT_CACHE_DIR`, else `ingot` in the user's cache directory.
  var cacheDirectory: String
  /// `INGOT_CACHE_LIMIT`: bytes beyond which the least recently used entries go.
  var cacheLimit = 1 << 30
  /// `INGOT_COMPILE_TIMEOUT`: seconds for one run of the compiler.
  var timeLimit = 60

  /// Which variable means nothing, and what it may be.
  private(set) var mistake: String?

  static let process = MSLEnvironment()

  init() {
    clang = Self.variable("INGOT_CLANG")
    searchPath = Self.variable("PATH")?.split(separator: ":").map(String.init) ?? []
    let home = Self.variable("HOME") ?? Self.homeOfUser ?? "/tmp/ingot-\(getuid())"
    let caches = Self.variable("XDG_CACHE_HOME") ?? "\(home)/.cache"
    cacheDirectory = Self.absolute(Self.variable("INGOT_CACHE_DIR") ?? "\(caches)/ingot")
    read("INGOT_CACHE_LIMIT", "a number of bytes", 0...Int.max, into: \.cacheLimit)
    read("INGOT_COMPILE_TIMEOUT", "a number of seconds", 1...86_400, into: \.timeLimit)
  }

  private mutating func read(
    _ name: String, _ meaning: String, _ range: ClosedRange<Int>,
    into setting: WritableKeyPath<MSLEnvironment, Int>
  ) {
    guard let text = Self.variable(name) else { return }
    if let value = Int(text), range.contains(value) {
      self[keyPath: setting] = value
    } else {
      mistake =
        "\(name) is \"\(text)\": it must be \(meaning), a whole one from \(range.lowerBound) to \(range.upperBound)"
    }
  }

  /// An empty variable counts as none.
  private static func variable(_ name: String) -> String? {
    guard let value = getenv(name).map({ String(cString: $0) }), !value.isEmpty else { return nil }
    return value
  }

  /// The process may change its directory later.
  private static func absolute(_ path: String) -> String {
    guard !path.hasPrefix("/"), let current = getcwd(nil, 0) else { return path }
    defer { free(current) }
    return "\(String(cString: current))/\(path)"
  }

  private static var homeOfUser: String? {
    getpwuid(getuid()).flatMap { $0.pointee.pw_dir }.map { String(cString: $0) }
  }
}
