import Testing

@testable import Ingot

/// Windows: what they mean, what is refused, what they keep.
@Suite struct WindowTests {
  let device: Device
  /// 0 to 11 as 3 rows of 4.
  let x: Buffer

  init() throws {
    device = try Device.isolated()
    x = try device.array(Array(0..<12) as [Int32], shape: [3, 4], label: "x")
  }

  private func refusal(_ texts: String..., of make: () throws -> Buffer) throws {
    let error = try failure { _ = try make() }
    #expect(error.kind == .argument)
    for text in texts { #expect(error.message.contains(text), "\(error.message)") }
  }

  @Test("D02: a window knows its offset and size") func metadata() throws {
    let rows = try x[1..<3]
    #expect(rows.offset == 16 && rows.nbytes == 32 && rows.count == 8 && rows.shape == [2, 4])
    #expect(rows.totalNbytes == 48 && rows.dtype == .int32 && rows.label == "x" && rows.device === device)
    #expect(try rows.values(of: Int32.self) == Array(4..<12))
    #expect(rows.description == "Buffer(int32, shape: [2, 4], 32 bytes at 16 of 48, 'x')")
    let element = try x[2][3]
    #expect(element.shape == [] && element.offset == 44 && element.count == 1)
    #expect(try element.values(of: Int32.self) == [11])
  }

  @Test("D04, D05: each window has an id of its own, and the storage's") func identity() throws {
    let windows = try [x, x[0..<3], x[0], x[0], x.flat, x.reshape([12]), x.view(as: .float32), x[1].flat]
    #expect(Set(windows.map(\.id)).count == windows.count)
    #expect(Set(windows.map(\.storageID)) == [x.storageID])
  }

  @Test("offsets are relative to the buffer that a window is taken of") func windowsOfWindows() throws {
    let tail = try x[1..<3]
    #expect(try tail[1].values(of: Int32.self) == [8, 9, 10, 11])
    let part = try tail.window(offset: 4, shape: [2])
    #expect(part.offset == 20)
    #expect(try part.values(of: Int32.self) == [5, 6])
    #expect(try part.window(offset: 0, shape: [2], dtype: .uint8).offset == 20)
  }

  @Test("D03: what ends after the buffer is refused, also where the storage goes on") func beyondTheEnd()
    throws
  {
    let middle = try x[1..<2]
    try refusal("20 bytes", "16 bytes") { try middle.window(offset: 0, shape: [5]) }
    try refusal("at byte 4") { try middle.window(offset: 4, shape: [4]) }
    try refusal("at byte -4") { try middle.window(offset: -4, shape: [1]) }
    for offset in [17, Int.max, Int.max - 3, Int.min] {
      try refusal("\(offset)") { try middle.window(offset: offset, shape: [1], dtype: .uint8) }
    }
    try refusal("64-bit") { try middle.window(offset: 0, shape: [.max, 2]) }
    try refusal("1..<2", "0..<1") { try middle[1..<2] }
    try refusal("-1..<1") { try middle[-1..<1] }
    try refusal("0..<\(Int.max)") { try middle[0..<Int.max] }
    try refusal("index 1", "0..<1") { try middle[1] }
    try refusal("index -1") { try middle[-1] }
    try refusal("no axes") { try x[0][0][0] }
    try refusal("no axes") { try x[0][0][0..<1] }
  }

  @Test func emptyWindowsAreRefusedWithTheReason() throws {
    try refusal("zero bytes") { try x[2..<2] }
    try refusal("zero bytes") { try x.window(offset: 0, shape: [0]) }
    try refusal("zero bytes") { try x.window(offset: 48, shape: [4, 0]) }
  }

  @Test func reshaping() throws {
    #expect(try x.reshape([2, -1]).shape == [2, 6])
    #expect(try x.reshape([-1]).shape == [12])
    #expect(try x.reshape([12, -1]).shape == [12, 1])
    #expect(try x[1].reshape([2, 2])[1].values(of: Int32.self) == [6, 7])
    #expect(try x[0][0].reshape([1, 1]).shape == [1, 1])
    #expect(try x[0][0].reshape([]).shape == [])
    #expect(x.flat.shape == [12])
    for shape in [[5], [-1, 5], [-1, 24], [-1, -1], [0, -1], [-2, 6], [], [.max, .max, -1]] {
      #expect(try failure { _ = try x.reshape(shape) }.kind == .argument, "\(shape)")
    }
  }

  @Test func otherDTypes() throws {
    #expect(try x.view(as: .uint8).shape == [3, 16])
    #expect(try x.view(as: .int64).shape == [3, 2])
    #expect(try x.view(as: .int64)[0].values(of: Int64.self) == [1 << 32, 3 << 32 | 2])
    #expect(try x[0][0].view(as: .float32).shape == [])
    try refusal("12 bytes", "8 of int64") { try x.flat[0..<3].view(as: .int64) }
    try refusal("no axes", "flat") { try x[0][0].view(as: .uint8) }
    #expect(try x[0][0].flat.view(as: .uint8).shape == [4])
  }

  @Test("typed access to a misaligned window is an error and no trap; its bytes can be read and copied")
  func misalignedAccess() throws {
    let odd = try x.window(offset: 2, shape: [2])
    for access in [
      { _ = try odd.values(of: Int32.self) }, { try odd.withUnsafe(of: Int32.self) { _ in } },
      { try odd.withUnsafeMutable(of: Int32.self) { _ in } },
    ] {
      let error = try failure(access)
      #expect(error.kind == .argument && error.message.contains("copy()"), "\(error.message)")
    }
    #expect(try odd.view(as: .uint8).values(of: UInt8.self) == [0, 0, 1, 0, 0, 0, 2, 0])
    #expect(try odd.copy().values(of: Int32.self) == [1 << 16, 2 << 16])
    #expect(try x.window(offset: 4, shape: [1], dtype: .int64).copy().values(of: Int64.self) == [2 << 32 | 1])
  }

  @Test func copiesAreStoragesOfTheirOwn() throws {
    let copy = try x[1].copy()
    #expect(copy.storageID != x.storageID && copy.offset == 0 && copy.nbytes == 16 && copy.totalNbytes == 16)
    #expect(copy.label == "x" && copy.shape == [4] && copy.dtype == .int32)
    #expect(try x[1].copy(label: "y").label == "y")
    try copy.withUnsafeMutable(of: Int32.self) { $0[0] = 100 }
    #expect(try x.values(of: Int32.self) == Array(0..<12))
    #expect(try copy.values(of: Int32.self) == [100, 5, 6, 7])
  }

  @Test("the host's view of a window is the window, not the parent") func hostViews() throws {
    let window = try x[1]
    #expect(try window.contents(for: .read) == x.contents(for: .read) + 16)
    try window.withUnsafeMutable(of: Int32.self) { elements in
      #expect(elements.count == 4)
      for index in elements.indices { elements[index] = -1 }
    }
    #expect(try x.values(of: Int32.self) == [0, 1, 2, 3, -1, -1, -1, -1, 8, 9, 10, 11])
  }

  @Test("C07: windows of one storage are one member of the residency set, until the last goes")
  func membership() throws {
    var members: Int { device.statistics.residentCount }
    let before = members
    var windows = try device.exact.zeros([8, 8], .float32)[0..<8].eachRow()
    #expect(members == before + 1)
    while windows.count > 1 { windows.removeLast() }
    try device.encoder().commitAndWait()
    #expect(members == before + 1)
    #expect(try windows[0].values(of: Float.self) == Array(repeating: 0, count: 8))
    windows.removeAll()
    #expect(members == before)
  }
}

extension Buffer {
  fileprivate func eachRow() throws -> [Buffer] { try (0..<shape[0]).map { try self[$0] } }
}
