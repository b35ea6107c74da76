import Testing

@testable import Ingot

/// Calls `body` and returns the error it throws.
func failure(_ body: () throws -> Void) throws -> IngotError {
  do { try body() } catch { return try #require(error as? IngotError) }
  throw Missing()
}

private struct Missing: Error, CustomStringConvertible {
  var description: String { "an error was expected, and none was thrown" }
}

@Suite struct LayoutTests {
  @Test func countsElementsAndBytes() throws {
    let layout = try Layout(dtype: .float32, shape: [2, 3, 4])
    #expect(layout.count == 24)
    #expect(layout.nbytes == 96)
    #expect(try Layout(dtype: .int8, shape: []).nbytes == 1)
  }

  @Test(
    "C90: shapes without elements, or that overflow, are refused with their numbers",
    arguments: [
      ([0], "no elements"), ([3, 0, 2], "[3, 0, 2]"), ([4, -1], "-1"), ([Int.max, 2], "64-bit"),
      ([1 << 62], "64-bit"), (Array(repeating: 1, count: 33), "at most 32"),
    ])
  func badShapes(shape: [Int], expected: String) throws {
    let error = try failure { _ = try Layout(dtype: .float32, shape: shape) }
    #expect(error.kind == .argument)
    #expect(error.message.contains(expected))
  }
}

@Suite struct ExtentTests {
  @Test func numbersAndListsAreSizes() throws {
    #expect(7.asExtent() == Extent(7, 1, 1))
    #expect(try [7, 8].asExtent() == Extent(7, 8, 1))
    #expect(try [7, 8, 9].asExtent() == Extent(7, 8, 9))
  }

  @Test(arguments: [[], [1, 2, 3, 4]]) func otherListsAreNot(list: [Int]) throws {
    #expect(try failure { _ = try list.asExtent() }.message.contains("1 to 3"))
  }
}

@Suite struct BFloat16Tests {
  @Test(
    arguments: [(1, 0x3f80), (-2, 0xc000), (0, 0), (3.140625, 0x4049), (.infinity, 0x7f80)]
      as [(Float, UInt16)])
  func exactValues(value: Float, bits: UInt16) {
    #expect(BFloat16(value).bitPattern == bits)
    #expect(BFloat16(bitPattern: bits).float == value)
  }

  @Test func roundsToNearestEven() {
    #expect(BFloat16(Float(bitPattern: 0x3f80_8000)).bitPattern == 0x3f80)
    #expect(BFloat16(Float(bitPattern: 0x3f81_8000)).bitPattern == 0x3f82)
    #expect(BFloat16(Float(bitPattern: 0x3f80_8001)).bitPattern == 0x3f81)
    #expect(BFloat16(.greatestFiniteMagnitude).bitPattern == 0x7f80)
    #expect(BFloat16(.nan).float.isNaN)
    #expect(BFloat16(Float(bitPattern: 0x7f80_0001)).float.isNaN)
  }
}
