import Glibc

/// The clang and linker that compile kernels.
struct Toolchain: Sendable {
  let clang: String
  /// ld.lld, or the system's linker.
  let linker: String
  /// Changes when another clang stands at the same path.
  let identity: String

  static func find(_ environment: MSLEnvironment) throws(MSLError) -> Toolchain {
    guard let clang = try clang(environment) else {
      throw MSLError(
        kind: .compilerMissing,
        message:
          "Metal kernels are compiled by clang, and none was found: install a Swift toolchain (swift.org) "
          + "or clang 19 or later, put it on PATH, or set INGOT_CLANG to its path")
    }
    guard let linker = linker(beside: clang, environment) else {
      throw MSLError(
        kind: .compilerMissing,
        message:
          "no linker beside \(clang) or on PATH: install lld, or set INGOT_CLANG to the clang of a Swift "
          + "toolchain, which has ld.lld beside it")
    }
    return Toolchain(clang: clang, linker: linker, identity: identity(of: clang) + identity(of: linker))
  }

  private static func clang(_ environment: MSLEnvironment) throws(MSLError) -> String? {
    if let chosen = environment.clang {
      let found = chosen.contains("/") ? chosen : search([chosen], environment) ?? chosen
      if isExecutable(found) { return found }
      throw MSLError(
        kind: .compilerMissing,
        message:
          "INGOT_CLANG is \(chosen), which is no executable file: set it to a clang, or unset it to have one "
          + "searched next to swift and on PATH")
    }
    for compiler in ["swift", "swiftc"] {
      guard let found = search([compiler], environment).flatMap(resolved) else { continue }
      let neighbour = directory(of: found) + "/clang"
      if isExecutable(neighbour) { return neighbour }
    }
    return search(["clang", "clang-23", "clang-22", "clang-21", "clang-20", "clang-19"], environment)
  }

  private static func linker(beside clang: String, _ environment: MSLEnvironment) -> String? {
    let directories = [clang, resolved(clang) ?? clang].map(directory)
    let neighbour = directories.map { $0 + "/ld.lld" }.first(where: isExecutable)
    return neighbour ?? search(["ld.lld", "ld.lld-21", "ld.lld-20", "ld.lld-19", "ld"], environment)
  }

  /// The first of `names` that is on PATH; the order of the names counts more than that of the directories.
  private static func search(_ names: [String], _ environment: MSLEnvironment) -> String? {
    for name in names {
      for directory in environment.searchPath where isExecutable("\(directory)/\(name)") {
        return "\(directory)/\(name)"
      }
    }
    return nil
  }

  private static func isExecutable(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG && access(path, X_OK) == 0
  }

  private static func resolved(_ path: String) -> String? {
    guard let real = realpath(path, nil) else { return nil }
    defer { free(real) }
    return String(cString: real)
  }

  private static func directory(of path: String) -> String {
    path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
  }

  private static func identity(of path: String) -> String {
    var status = stat()
    stat(path, &status)
    return "\(resolved(path) ?? path) \(status.st_size) \(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec)\n"
  }
}
