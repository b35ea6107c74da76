// swift-format-ignore-file: AlwaysUseLowerCamelCase, for Apple's names

/// Versions of the Metal Shading Language: (major << 16) + minor.
public enum MTLLanguageVersion: UInt, Sendable {
  case version1_1 = 65537
  case version1_2 = 65538
  case version2_0 = 131072
  case version2_1 = 131073
  case version2_2 = 131074
  case version2_3 = 131075
  case version2_4 = 131076
  case version3_0 = 196608
  case version3_1 = 196609
  case version3_2 = 196610
  case version4_0 = 262144
}

/// How far the compiler may depart from IEEE 754.
public enum MTLMathMode: Int, Sendable {
  case safe = 0
  case relaxed = 1
  case fast = 2
}

/// Which variant of the single-precision functions unqualified calls mean.
public enum MTLMathFloatingPointFunctions: Int, Sendable {
  case fast = 0
  case precise = 1
}

public enum MTLLibraryType: Int, Sendable {
  case executable = 0
  case dynamic = 1
}

public enum MTLLibraryOptimizationLevel: Int, Sendable {
  case `default` = 0
  case size = 1
}

/// How source is compiled. There are no `preprocessorMacros` here: their values are Foundation's objects.
open class MTLCompileOptions {
  open var languageVersion = MTLLanguageVersion.version3_2
  open var mathMode = MTLMathMode.fast
  open var mathFloatingPointFunctions = MTLMathFloatingPointFunctions.fast
  open var libraryType = MTLLibraryType.executable
  open var installName: String?
  open var preserveInvariance = false
  open var optimizationLevel = MTLLibraryOptimizationLevel.default
  /// 0 leaves the limit to the compiler.
  open var maxTotalThreadsPerThreadgroup = 0

  public init() {}
}
