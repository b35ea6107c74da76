import Testing

@testable import Ingot

@Suite struct ErrorTests {
  @Test("C25: the kinds have the numbers of the C ABI, and the text says kind and message")
  func kindsAndTexts() {
    #expect(IngotError.Kind.allCases.map(\.rawValue) == Array(1...10))
    #expect(IngotError(.argument, "no kernel 'x'").description == "argument: no kernel 'x'")
    #expect(IngotError(.commandBuffer, "it failed", metalCode: 3).metalCode == 3)
  }
}
