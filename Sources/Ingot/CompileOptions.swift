/// How MSL is compiled (`MTLCompileOptions`).
///
///     let options = CompileOptions(mathMode: .safe, macros: ["TILE": "16"])
///     let library = try device.compile(source, options: options)
public struct CompileOptions: Sendable, Hashable {
  /// What the compiler may do to floating-point arithmetic (`MTLMathMode`).
  public enum MathMode: Int32, Sendable, CaseIterable {
    /// Metal's default, which is fast.
    case `default` = 0
    /// IEEE rules and precise functions.
    case safe = 1
    /// Reassociation, but NaN and infinity are kept.
    case relaxed = 2
    /// No promises about NaN and infinity.
    case fast = 3
  }

  /// A version of MSL (`MTLLanguageVersion`), for example `LanguageVersion(3, 2)`.
  public struct LanguageVersion: Sendable, Hashable, CustomStringConvertible {
    public var major: Int
    public var minor: Int

    public init(_ major: Int, _ minor: Int) {
      self.major = major
      self.minor = minor
    }

    public var description: String { "\(major).\(minor)" }
  }

  public var mathMode: MathMode
  /// nil for the newest that the system has.
  public var languageVersion: LanguageVersion?
  /// Macros defined above the source; an empty text defines a macro as nothing.
  public var macros: [String: String]

  public init(
    mathMode: MathMode = .default, languageVersion: LanguageVersion? = nil, macros: [String: String] = [:]
  ) {
    self.mathMode = mathMode
    self.languageVersion = languageVersion
    self.macros = macros
  }
}
