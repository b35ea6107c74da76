import Testing

@testable import Ingot

/// Wraps and drops pages at random, and compares with a list of what must be there.
@Suite("Wrapped memory against a model") struct ImportModelTests {
  private static let pageCount = 12

  /// What is imported, as the model sees it.
  private final class Region {
    let pages: Range<Int>
    let isReadOnly: Bool
    let storageID: UInt64
    /// How many buffers are on it, and how many ever were.
    var live = 1
    var owners = 1

    init(_ pages: Range<Int>, _ isReadOnly: Bool, _ storageID: UInt64) {
      (self.pages, self.isReadOnly, self.storageID) = (pages, isReadOnly, storageID)
    }

    func takes(_ pages: Range<Int>, _ isReadOnly: Bool) -> Bool {
      self.pages.contains(pages.lowerBound) && pages.upperBound <= self.pages.upperBound
        && (isReadOnly || !self.isReadOnly)
    }

    func stands(inTheWayOf pages: Range<Int>, _ isReadOnly: Bool) -> Bool {
      self.pages.overlaps(pages) && !(isReadOnly && self.isReadOnly)
    }
  }

  private final class Model {
    let device: Device
    let pages = TestPages(ImportModelTests.pageCount)
    var generator: SplitMix
    var regions: [Region] = []
    var held: [(buffer: Buffer, region: Region)] = []
    var given = 0
    var outcomes = (made: 0, joined: 0, refused: 0)

    init(seed: UInt64) throws {
      device = try Device.isolated(residency: false)
      generator = SplitMix(state: seed)
    }

    func step() throws {
      if held.count > 8 || (!held.isEmpty && Bool.random(using: &generator)) { drop() } else { try wrap() }
      try #require(pages.releases == given)
      try #require(device.memory.ledger.entry(.wrapped).count == regions.count)
      try #require(device.memory.places.count == regions.count)
    }

    private func drop() {
      let (_, region) = held.remove(at: Int.random(in: held.indices, using: &generator))
      region.live -= 1
      guard region.live == 0 else { return }
      regions.removeAll { $0 === region }
      given += region.owners
    }

    private func wrap() throws {
      let first = Int.random(in: 0..<ImportModelTests.pageCount, using: &generator)
      let span =
        first..<Int.random(in: first + 1...min(first + 5, ImportModelTests.pageCount), using: &generator)
      let isReadOnly = Bool.random(using: &generator)
      let hosts = regions.filter { $0.takes(span, isReadOnly) }
      guard !hosts.isEmpty || !regions.contains(where: { $0.stands(inTheWayOf: span, isReadOnly) }) else {
        outcomes.refused += 1
        #expect(try failure { _ = try pages.wrap(on: device, span, readOnly: isReadOnly) }.kind == .argument)
        return
      }
      let buffer = try pages.wrap(on: device, span, readOnly: isReadOnly)
      #expect(try buffer.contents(for: .read) == pages.pointer + span.lowerBound * TestPages.page)
      if let host = hosts.first(where: { $0.storageID == buffer.storageID }) {
        outcomes.joined += 1
        host.live += 1
        host.owners += 1
        held.append((buffer, host))
      } else {
        outcomes.made += 1
        #expect(hosts.isEmpty && !regions.contains { $0.storageID == buffer.storageID })
        regions.append(Region(span, isReadOnly, buffer.storageID))
        held.append((buffer, regions.last!))
      }
    }

    func end() {
      while !held.isEmpty { drop() }
      #expect(pages.releases == given && regions.isEmpty)
    }
  }

  @Test(arguments: 1...4 as ClosedRange<UInt64>) func agrees(seed: UInt64) throws {
    let model = try Model(seed: seed)
    for _ in 0..<1500 { try model.step() }
    model.end()
    #expect(min(model.outcomes.made, model.outcomes.joined, model.outcomes.refused) > 50)
  }
}
