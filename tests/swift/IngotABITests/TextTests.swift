import Testing

@testable import IngotABI

struct TextTests {
  /// Writes into memory that is full of 7, and returns the bytes up to the NUL, and the rest.
  private func written(_ text: String, capacity: Int) -> (text: String, rest: [UInt8], whole: UInt64) {
    var memory = [UInt8](repeating: 7, count: 64)
    let whole = memory.withUnsafeMutableBytes {
      Text.write(text, to: $0.baseAddress, capacity: UInt64(capacity))
    }
    let end = memory.firstIndex(of: 0) ?? 0
    return (String(decoding: memory[..<end], as: UTF8.self), Array(memory[max(end + 1, capacity)...]), whole)
  }

  @Test(arguments: 0...16)
  func neverSplitsACharacter(capacity: Int) {
    let text = "aß→𝄞!"
    let result = written(text, capacity: capacity)
    #expect(result.whole == UInt64(text.utf8.count))
    #expect(text.hasPrefix(result.text))
    #expect(result.text.utf8.count < max(capacity, 1))
    #expect(result.rest.allSatisfy { $0 == 7 })
  }

  @Test func fillsAMemberOfAStruct() {
    var member: (UInt8, UInt8, UInt8, UInt8) = (1, 1, 1, 1)
    Text.write("a→", toMember: &member)
    #expect(member == (97, 0, 1, 1))
  }

  @Test func measuresWithoutATarget() {
    #expect(Text.write("→→", to: nil, capacity: .max) == 6)
  }
}
