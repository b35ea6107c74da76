import Metal

extension CompileOptions {
  /// The macros as text above the source, after which lines are counted from 1 again.
  func preamble() throws(IngotError) -> String {
    guard !macros.isEmpty else { return "" }
    var text = ""
    for (name, value) in macros.sorted(by: { $0.key < $1.key }) {
      guard Self.isIdentifier(name) else {
        throw .argument("macro '\(name)' is no identifier: letters, digits and _, not a digit first")
      }
      guard !value.utf8.contains(where: { $0 == 10 || $0 == 13 }) else {
        throw .argument("the value of macro '\(name)' has more than one line")
      }
      text += "#define \(name) \(value)\n"
    }
    return text + "#line 1\n"
  }

  private static func isIdentifier(_ name: String) -> Bool {
    let letters = name.utf8.allSatisfy { byte in
      byte == UInt8(ascii: "_") || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
        || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
    }
    guard letters, let first = name.utf8.first else { return false }
    return !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first)
  }

  func metalOptions() throws(IngotError) -> MTLCompileOptions {
    let options = MTLCompileOptions()
    switch mathMode {
    case .default: break
    case .safe:
      options.mathMode = .safe
      options.mathFloatingPointFunctions = .precise
    case .relaxed: options.mathMode = .relaxed
    case .fast: options.mathMode = .fast
    }
    if let languageVersion { options.languageVersion = try languageVersion.metalVersion() }
    return options
  }
}

extension CompileOptions.LanguageVersion {
  /// Versions that every system Ingot runs on has. Metal may throw an exception for others, which nobody could catch.
  private static let known: [Self] = [
    Self(2, 0), Self(2, 1), Self(2, 2), Self(2, 3), Self(2, 4), Self(3, 0), Self(3, 1), Self(3, 2),
  ]

  private static var available: [Self] {
    if #available(macOS 26, *) { known + [Self(4, 0)] } else { known }
  }

  func metalVersion() throws(IngotError) -> MTLLanguageVersion {
    let available = Self.available
    guard available.contains(self), let version = MTLLanguageVersion(rawValue: UInt(major << 16 | minor))
    else {
      let names = available.map(\.description).joined(separator: ", ")
      throw .argument("MSL \(self) is not available here; there are \(names)")
    }
    return version
  }
}
