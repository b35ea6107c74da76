/// Turns what clang says about generated text into diagnostics of the user's text.
struct ClangMessages {
  /// The name under which clang knows the text.
  static let inputName = "<stdin>"

  /// Finds the user's position of a line and column that clang names.
  private let locate: (Int, Int) -> SourcePosition?

  init(locate: @escaping (Int, Int) -> SourcePosition?) { self.locate = locate }

  /// What is wrong with the macros that the options define.
  static func errorInMacros(_ output: String) -> String? {
    let line = output.split(separator: "\n").first {
      $0.hasPrefix("<command line>:") && $0.contains(": error: ")
    }
    return line.flatMap { line in line.firstRange(of: ": error: ").map { String(line[$0.upperBound...]) } }
  }

  /// One line of output: `file:line:column:{range}...: severity: message`.
  private struct Line {
    var isUser: Bool
    var severity: String
    var message: String
    var position: SourcePosition?
    var ranges: [Range<Int>] = []
  }

  /// The errors in clang's output, each with its notes. What clang says about the headers is told of the user's
  /// line that led there.
  func groups(in output: String) -> [[Diagnostic]] {
    var groups: [[Line]] = []
    for text in output.split(separator: "\n") {
      guard let line = line(text) else { continue }
      if line.severity == "note" {
        if !groups.isEmpty { groups[groups.count - 1].append(line) }
      } else {
        groups.append([line])
      }
    }
    return groups.filter { $0[0].severity.hasSuffix("error") && !isOfTheCheck($0[0].message) }.compactMap(
      diagnostics)
  }

  /// Errors about the names of the check follow from another error; and only to clang is `c ? a : b` one, for a and b of
  /// one class in two address spaces.
  private func isOfTheCheck(_ message: String) -> Bool {
    if message.contains("'mtl_") { return true }
    guard message.hasPrefix("incompatible operand types") else { return false }
    let types = message.split(separator: "'").enumerated().filter { $0.offset % 2 == 1 }.map { type in
      addressSpaceWords.reduce(String(type.element)) { $0.replacing($1, with: "") }
    }
    return types.count == 2 && types[0] == types[1]
  }

  private func diagnostics(_ group: [Line]) -> [Diagnostic]? {
    let error = group[0]
    let userNotes = group.dropFirst().filter { $0.isUser && $0.position != nil }
    let place =
      error.isUser ? error : userNotes.first { $0.message.hasPrefix("in instantiation") } ?? userNotes.first
    guard let position = place?.position else { return nil }
    let ranges = error.isUser ? error.ranges : []
    var result = [Diagnostic(position: position, message: readable(error.message), ranges: ranges)]
    for note in userNotes where note.position != position {
      let message = readable(note.message)
      result.append(
        Diagnostic(severity: .note, position: note.position!, message: message, ranges: note.ranges))
    }
    return result
  }

  private func line(_ text: Substring) -> Line? {
    guard let (severity, start, end) = severity(text) else { return nil }
    let message = String(text[end...])
    let place = text[..<start].split(separator: ":", omittingEmptySubsequences: false)
    guard place.count >= 3, let numbers = numbers(place) else {
      return Line(isUser: false, severity: severity, message: message)
    }
    var line = Line(isUser: place[0] == Self.inputName, severity: severity, message: message)
    guard line.isUser else { return line }
    line.position = locate(numbers.line, numbers.column)
    line.ranges = ranges(place.dropFirst(3).joined(separator: ":"), line.position)
    return line
  }

  private func severity(_ text: Substring) -> (String, Substring.Index, Substring.Index)? {
    for word in ["fatal error", "error", "warning", "note"] {
      if let found = text.firstRange(of: ": \(word): ") { return (word, found.lowerBound, found.upperBound) }
      if text.hasPrefix("\(word): ") {
        return (word, text.startIndex, text.index(text.startIndex, offsetBy: word.count + 2))
      }
    }
    return nil
  }

  private func numbers(_ place: [Substring]) -> (line: Int, column: Int)? {
    guard let line = Int(place[1]), let column = Int(place[2]) else { return nil }
    return (line, column)
  }

  /// `{2:5-2:9}{2:12-2:13}`, kept where both ends come from the line of the message.
  private func ranges(_ text: String, _ position: SourcePosition?) -> [Range<Int>] {
    guard let position else { return [] }
    return text.split(whereSeparator: { $0 == "{" || $0 == "}" }).compactMap { range in
      let ends = range.split(separator: "-").map { $0.split(separator: ":").compactMap { Int($0) } }
      guard ends.count == 2, ends.allSatisfy({ $0.count == 2 }) else { return nil }
      guard let first = locate(ends[0][0], ends[0][1]) else { return nil }
      guard let last = locate(ends[1][0], ends[1][1] - 1) else { return nil }
      let isOnLine = first.line == position.line && last.line == position.line
      return isOnLine && first.column <= last.column ? first.column..<last.column + 1 : nil
    }
  }
}

private let addressSpaceWords = ["const ", "__global_device ", "__global_host ", "__local "]

/// Says in MSL's words what clang says in its own.
func readable(_ message: String) -> String {
  var text = message
  for (clang, metal) in replacements { text = text.replacing(clang, with: metal) }
  if let missing = unsupported(text) { text += "; \(missing) are not supported by the software Metal yet" }
  if let mark = text.firstRange(of: LibraryCheck.mark) { text = String(text[mark.upperBound...]) }
  return text
}

/// What the unknown name of a message belongs to, where it is known why it is unknown.
private func unsupported(_ message: String) -> String? {
  let isUnknown = [
    "use of undeclared identifier", "unknown type name", "no template named", "no member named",
  ]
  .contains(where: message.hasPrefix)
  guard isUnknown, let name = message.split(separator: "'").dropFirst().first else { return nil }
  return laterFeatures.first { name.hasPrefix($0.prefix) }?.what
}

private let laterFeatures: [(prefix: String, what: String)] = [
  ("simdgroup_", "SIMD-group matrices"), ("simd_", "SIMD-group functions"), ("quad_", "quad-group functions"),
  ("make_filled_simdgroup", "SIMD-group matrices"), ("atomic", "atomics"), ("texture", "textures"),
  ("depth", "textures"), ("sampler", "samplers"), ("tensor", "tensors"), ("float2x", "matrices"),
  ("float3x", "matrices"), ("float4x", "matrices"), ("half2x", "matrices"), ("half3x", "matrices"),
  ("half4x", "matrices"), ("matrix", "matrices"),
]

/// The check compiles with the address spaces of SYCL standing for those of Metal.
private let replacements = [
  (
    "variable length arrays in C++ are a Clang extension [-Werror,-Wvla-cxx-extension]",
    "variable length arrays are not supported in Metal"
  ),
  ("__global_device ", "device "), ("__global_host ", "constant "), ("__local ", "threadgroup "),
  ("address space '__global_device'", "address space 'device'"),
  ("address space '__global_host'", "address space 'constant'"),
  ("address space '__local'", "address space 'threadgroup'"),
  ("generic address space", "address space 'thread'"),
  ("metal::vec<", "vec<"), ("_Float16", "half"), ("__bf16", "bfloat"),
]
