import Testing

@testable import Ingot

@Suite("The parts of a mapped file")
struct ImportPartsTests {
  private let page = MappedPages.pageSize

  @Test("A limit of whole pages, or not, or below one page")
  func lengths() {
    #expect(FileParts(length: 7 * page, limit: 3 * page).partLength == 3 * page)
    #expect(FileParts(length: 7 * page, limit: 4 * page - 1).partLength == 3 * page)
    #expect(FileParts(length: 7 * page, limit: 5).partLength == page)
    #expect(FileParts(length: 7 * page, limit: 3 * page).count == 3)
    #expect(FileParts(length: 6 * page, limit: 3 * page).count == 2)
    #expect(FileParts(length: page, limit: .max / 2).count == 1)
    let parts = FileParts(length: 7 * page, limit: 3 * page)
    #expect((0..<3).map(parts.bytes) == [0..<3 * page, 3 * page..<6 * page, 6 * page..<7 * page])
  }

  @Test("Every window of every offset and length near the borders")
  func places() {
    let parts = FileParts(length: 7 * page, limit: 3 * page)
    let near = (0...7).flatMap { edge in (-2...2).map { edge * page + $0 } }.filter { 0...7 * page ~= $0 }
    for start in near {
      for end in near where end > start { check(parts, start..<end) }
    }
  }

  private func check(_ parts: FileParts, _ window: Range<Int>) {
    switch parts.place(of: window.lowerBound, window.count) {
    case .inside(let part, let offset):
      let bytes = parts.bytes(of: part)
      #expect(bytes.contains(window.lowerBound) && bytes.contains(window.upperBound - 1))
      #expect(bytes.lowerBound + offset == window.lowerBound)
    case .across(let pages, let offset, let boundary):
      #expect(boundary % (3 * page) == 0 && window.contains(boundary) && window.lowerBound < boundary)
      #expect(pages.lowerBound + offset == window.lowerBound && (0..<page).contains(offset))
      #expect(pages.lowerBound % page == 0 && pages.upperBound % page == 0)
      #expect((0..<page).contains(pages.upperBound - window.upperBound))
    }
  }
}
