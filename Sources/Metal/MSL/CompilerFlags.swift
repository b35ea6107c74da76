import CMetalRuntime
import Glibc

/// How clang is called.
enum CompilerFlags {
  /// Of every run: messages of one line each, with the columns they are about.
  private static let messages = [
    "-w", "-fno-caret-diagnostics", "-fdiagnostics-print-source-range-info", "-fno-color-diagnostics",
  ]
  private static let language = [
    "-x", "c++", "-std=c++20", "-fdeclspec", "-nostdinc", "-nostdinc++", "-fsigned-char", "-fno-exceptions",
    "-fno-rtti",
    "-fno-strict-float-cast-overflow", "-fno-math-errno", "-fno-trapping-math",
  ]

  #if arch(arm64)
    private static let processor = ["-mcpu=native"]
  #else
    private static let processor = ["-march=native"]
  #endif

  /// The preprocessor of MSL knows none of the host's macros.
  static func preprocess(_ options: MSLOptions, headers: String) -> [String] {
    let (major, minor) = (options.languageVersion >> 16, options.languageVersion & 0xffff)
    let macros = [
      "__METAL__=1", "__METAL_MACOS__=1", "__METAL_VERSION__=\(major * 100 + minor * 10)", "__clang__=1",
      "__HAVE_BFLOAT__=1",
    ]
    let standard = major >= 4 ? "-std=c++17" : "-std=c++14"
    let given = options.macros.sorted { $0.key < $1.key }.map { "-D\($0.key)=\($0.value)" }
    return ["-E", "-x", "c++", standard, "-undef", "-nostdinc", "-nostdinc++", "-isystem", headers] + messages
      + macros.map { "-D\($0)" } + given + ["-"]
  }

  /// The check compiles as SYCL for a device: there address spaces are types that convert to the default one only,
  /// which stands for `thread`.
  static func check(_ options: MSLOptions) -> [String] {
    language + processor + macros(options) + messages + ["-Xclang", "-fsycl-is-device"]
  }

  static func code(_ options: MSLOptions) -> [String] {
    let math =
      switch options.mathMode {
      case .safe: ["-ffp-contract=off", "-Xclang", "-ffloat16-excess-precision=none"]
      case .relaxed, .fast:
        // Kernels use INFINITY and test for NaN, so the rest of -ffinite-math-only stays out.
        [
          "-fassociative-math", "-freciprocal-math", "-fno-signed-zeros", "-fapprox-func",
          "-ffp-contract=fast",
          "-Xclang", "-ffloat16-excess-precision=fast",
        ] + (MathLibraries.areVector ? ["-fveclib=libmvec"] : [])
      }
    return language + processor + macros(options) + math + messages + [
      "-O3", "-fPIC", "-fvisibility=hidden", "-fno-semantic-interposition", "-fno-plt",
      // Large frames touch each page, so that an overflow meets the guard page under the stack.
      "-fno-stack-protector", "-fstack-clash-protection",
      "-fno-asynchronous-unwind-tables", "-mprefer-vector-width=512",
    ]
  }

  static func link(_ object: String, _ library: String) -> [String] {
    ["-shared", "-s", "-o", library, object]
  }

  private static func macros(_ options: MSLOptions) -> [String] {
    ["-DMTL_KERNEL_CODE=1"] + (options.preciseFunctions ? ["-DMTL_PRECISE_FUNCTIONS=1"] : [])
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

  /// Makes them known to the kernels that are loaded from now on.
  static func load() { _ = loaded }

  private static let loaded: Bool = {
    let isThere = dlopen("libm.so.6", RTLD_NOW | RTLD_GLOBAL) != nil
    return isThere && areVector
  }()
}
