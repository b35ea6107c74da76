import Foundation

/// What the text of `Sources/Metal` declares publicly, read without a compiler: every type and every member is seen.
struct DeclarationReader {
  struct Member: Hashable {
    var name: String
    /// Nil for what is no constant.
    var value: String?
  }

  struct DeclaredType {
    var kind: String
    var name: String
    var inherits: [String]
    var body: String
  }

  let text: String

  /// All public files of the module; `Software`, `Scheduler` and `MSL` declare nothing public.
  static func module() throws -> DeclarationReader {
    let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(
      path: "../../../Sources/Metal")
    let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
    let texts = try files.filter { $0.pathExtension == "swift" }.sorted { $0.path < $1.path }
      .map { try String(contentsOf: $0, encoding: .utf8) }
    return DeclarationReader(text: texts.joined(separator: "\n"))
  }

  /// Top-level types of a kind: "enum", "struct", "protocol" or "class".
  func types(_ kind: String) throws -> [DeclaredType] {
    let pattern = try Regex("(?m)^(?:public|open) (?:final )?\(kind) (MTL\\w+)(?:: ([^{]*))? \\{")
    return text.matches(of: pattern).map { match in
      let inherits = match.output[2].substring.map { $0.split(separator: ",").map { trimmed($0) } } ?? []
      return DeclaredType(
        kind: kind, name: String(match.output[1].substring!), inherits: inherits,
        body: block(from: match.range.upperBound))
    }
  }

  func functions() throws -> [String] {
    text.matches(of: try Regex("(?m)^public func (MTL\\w+)")).map { String($0.output[1].substring!) }
  }

  /// Members of `extension X`, where default arguments are spelled out.
  func extensions(of name: String) throws -> [String] {
    text.matches(of: try Regex("(?m)^extension \(name)(?:: [^{]*)? \\{")).map {
      block(from: $0.range.upperBound)
    }
  }

  /// From behind an opening brace to its closing one.
  private func block(from start: String.Index) -> String {
    var depth = 1
    var index = start
    while depth > 0 {
      if text[index] == "{" { depth += 1 } else if text[index] == "}" { depth -= 1 }
      index = text.index(after: index)
    }
    return String(text[start..<text.index(before: index)])
  }

  /// `case name = value` of an enum.
  static func cases(in body: String) throws -> [Member] {
    body.matches(of: try Regex("(?m)^ *case `?(\\w+)`?(?: = ([0-9_]+))?$")).map { match in
      Member(name: String(match.output[1].substring!), value: match.output[2].substring.map { digits($0) })
    }
  }

  /// Everything else that is static: members of option sets, and those that stand for an error's codes.
  static func statics(in body: String) throws -> [Member] {
    let pattern = try Regex("(?m)^ *public static (?:let|var) `?(\\w+)`?(.*)$")
    return try body.matches(of: pattern).map { match in
      let rest = String(match.output[2].substring!)
      let raw = try Regex("rawValue: ([0-9_]+)").firstMatch(in: rest)?.output[1].substring
      let code = try Regex("\\{ \\.(\\w+) \\}").firstMatch(in: rest)?.output[1].substring
      return Member(
        name: String(match.output[1].substring!), value: raw.map { digits($0) } ?? code.map(String.init))
    }
  }

  static func properties(in body: String) throws -> [String] {
    body.matches(of: try Regex("(?m)^  (?:public |open |private\\(set\\) )*(?:var|let) (\\w+)")).compactMap {
      match in
      match.0.contains("private ") ? nil : String(match.output[1].substring!)
    }
  }

  /// Functions with their labels, as `name(label:_:)`.
  static func methods(in body: String) throws -> [String] {
    try body.matches(of: Regex("func (\\w+)\\(")).map { match in
      "\(match.output[1].substring!)(\(labels(in: body, from: match.range.upperBound)))"
    }
  }

  private static func labels(in body: String, from start: String.Index) -> String {
    var parameters = [""]
    var depth = 0
    for character in body[start...] {
      if "([{".contains(character) { depth += 1 }
      if ")]}".contains(character) {
        if depth == 0 { break }
        depth -= 1
      }
      if character == ",", depth == 0 {
        parameters.append("")
      } else {
        parameters[parameters.count - 1].append(character)
      }
    }
    let words = parameters.map { $0.split { " :\n".contains($0) }.first.map(String.init) ?? "" }
    return words.filter { !$0.isEmpty }.map { "\($0):" }.joined()
  }

  private static func digits(_ text: Substring) -> String { text.filter { $0 != "_" } }

  private func trimmed(_ text: Substring) -> String { text.trimmingCharacters(in: .whitespacesAndNewlines) }
}
