import Dispatch
import Testing

@testable import Ingot

@Suite struct MappedTests {
  private let device: Device
  private let copy: Kernel
  private let (x, y): (Buffer, Buffer)

  init() throws {
    device = try Device.isolated()
    copy = try device.kernel("copy", of: Sources.steps)
    (x, y) = (try device.ints(0..<64, label: "source"), try device.full([64], Int32(-1), label: "target"))
  }

  /// Reads `x`, and writes `y`.
  private func encoded(_ x: Buffer, _ y: Buffer) throws -> CommandEncoder {
    let encoder = device.encoder(label: "work")
    try encoder.dispatch(copy, x, y, grid: x.count)
    return encoder
  }

  @Test(arguments: [Access.read, .write, .readWrite])
  func conflictsAreRefusedUntilItIsClosed(access: Access) throws {
    for (mapped, isRefused) in [(y, true), (x, access != .read)] {
      let encoder = try encoded(x, y)
      let mapping = try mapped.mapped(for: access)
      if isRefused {
        let error = try failure { try encoder.commit() }
        #expect(error.kind == .inFlight)
        #expect(error.message.contains("'work'") && error.message.contains(mapped.label!), "\(error.message)")
        #expect(device.statistics.unfinished == 0)
        mapping.close()
      }
      try encoder.commitAndWait()
      mapping.close()
      #expect(try y.values(of: Int32.self) == Array(0..<64))
      try y.fill(Int32(-1))
    }
  }

  @Test func bytesCount() throws {
    let mapping = try y[8..<16].mapped(for: .readWrite)
    try encoded(x[0..<8], y[0..<8]).commitAndWait()
    try encoded(x[16..<24], y[16..<24]).commitAndWait()
    for range in [8..<9, 15..<16, 0..<64] {
      let encoder = try encoded(x[range], y[range])
      #expect(try failure { try encoder.commit() }.kind == .inFlight)
    }
    #expect(mapping.isOpen)
  }

  @Test func whatIsUnderWayIsNotMapped() throws {
    let gate = try Gate(device)
    let submission = try encoded(x, y).commit()
    for (buffer, access) in [(x, Access.write), (x, .readWrite), (y, .read), (y, .write)] {
      let error = try failure { _ = try buffer.mapped(for: access) }
      #expect(error.kind == .inFlight && error.message.contains("'work'"))
      let late = try failure { _ = try buffer.mapped(for: access, waiting: .milliseconds(5)) }
      #expect(late.kind == .timeout)
    }
    try x.mapped(for: .read).close()
    DispatchQueue.global().asyncAfter(deadline: .now() + 0.02) { gate.open() }
    let mapping = try y.mapped(for: .write, waiting: nil)
    #expect(submission.isDone && mapping.isOpen)
    // What timed out has left nothing mapped.
    try encoded(y, x).commitRefused(by: mapping)
    try x.mapped(for: .readWrite).close()
  }

  @Test func newWorkWaitsForWhoWaits() throws {
    let gate = try Gate(device)
    try encoded(x, y).commit()
    let opened = DispatchSemaphore(value: 0)
    let y = y
    DispatchQueue.global().async {
      let mapping = try? y.mapped(for: .write, waiting: nil)
      #expect(mapping != nil)
      mapping?.close()
      opened.signal()
    }
    let encoder = try encoded(x, y)
    while device.mappings.count == 0 { Platform.yieldThread() }
    #expect(try failure { try encoder.commit() }.kind == .inFlight)
    gate.open()
    opened.wait()
    try encoder.commitAndWait()
  }

  @Test func readersShareAndWritersExclude() throws {
    let readers = try [x.mapped(for: .read), x[0..<9].mapped(for: .read)]
    for access in [Access.write, .readWrite] {
      let error = try failure { _ = try x[8..<9].mapped(for: access) }
      #expect(error.kind == .state && error.message.contains("reading"))
    }
    for reader in readers { reader.close() }
    let writer = try x[8..<16].mapped(for: .write)
    #expect(try failure { _ = try x[15..<17].mapped(for: .read) }.kind == .state)
    try x[16..<17].mapped(for: .write).close()
    writer.close()
    writer.close()
    try x.mapped(for: .write).close()
  }

