import Testing

@testable import Ingot

@Suite("Wrapped memory") struct ImportWrapTests {
  private let device: Device
  private let increment: Kernel
  private static let page = TestPages.page

  init() throws {
    device = try Device.isolated(residency: false)
    increment = try device.kernel("increment", of: Sources.steps)
  }

  @Test("is used where it is: host and kernels see the same bytes")
  func noCopy() throws {
    let pages = TestPages()
    let x = try pages.wrap(on: device)
    #expect(try x.contents(for: .readWrite) == pages.pointer)
    #expect(x.shape == [pages.intCount] && x.nbytes == pages.length && x.totalNbytes == pages.length)
    #expect(!x.isReadOnly && x.isHostVisible && x.offset == 0)
    pages.ints[7] = 41
    try device.run(increment, x, grid: pages.intCount)
    #expect(pages.ints[7] == 42 && pages.ints[0] == 1 && pages.ints[pages.intCount - 1] == 1)
  }

  @Test("has windows at any byte, of which kernels see no more")
  func offsets() throws {
    let pages = TestPages(1)
    let x = try device.wrap(pages.pointer, length: pages.length, offset: 4, shape: [2], dtype: .int32)
    #expect(x.offset == 4 && x.totalNbytes == pages.length)
    try device.run(increment, x, grid: 2)
    #expect((0..<4).map { pages.ints[$0] } == [0, 1, 1, 0])
    let end = pages.length - 4
    #expect(
      try device.wrap(pages.pointer, length: pages.length, offset: end, shape: [], dtype: .int32).offset
        == end)
  }

  @Test("must fit Metal's rule, and the window must fit into it")
  func errors() throws {
    let pages = TestPages(2)
    let (start, length) = (pages.pointer, pages.length)
    func refused(
      _ region: UnsafeMutableRawPointer, _ length: Int, _ offset: Int = 0, _ shape: [Int] = [1],
      _ parts: String...
    ) throws {
      let error = try failure {
        _ = try device.wrap(
          region, length: length, offset: offset, shape: shape, dtype: .int32, onRelease: pages.release)
      }
      #expect(error.kind == .argument)
      for part in parts { #expect(error.message.contains(part), "\(error.message)") }
    }
    try refused(start + 64, Self.page, 0, [1], "64 bytes after", "16384")
    try refused(start, Self.page + 1, 0, [1], "16385", "whole pages")
    try refused(start, 0, 0, [1], "0 bytes")
    try refused(start, -Self.page, 0, [1], "-16384")
    try refused(start, 1 << 62, 0, [1], "\(1 << 62)", "\(device.maxBufferLength)")
    try refused(UnsafeMutableRawPointer(bitPattern: UInt.max - 16383)!, Self.page, 0, [1], "beyond the end")
    try refused(start, length, -4, [1], "at byte -4")
    try refused(start, length, length - 4, [2], "at byte \(length - 4)", "\(length) bytes of the region")
    try refused(start, length, 4, [length / 4], "\(length) bytes")
    try refused(start, length, .max, [1], "\(Int.max)")
    try refused(start, length, 0, [0], "no elements")
    try refused(start, length, 0, [1 << 40, 1 << 40], "64-bit")
    #expect(pages.releases == 0 && device.memory.ledger.entry(.wrapped).count == 0)
  }

  @Test("is given back once, after the last buffer and the last submission")
  func release() throws {
    let pages = TestPages()
    let gate = try Gate(device)
    var x: Buffer? = try pages.wrap(on: device)
    var window: Buffer? = try x!.window(offset: 0, shape: [16])
    let encoder = device.encoder()
    try encoder.dispatch(increment, window!, grid: 16)
    let submission = try encoder.commit()
    x = nil
    #expect(pages.releases == 0)
    window = nil
    #expect(pages.releases == 0 && device.memory.ledger.entry(.wrapped).count == 1)
    gate.open()
    try submission.wait()
    try waitUntil { pages.releases == 1 }
    #expect(pages.ints[15] == 1 && device.memory.ledger.entry(.wrapped) == MemoryLedger.Entry())
  }

  @Test("of a device with residency sets is given back with the next submission")
  func residency() throws {
    let device = try Device.isolated()
    let pages = TestPages()
    var x: Buffer? = try pages.wrap(on: device)
    #expect(x != nil && device.statistics.residentCount == 1)
    x = nil
    try device.encoder().commitAndWait()
    try waitUntil { pages.releases == 1 }
    #expect(device.statistics.residentCount == 0)
  }

  @Test("can be wrapped again once it is dropped")
  func again() throws {
    let pages = TestPages()
    for round in 1...3 {
      let storage = try pages.wrap(on: device).storageID
      #expect(pages.releases == round && storage > 0)
    }
    // With a residency set Metal's object is there for longer; the place is free all the same.
    let device = try Device.isolated()
    #expect(try pages.wrap(on: device).storageID != pages.wrap(on: device, 1..<3).storageID)
  }

  @Test("inside of wrapped memory is a window on the same storage, and both owners wait for it")
  func nested() throws {
    let (pages, inner) = (TestPages(), TestPages(1))
    var x: Buffer? = try pages.wrap(on: device)
    var y: Buffer? = try device.wrap(
      pages.pointer + 2 * Self.page, length: Self.page, offset: 8, shape: [4], dtype: .float32,
      onRelease: inner.release)
    #expect(y!.storageID == x!.storageID && y!.offset == 2 * Self.page + 8 && y!.dtype == .float32)
    #expect(try y!.contents(for: .read) == pages.pointer + 2 * Self.page + 8)
    #expect(device.memory.ledger.entry(.wrapped) == MemoryLedger.Entry(count: 1, bytes: pages.length))
    x = nil
    #expect(pages.releases == 0 && inner.releases == 0)
    y = nil
    #expect(pages.releases == 1 && inner.releases == 1)
  }

  @Test("that overlaps other wrapped memory is refused, unless nobody writes either")
  func overlaps() throws {
    let (pages, other) = (TestPages(), TestPages())
    let x = try pages.wrap(on: device, 0..<3)
    let error = try failure { _ = try pages.wrap(on: device, 2..<4) }
    #expect(error.kind == .argument && error.message.contains("49152 bytes at 0x"))
    #expect(error.message.contains("32768 bytes at 0x") && error.message.contains("one region"))
    #expect(throws: IngotError.self) { try pages.wrap(on: device, 0..<4) }
    #expect(throws: IngotError.self) { try pages.wrap(on: device, 2..<4, readOnly: true) }
    #expect(try pages.wrap(on: device, 3..<4).storageID != x.storageID)

    let first = try other.wrap(on: device, 0..<3, readOnly: true)
    let second = try other.wrap(on: device, 2..<4, readOnly: true)
    #expect(first.storageID != second.storageID)
    #expect(try other.wrap(on: device, 1..<2, readOnly: true).storageID == first.storageID)
    let writable = try failure { _ = try other.wrap(on: device, 1..<2) }
    #expect(writable.kind == .argument && writable.message.contains("read-only"))
    #expect(pages.releases == 1 && other.releases == 0)
    withExtendedLifetime((x, second)) {}
  }

  @Test("of Ingot's own is refused with what to use instead", arguments: [BufferOptions(), .exact])
  func ownMemory(options: BufferOptions) throws {
    let x = try device.makeBuffer(
      dtype: .int32, shape: [40_000], initial: nil, label: nil, options: options)
    let start = try x.contents(for: .readWrite).alignedUp(toMultipleOf: Self.page)
    let error = try failure { _ = try device.wrap(start, length: Self.page, shape: [1], dtype: .int32) }
    #expect(error.kind == .argument && error.message.contains("use that buffer, or a window"))
  }

  @Test("that is read-only is neither bound for writing nor given to the host for it, nor is a window of it")
  func readOnly() throws {
    let pages = TestPages()
    pages.ints[3] = 5
    let copy = try device.kernel("copy", of: Sources.steps)
    let x = try pages.wrap(on: device, readOnly: true)
    let out = try device.zeros([8], .int32)
    try device.run(copy, x, out, grid: 8)
    #expect(try out.values(of: Int32.self)[3] == 5)
    for window in [x, try x[2..<9], x.flat, try x.reshape([-1, 2]), try x.view(as: .int32)] {
      #expect(window.isReadOnly)
      let error = try failure { try device.run(copy, out, window, grid: 1) }
      #expect(error.kind == .argument && error.message.contains("'y' of kernel 'copy'"))
      #expect(error.message.contains("read-only"))
      #expect(try failure { _ = try window.contents(for: .write) }.message.contains("read-only"))
      #expect(try window.contents(for: .read) >= pages.pointer)
    }
    #expect(try x.copy().isReadOnly == false)
  }

  @Test("read-only inside of writable memory: a window that nobody writes")
  func readOnlyWindow() throws {
    let pages = TestPages()
    let x = try pages.wrap(on: device)
    let y = try pages.wrap(on: device, 1..<2, readOnly: true)
    #expect(y.storageID == x.storageID && y.isReadOnly && !x.isReadOnly)
    #expect(throws: IngotError.self) { try device.run(increment, y, grid: 1) }
    try device.run(increment, x, grid: 1)
  }

  @Test("is one storage still when its buffers are gone but a submission is not: what is under way is known")
  func inFlight() throws {
    let pages = TestPages()
    let gate = try Gate(device)
    let encoder = device.encoder(label: "under way")
    let storage = try {
      let x = try pages.wrap(on: device)
      try encoder.dispatch(increment, x, grid: 4)
      return x.storageID
    }()
    let submission = try encoder.commit()
    let y = try pages.wrap(on: device)
    #expect(y.storageID == storage)
    let error = try failure { _ = try y.contents(for: .read) }
    #expect(error.kind == .inFlight && error.message.contains("under way"))
    gate.open()
    try submission.wait()
    #expect(try y.values(of: Int32.self)[3] == 1)
  }

  @Test("is dropped with the device that it was wrapped on")
  func deviceGoes() throws {
    let pages = TestPages()
    do {
      let device = try Device.isolated()
      _ = try pages.wrap(on: device)
    }
    #expect(pages.releases == 1)
  }

  @Test("from many threads at once is one storage for all that are alive together")
  func threads() async throws {
    let pages = TestPages()
    let device = device
    let outer = try pages.wrap(on: device)
    let ids = try await withThrowingTaskGroup(of: Set<UInt64>.self) { group in
      for thread in 0..<4 {
        group.addTask {
          try Set((0..<200).map { try pages.wrap(on: device, thread..<4 - $0 % (4 - thread)).storageID })
        }
      }
      return try await group.reduce(into: Set<UInt64>()) { $0.formUnion($1) }
    }
    #expect(ids == [outer.storageID] && pages.releases == 0)
    #expect(device.memory.ledger.entry(.wrapped).count == 1)
  }
}
