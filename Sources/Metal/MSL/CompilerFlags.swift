import CMetalRuntime
import Glibc

/// How clang is called.
enum CompilerFlags {
  /// Of every run: messages of one line each, with the columns they are about.
  private static let messages = [
    "-fno-caret-diagnostics", "-fdiagnostics-print-source-range-info", "-fno-color-diagnostics",
    "-fno-elide-type",
  ]
  private static let language = [
    "-x", "c++", "-std=c++20", "-fdeclspec", "-nostdinc", "-nostdinc++", "-fsigned-char", "-fno-exceptions",
    "-fno-rtti", "-fno-strict-float-cast-overflow", "-fno-math-errno", "-fno-trapping-math",
  ]

  #if arch(arm64)
    private static let processor = ["-mcpu=native"]
    private static let vectors: [String] = []
  #else
    private static let processor = ["-march=native"]
    private static let vectors = ["-mprefer-vector-width=512"]
  #endif

  /// The preprocessor of MSL knows none of the host's macros.
  static func preprocess(_ options: MSLOptions, headers: String) -> [String] {
    let (major, minor) = (options.languageVersion >> 16, options.languageVersion & 0xffff)
    let macros = [
      "__METAL__=1", "__METAL_MACOS__=1", "__METAL_VERSION__=\(major * 100 + minor * 10)", "__clang__=1",
      "__HAVE_BFLOAT__=1",
    ]
    let given = options.macros.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
    let standard = major >= 4 ? "-std=c++17" : "-std=c++14"
    return ["-E", "-x", "c++", standard, "-undef", "-nostdinc", "-nostdinc++", "-isystem", headers]
      + ["-w"] + messages + (macros + given).map { "-D\($0)" } + ["-"]
  }

  /// The check compiles as SYCL for a device: there address spaces are types that convert to the default one only,
  /// which stands for `thread`.
  ///
  /// Of all that clang only warns of, Metal refuses arrays whose sizes are no constants.
  static let check =
    language + processor + messages + [
      "-Wno-everything", "-Werror=vla-cxx-extension", "-Xclang", "-fsycl-is-device",
    ]

  static func code(_ options: MSLOptions) -> [String] {
    language + processor + math(options) + messages + vectors + [
      "-w", "-O3", "-fPIC", "-fvisibility=hidden", "-fno-semantic-interposition", "-fno-plt",
      "-fno-stack-protector", "-fno-asynchronous-unwind-tables",
      // Large frames touch each page, so that an overflow meets the guard page under the stack.
      "-fstack-clash-protection",
    ]
  }

  private static func math(_ options: MSLOptions) -> [String] {
    if options.mathMode == .safe {
      return ["-ffp-contract=off", "-Xclang", "-ffloat16-excess-precision=none"]
    }
    // Kernels use INFINITY and test for NaN, so that -ffinite-math-only stays out.
    let fast = [
      "-fassociative-math", "-freciprocal-math", "-fno-signed-zeros", "-ffp-contract=fast", "-Xclang",
      "-ffloat16-excess-precision=fast",
    ]
    return options.preciseFunctions ? fast : fast + fastFunctions
  }

  /// The vector forms of libmvec are off by up to four units in the last place.
  private static let fastFunctions =
    ["-fapprox-func"] + (MathLibraries.areVector ? ["-fveclib=libmvec"] : [])

  static func link(_ object: String, _ library: String) -> [String] {
    ["-shared", "-s", "-o", library, object]
  }
}

/// The libraries in which kernels find exp, sin and the like.
enum MathLibraries {
  /// Whether there are forms of them for whole vectors.
  static let areVector: Bool = {
    #if arch(x86_64)
      return dlopen("libmvec.so.1", RTLD_NOW | RTLD_GLOBAL) != nil
    #else
      return false
    #endif
  }()

  /// Whether a kernel may use a function of this name that its library does not define: one that the compiler makes
  /// calls of. Anything else of this process, such as `exit`, is none of a kernel's business.
  static func define(_ name: String) -> Bool {
    if helpers.contains(name) { return true }
    load()
    // A library is searched with those it needs, the C library among them.
    return libraries.contains { library in
      let address = dlsym(library, name)
      return address != nil && address != dlsym(cLibrary, name)
    }
  }

  private nonisolated(unsafe) static let cLibrary = dlopen("libc.so.6", RTLD_NOW)
  private nonisolated(unsafe) static let libraries = ["libm.so.6", "libmvec.so.1"].compactMap {
    (name: String) in
    dlopen(name, RTLD_NOW)
  }

  private static let helpers: Set<String> = [
    "memcpy", "memmove", "memset", "memcmp", "bcmp", "__tls_get_addr",
  ]

  /// Makes them known to the kernels that are loaded from now on.
  static func load() { _ = loaded }

  private static let loaded: Bool = {
    let isThere = dlopen("libm.so.6", RTLD_NOW | RTLD_GLOBAL) != nil
    return isThere && areVector
  }()
}
