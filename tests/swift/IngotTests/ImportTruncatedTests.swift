import Testing

@testable import Ingot

@Suite("Files that become shorter while they are mapped") struct ImportTruncatedTests {
  private let device: Device
  private let copy: Kernel
  private static let page = MappedPages.pageSize

  init() throws {
    device = try Device.isolated()
    copy = try device.kernel("copy", of: Sources.steps)
  }

  @Test(
    "An encoder that uses the missing bytes is refused at the commit, and can be discarded or committed later"
  )
  func atCommit() throws {
    let file = try TestFile(length: 4 * Self.page)
    let map = try MappedFile(file.path, on: device, writable: false, limit: 2 * Self.page)
    let x = try map.window(offset: 2 * Self.page, shape: [8], dtype: .int32)
    let out = try device.zeros([8], .int32)
    let encoder = device.encoder(label: "reader")
    try encoder.dispatch(copy, x[1..<5], out, grid: 4)
    let needed = 2 * Self.page + 5 * 4
    try file.truncate(to: needed - 1)
    for _ in 0..<2 {
      let error = try failure { try encoder.commit() }
      #expect(error.kind == .state)
      for part in [
        "'reader'", file.path, "byte \(needed)", "has \(needed - 1) bytes", "\(4 * Self.page) when",
      ] {
        #expect(error.message.contains(part), "\(error.message)")
      }
    }
    try file.truncate(to: needed)
    try file.write([5], at: needed - 4)
    try encoder.dispatch(copy, out, try device.zeros([8], .int32), grid: 4)
    try encoder.commitAndWait()
    #expect(try out.values(of: Int32.self)[3] == 5)

    let other = device.encoder()
    try other.dispatch(copy, x, out, grid: 8)
    #expect(throws: IngotError.self) { try other.commit() }
    try other.discard()
    #expect(device.statistics.unfinished == 0)
  }

  @Test("Bytes that nobody uses may be missing")
  func unused() throws {
    let file = try TestFile(length: 4 * Self.page)
    let map = try device.mapFile(file.path)
    let (first, last) = (
      try map.window(shape: [8], dtype: .int32),
      try map.window(offset: 3 * Self.page, shape: [8], dtype: .int32)
    )
    let out = try device.zeros([8], .int32)
    try file.truncate(to: Self.page)
    try device.run(copy, first, out, grid: 8)
    #expect(throws: IngotError.self) { try device.run(copy, last, out, grid: 8) }
  }

  @Test(
    "Bytes that go missing after the commit make the submission fail, and the device goes on", .softwareDevice
  )
  func afterCommit() throws {
    let file = try TestFile(length: 4 * Self.page)
    let map = try device.mapFile(file.path)
    let x = try map.window(offset: 2 * Self.page, shape: [8], dtype: .int32)
    let out = try device.zeros([8], .int32)
    let gate = try Gate(device)
    let encoder = device.encoder(label: "late")
    try encoder.dispatch(copy, x, out, grid: 8)
    let submission = try encoder.commit()
    try file.truncate(to: 0)
    gate.open()
    let error = try failure { try submission.wait() }
    #expect(error.kind == .commandBuffer && error.message.contains("late"))
    #expect(error.metalCode == 3)
    try file.truncate(to: 4 * Self.page)
    try device.run(copy, x, out, grid: 8)
    #expect(try out.values(of: Int32.self) == Array(repeating: 0, count: 8))
  }
}
