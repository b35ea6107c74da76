import Testing

@testable import Ingot

@Suite struct CompileFailureTests {
  private let source = "kernel void k(device float *x [[buffer(0)]]) {\n\tx[0] = y;\n}\n"

  @Test func theFirstErrorIsTakenApart() throws {
    let log = """
      program_source:1:3: warning: something else
      program_source:2:9: error: use of undeclared identifier 'y': really
      program_source:3:1: error: another
      """
    let failure = try #require(CompileFailure(log: log, source: source))
    #expect(failure.file == "program_source")
    #expect(failure.line == 2)
    #expect(failure.column == 9)
    #expect(failure.sourceLine == "\tx[0] = y;")
    #expect(failure.text == "use of undeclared identifier 'y': really")
    #expect(failure.excerpt == "\n  \tx[0] = y;\n  \t       ^")
  }

  @Test func aLineThatIsNotThereHasNoText() throws {
    let failure = try #require(CompileFailure(log: "program_source:99:1: error: odd", source: source))
    #expect(failure.sourceLine.isEmpty)
    #expect(failure.excerpt.isEmpty)
  }

  @Test(arguments: ["", "no place in here", "program_source:x:1: error: odd", "a: b: c: d: e"])
  func otherTextIsNoPlace(log: String) {
    #expect(CompileFailure(log: log, source: source) == nil)
  }
}

@Suite struct CompileOptionsTests {
  @Test func macrosStandAboveTheSource() throws {
    #expect(try CompileOptions().preamble() == "")
    let options = CompileOptions(macros: ["B": "", "A": "1 + 2"])
    #expect(try options.preamble() == "#define A 1 + 2\n#define B \n#line 1\n")
  }

  @Test(arguments: ["", "1a", "a b", "ä", "a-b"]) func namesAreIdentifiers(name: String) throws {
    let error = try failure { _ = try CompileOptions(macros: [name: "1"]).preamble() }
    #expect(error.kind == .argument)
    #expect(error.message.contains("'\(name)'"))
  }

  @Test func valuesHaveOneLine() throws {
    #expect(try failure { _ = try CompileOptions(macros: ["A": "1\n2"]).preamble() }.message.contains("'A'"))
  }

  @Test func unknownVersionsAreRefusedWithThoseThereAre() throws {
    #expect(try CompileOptions.LanguageVersion(3, 1).metalVersion().rawValue == 3 << 16 | 1)
    for version in [CompileOptions.LanguageVersion(9, 9), .init(-1, 0), .init(Int.max, Int.max)] {
      let error = try failure { _ = try version.metalVersion() }
      #expect(error.kind == .argument)
      #expect(error.message.contains("3.2"))
    }
  }
}

@Suite struct SuggestionTests {
  @Test func theNearestNameIsFound() {
    #expect(Suggestion.nearest(to: "saxpi", among: ["scale", "saxpy", "sum"]) == "saxpy")
    #expect(Suggestion.nearest(to: "x", among: []) == nil)
  }

  @Test(arguments: [
    ("", "", 0), ("abc", "", 3), ("", "abc", 3), ("kitten", "sitting", 3), ("same", "same", 0),
  ])
  func distances(first: String, second: String, distance: Int) {
    #expect(Suggestion.distance(first, second) == distance)
  }
}

@Suite struct ConfigurationTests {
  @Test func nothingSetIsTheDefault() throws {
    let configuration = try Configuration { _ in nil }
    #expect(!configuration.requireGPU && !configuration.noResidency && configuration.ordering == nil)
  }

  @Test func valuesAreRead() throws {
    let values = ["INGOT_REQUIRE_GPU": "1", "INGOT_NO_RESIDENCY": "yes", "INGOT_ORDERING": "serial"]
    let configuration = try Configuration { values[$0] }
    #expect(configuration.requireGPU && configuration.noResidency && configuration.ordering == .serial)
  }

  @Test(arguments: ["INGOT_REQUIRE_GPU", "INGOT_NO_RESIDENCY", "INGOT_ORDERING"])
  func otherValuesAreErrors(name: String) throws {
    let error = try failure { _ = try Configuration { $0 == name ? "maybe" : nil } }
    #expect(error.kind == .argument)
    #expect(error.message.contains(name) && error.message.contains("maybe"))
  }
}