  @Test func elements() throws {
    let mapping = try x.mapped(for: .readWrite)
    try mapping.mutableElements(of: Int32.self)[3] = 33
    #expect(try mapping.elements(of: Int32.self)[3] == 33)
    #expect(mapping.bytes.count == 256)
    #expect(try failure { _ = try mapping.elements(of: Float.self) }.kind == .argument)
    mapping.close()
    #expect(try failure { _ = try mapping.elements(of: Int32.self) }.kind == .state)
    let reading = try x.mapped(for: .read)
    #expect(try failure { _ = try reading.mutableElements(of: Int32.self) }.kind == .state)
  }

  @Test func bodies() throws {
    try y.withMappedMutable(of: Int32.self) { elements in
      elements[0] = 5
      #expect(throws: IngotError.self) { try encoded(y, x).commit() }
    }
    let first = try y.withMapped(of: Int32.self) { elements in
      try encoded(y, x).commitAndWait()
      #expect(throws: IngotError.self) { try encoded(x, y).commit() }
      return elements[0]
    }
    #expect(first == 5)
    #expect(try x[0].item(of: Int32.self) == 5)
    struct Stop: Error {}
    #expect(throws: Stop.self) { try y.withMappedMutable(of: Int32.self) { _ in throw Stop() } }
    #expect(device.mappings.count == 0)
  }

  @Test func theLastReferenceEndsIt() throws {
    var mapping: Mapping? = try y.mapped(for: .write)
    #expect(device.mappings.count == 1)
    withExtendedLifetime(mapping) {}
    mapping = nil
    #expect(device.mappings.count == 0)
    try encoded(x, y).commitAndWait()
  }

  @Test func aResetLeavesItsMemoryAlone() throws {
    let pool = Pool(device)
    let mapping = try pool.full([16], Int32(3)).mapped(for: .readWrite)
    #expect(pool.reset() == 1)
    try pool.full([16], Int32(4)).mapped(for: .write).close()
    #expect(try mapping.elements(of: Int32.self).allSatisfy { $0 == 3 })
  }

  /// Whoever comes first, they are never at it together: what the host writes stays until it closes.
  @Test func threadsThatCommitAndMap() throws {
    let (stop, done, torn) = (LockedCount(), LockedCount(), LockedCount())
    let (device, kernel, y) = (device, try device.kernel("increment", of: Sources.steps), y)
    @Sendable func commit() {
      while stop.value == 0 {
        let encoder = device.encoder()
        guard (try? encoder.dispatch(kernel, y, grid: 64)) != nil else { continue }
        if (try? encoder.commit()) != nil { done.add() }
      }
    }
    @Sendable func map() {
      defer { stop.add() }
      // The others may begin late, and be kept out for long.
      for value in 0..<Int32(1_000_000) where value < 200 || done.value == 0 {
        guard let mapping = try? y.mapped(for: .readWrite, waiting: value % 2 == 0 ? nil : .zero),
          let elements = try? mapping.mutableElements(of: Int32.self)
        else { continue }
        elements.update(repeating: -value)
        for _ in 0..<50 where !elements.allSatisfy({ $0 == -value }) { torn.add() }
        mapping.close()
        if value >= 200 { Platform.yieldThread() }
      }
    }
    // Threads of their own, since other tests may keep those of the queues busy.
    onThreads(4) { number in if number == 0 { map() } else { commit() } }
    try device.synchronize()
    #expect(torn.value == 0 && done.value > 0)
  }
}

extension CommandEncoder {
  fileprivate func commitRefused(by mapping: Mapping) throws {
    #expect(try failure { try commit() }.kind == .inFlight)
    mapping.close()
    try commitAndWait()
  }
}
