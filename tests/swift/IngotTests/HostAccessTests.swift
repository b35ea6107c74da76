import Testing

@testable import Ingot

@Suite struct HostAccessTests {
  private let device: Device

  init() throws { device = try Device.isolated() }

  // MARK: Views

  @Test func viewsHoldTheMemory() throws {
    var buffer: Buffer? = try device.ints(0..<100)
    let view = try #require(try buffer?[10..<20]).openView()
    #expect(view.bytes.count == 40)
    #expect(view.storageBytes.count == 400)
    #expect(view.poolID == device.pool.id)
    buffer = nil
    let others = try (0..<20).map { try device.full([100], Int32($0)) }
    #expect(view.bytes.load(as: Int32.self) == 10)
    #expect(others.allSatisfy { $0.storage.contents != view.storageBytes.baseAddress })
  }

  @Test func resetLeavesWhatAViewHoldsAlone() throws {
    let pool = Pool(device)
    let buffer = try pool.full([100], Int32(7))
    let view = try buffer.openView()
    #expect(pool.reset() == 1)
    #expect(throws: IngotError.self) { try buffer.openView() }
    #expect(throws: IngotError.self) { try buffer[0..<1] }
    #expect(throws: IngotError.self) { try buffer.reshape([10, 10]) }
    let again = try pool.full([100], Int32(8))
    #expect(again.storage.contents != view.storageBytes.baseAddress)
    #expect(view.bytes.bindMemory(to: Int32.self).allSatisfy { $0 == 7 })
  }

  @Test func aBodyHoldsTheMemoryAgainstAReset() throws {
    let pool = Pool(device)
    let buffer = try pool.full([100], Int32(7))
    try buffer.withUnsafeMutable(of: Int32.self) { elements in
      #expect(pool.reset() == 1)
      let other = try pool.full([100], Int32(8))
      elements[0] = 9
      #expect(try other.values(of: Int32.self).allSatisfy { $0 == 8 })
    }
    #expect(throws: IngotError.self) { try buffer.values(of: Int32.self) }
    #expect(pool.reset() == 0)
  }

  @Test func useCountsTellWhetherToAskAgain() throws {
    let kernel = try device.kernel("increment", of: Sources.steps)
    let pool = Pool(device)
    let (buffer, other) = (try pool.full([4], Int32(0)), try device.ints(0..<4))
    let view = try buffer[1..<2].openView()
    let count = view.useCount.pointee
    for used in [other, buffer] {
      let encoder = device.encoder()
      try encoder.dispatch(kernel, used, grid: 4)
      #expect(view.useCount.pointee == count)
      try encoder.commitAndWait()
    }
    #expect(view.useCount.pointee == count + 1)
    pool.reset()
    #expect(view.useCount.pointee == count + 2)
  }

  // MARK: Elements

  @Test func itemIsTheOnlyElement() throws {
    let buffer = try device.ints(0..<6)
    #expect(try buffer[4].item(of: Int32.self) == 4)
    #expect(try buffer[5..<6].reshape([1, 1]).item(of: Int32.self) == 5)
    let odd = try buffer.view(as: .uint8).window(offset: 5, shape: [], dtype: .int32)
    #expect(try odd.item(of: Int32.self) == 2 << 24)
    let many = #expect(throws: IngotError.self) { try buffer.item(of: Int32.self) }
    #expect(many?.kind == .argument && many?.message.contains("6 elements") == true)
    let other = #expect(throws: IngotError.self) { try buffer[0].item(of: Float.self) }
    #expect(other?.kind == .argument)
  }

  @Test(arguments: [0, 1, 2, 3, 4, 7, 8])
  func fillFillsTheWindow(offset: Int) throws {
    let count = 10_000
    let whole = try device.full([8 * count + 16], UInt8(0xab))
    let window = try whole.window(offset: offset, shape: [count], dtype: .int64)
    let value: Int64 = 0x0102_0304_0506_0708
    try window.fill(value)
    let bytes = try whole.values(of: UInt8.self)
    let expected = (0..<whole.count).map { index in
      let place = index - offset
      return 0..<8 * count ~= place ? UInt8(truncatingIfNeeded: value >> (8 * (place % 8))) : 0xab
    }
    #expect(bytes == expected)
  }

  @Test func fillIsTyped() throws {
    let buffer = try device.zeros([4], .float32)
    #expect(throws: IngotError.self) { try buffer.fill(Int32(1)) }
    #expect(throws: IngotError.self) { try buffer.fill(with: UnsafeRawBufferPointer(start: nil, count: 0)) }
    try buffer.fill(Float(1.5))
    #expect(try buffer.values(of: Float.self) == [1.5, 1.5, 1.5, 1.5])
  }

