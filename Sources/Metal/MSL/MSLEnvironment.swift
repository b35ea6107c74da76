import Glibc

/// The settings of the compiler, from the environment of the process; tests make their own.
struct MSLEnvironment: Hashable, Sendable {
  /// `INGOT_CLANG`: the clang to use.
  var clang: String?
  /// `PATH`.
  var searchPath: [String]
  /// Where compiled kernels are kept: `INGOT_CACHE_DIR`, else `ingot` in the user's cache directory.
  var cacheDirectory: String
  /// `INGOT_CACHE_LIMIT`: bytes beyond which the least recently used entries go.
  var cacheLimit = 1 << 30
  /// `INGOT_COMPILE_TIMEOUT`: seconds for one run of the compiler.
  var timeLimit = 60

  static let process = MSLEnvironment()

  init() {
    clang = Self.variable("INGOT_CLANG")
    searchPath = Self.variable("PATH")?.split(separator: ":").map(String.init) ?? []
    let home = Self.variable("HOME") ?? Self.homeOfUser ?? "/tmp/ingot-\(getuid())"
    let caches = Self.variable("XDG_CACHE_HOME") ?? "\(home)/.cache"
    cacheDirectory = Self.variable("INGOT_CACHE_DIR") ?? "\(caches)/ingot"
    if let limit = Self.variable("INGOT_CACHE_LIMIT").flatMap({ Int($0) }), limit >= 0 { cacheLimit = limit }
    if let limit = Self.variable("INGOT_COMPILE_TIMEOUT").flatMap({ Int($0) }), limit > 0 {
      timeLimit = limit
    }
  }

  /// An empty variable counts as none.
  private static func variable(_ name: String) -> String? {
    guard let value = getenv(name).map({ String(cString: $0) }), !value.isEmpty else { return nil }
    return value
  }

  private static var homeOfUser: String? {
    getpwuid(getuid()).flatMap { $0.pointee.pw_dir }.map { String(cString: $0) }
  }
}