  @Test("D11 copies between all kinds of memory come back whole")
  func copiesBetweenKinds() throws {
    let values = (0..<5000).map(Int32.init)
    let makers: [() throws -> Buffer] = [
      { [device] in try device.zeros([5000], .int32) },
      { [device] in try device.exact.zeros([5000], .int32) },
      { [device] in try Pool(device).zeros([5000], .int32) },
      { [device] in try device.buffer([5000], .int32, lazy: true) },
      { [device] in try device.zeros([15_000], .int32)[5000..<10_000] },
      { [device] in try device.zeros([20_003], .uint8).window(offset: 3, shape: [5000], dtype: .int32) },
      { try Device.isolated().zeros([5000], .int32) },
    ]
    for makeSource in makers {
      for makeTarget in makers {
        let (source, target) = (try makeSource(), try makeTarget())
        try source.copy(from: values)
        try source.copy(to: target)
        try source.fill(Int32(0))
        try source.copy(from: target)
        #expect(try source.copy().values(of: Int32.self) == values)
      }
    }
  }

  @Test(arguments: [(0, 1), (1, 0), (0, 7), (7, 0), (3, 3)])
  func copiesBetweenOverlappingWindows(to: Int, from: Int) throws {
    let buffer = try device.ints(0..<100)
    try buffer[to..<to + 90].copy(from: buffer[from..<from + 90])
    var expected = (0..<100).map(Int32.init)
    expected.replaceSubrange(to..<to + 90, with: (from..<from + 90).map(Int32.init))
    #expect(try buffer.values(of: Int32.self) == expected)
  }

  @Test func whatDoesNotFitIsRefused() throws {
    let buffer = try device.ints(0..<6)
    for other in [
      try device.ints(0..<5), try buffer.reshape([2, 3]), try buffer.view(as: .uint32),
      try device.zeros([1], .int32),
    ] {
      let error = #expect(throws: IngotError.self) { try buffer.copy(from: other) }
      #expect(error?.kind == .argument)
    }
    #expect(throws: IngotError.self) { try buffer.copy(from: [1, 2] as [Int32]) }
    #expect(throws: IngotError.self) { try buffer.copy(from: [0, 0, 0, 0, 0, 0] as [Float]) }
    #expect(try buffer.values(of: Int32.self) == Array(0..<6))
  }

  @Test func submissionsAreInTheWay() throws {
    let (x, y) = (try device.ints(0..<4), try device.ints(0..<4))
    let gate = try Gate(device)
    let encoder = device.encoder(label: "held")
    try encoder.dispatch(device.kernel("copy", of: Sources.steps), x, y, grid: 4)
    let submission = try encoder.commit()
    let one = try device.ints(0..<4)
    let refused: [() throws -> Void] = [
      { try y.copy(from: one) }, { try one.copy(from: y) }, { try y.fill(Int32(1)) },
      { try x.fill(Int32(1)) },
      { try x.copy(from: one) }, { _ = try y[0].item(of: Int32.self) },
      { try x.copy(from: [1, 2, 3, 4] as [Int32]) },
    ]
    for call in refused {
      let error = #expect(throws: IngotError.self) { try call() }
      #expect(error?.kind == .inFlight && error?.message.contains("held") == true)
    }
    try one.copy(from: x)
    #expect(try x[2].item(of: Int32.self) == 2)
    gate.open()
    try submission.wait()
    for call in refused { try call() }
  }

  @Test func readOnlyMemoryIsNotWritten() throws {
    let pages = TestPages(1)
    let buffer = try device.wrap(
      pages.pointer, length: TestPages.page, shape: [TestPages.page], dtype: .uint8, readOnly: true,
      onRelease: pages.release)
    let other = try device.full([TestPages.page], UInt8(1))
    let refused: [() throws -> Void] = [
      { try buffer.fill(UInt8(1)) }, { try buffer.copy(from: other) }, { try other.copy(to: buffer) },
      { _ = try buffer.mapped(for: .write) },
    ]
    for call in refused {
      let error = try failure { try call() }
      #expect(error.kind == .argument && error.message.contains("read-only"))
    }
    #expect(try buffer.openView().isReadOnly)
    let mapping = try buffer.mapped(for: .read)
    #expect(try mapping.elements(of: UInt8.self).count == TestPages.page)
    try other.copy(from: buffer)
    #expect(try other.values(of: UInt8.self) == buffer.values(of: UInt8.self))
  }
}
