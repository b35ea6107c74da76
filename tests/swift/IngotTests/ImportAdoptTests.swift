import Metal
import Testing

@testable import Ingot

@Suite("Adopted Metal buffers") struct ImportAdoptTests {
  private let device: Device
  private let increment: Kernel

  init() throws {
    device = try Device.isolated(residency: false)
    increment = try device.kernel("increment", of: Sources.steps)
  }

  private func foreign(_ length: Int = 4096, _ options: MTLResourceOptions = []) throws -> any MTLBuffer {
    try #require(device.metalDevice.makeBuffer(length: length, options: options))
  }

  @Test("are used where they are, from an offset on, and retained")
  func adopts() throws {
    var metal: (any MTLBuffer)? = try foreign()
    let contents = metal!.contents()
    contents.initializeMemory(as: Int32.self, repeating: 0, count: 1024)
    let x = try device.adopt(metal!, offset: 8, shape: [16], dtype: .int32, label: "theirs")
    #expect(device.memory.ledger.entry(.adopted) == MemoryLedger.Entry(count: 1, bytes: 4096))
    #expect(x.offset == 8 && x.totalNbytes == 4096 && x.isHostVisible && x.label == "theirs")
    #expect(try x.metalBuffer().buffer === metal! && x.metalBuffer().offset == 8)
    weak let object = metal
    metal = nil
    #expect(object != nil)
    try device.run(increment, x, grid: 16)
    #expect(try x.contents(for: .read) == contents + 8)
    let ints = contents.assumingMemoryBound(to: Int32.self)
    #expect((0..<20).map { ints[$0] } == [0, 0] + Array(repeating: 1, count: 16) + [0, 0])
  }

  @Test("go when nobody uses them any more")
  func goes() throws {
    weak var object: (any MTLBuffer)?
    try withAutoreleasePool {
      let metal = try foreign()
      object = metal
      _ = try device.adopt(metal, shape: [4], dtype: .int32)
    }
    #expect(object == nil && device.memory.ledger.entry(.adopted) == MemoryLedger.Entry())
  }

  @Test("in private memory are for kernels only")
  func privateMemory() throws {
    let copy = try device.kernel("copy", of: Sources.steps)
    let x = try device.adopt(foreign(4096, .storageModePrivate), shape: [1024], dtype: .int32)
    #expect(!x.isHostVisible)
    for access in [Access.read, .write, .readWrite] {
      let error = try failure { _ = try x.contents(for: access) }
      #expect(error.kind == .argument && error.message.contains("private memory"))
    }
    #expect(throws: IngotError.self) { try x.copy() }
    #expect(throws: IngotError.self) { try x[1..<3].values(of: Int32.self) }
    let (ones, out) = (try device.full([1024], Int32(1)), try device.zeros([1024], .int32))
    let encoder = device.encoder()
    try encoder.dispatch(copy, ones, x, grid: 1024)
    try encoder.dispatch(increment, x, grid: 1024)
    try encoder.dispatch(copy, x, out, grid: 1024)
    #expect(try encoder.commitAndWait().barriers == 2)
    #expect(try out.values(of: Int32.self) == Array(repeating: 2, count: 1024))
  }

  @Test(
    "that are adopted twice are one storage", arguments: [[], .storageModePrivate] as [MTLResourceOptions])
  func twice(options: MTLResourceOptions) throws {
    let metal = try foreign(4096, options)
    let x = try device.adopt(metal, shape: [1024], dtype: .int32)
    let y = try device.adopt(metal, offset: 16, shape: [4], dtype: .float32, readOnly: true)
    #expect(x.storageID == y.storageID && y.offset == 16 && y.isReadOnly && !x.isReadOnly)
    #expect(device.memory.ledger.entry(.adopted).count == 1)
  }

  @Test("of a window that does not fit are refused with the numbers")
  func windows() throws {
    let metal = try foreign()
    for (offset, count) in [(4092, 2), (-4, 1), (0, 1025), (Int.max, 1), (4096, 1)] {
      let error = try failure { _ = try device.adopt(metal, offset: offset, shape: [count], dtype: .int32) }
      #expect(error.kind == .argument && error.message.contains("byte \(offset)"))
      #expect(error.message.contains("4096 bytes of the MTLBuffer"))
    }
  }

  @Test("that Ingot has made for one buffer come back as a window on it; those of a pool do not")
  func own() throws {
    let exact = try device.exact.zeros([100], .int32)
    let y = try device.adopt(exact.metalBuffer().buffer, offset: 40, shape: [90], dtype: .int32)
    #expect(y.storageID == exact.storageID && y.offset == 40)
    #expect(try failure { _ = try y.window(offset: 0, shape: [91]) }.kind == .argument)
    let error = try failure {
      _ = try device.adopt(exact.metalBuffer().buffer, offset: 40, shape: [91], dtype: .int32)
    }
    #expect(error.kind == .argument && error.message.contains("400 bytes"))
    for shape in [[10], [1 << 20]] {
      let pooled = try device.zeros(shape, .int32)
      let error = try failure {
        _ = try device.adopt(pooled.metalBuffer().buffer, shape: [1], dtype: .int32)
      }
      #expect(error.kind == .argument && error.message.contains("pool"))
    }
  }

  @Test("that another device object of Ingot has made are refused: a file, say, that nobody can write")
  func ofOtherDevices() throws {
    let other = try Device.isolated(residency: false)
    let file = try TestFile([UInt8](repeating: 7, count: 16384))
    for buffer in [
      try other.mapFile(file.path).window(shape: [16], dtype: .uint8), try other.zeros([16], .uint8),
      try other.exact.zeros([16], .uint8),
    ] {
      let error = try failure {
        _ = try device.adopt(buffer.metalBuffer().buffer, shape: [16], dtype: .uint8)
      }
      #expect(error.kind == .argument && error.message.contains("another device object"))
    }
    let metal = try foreign()
    let both = try [device, other].map { try $0.adopt(metal, shape: [4], dtype: .int32) }
    #expect(both[0].storageID != both[1].storageID)
  }

  @Test("on memory that is imported already are refused, and so is their memory")
  func overlaps() throws {
    let pages = TestPages()
    let x = try pages.wrap(on: device)
    let alias = try #require(
      device.metalDevice.makeBuffer(bytesNoCopy: pages.pointer, length: TestPages.page))
    let error = try failure { _ = try device.adopt(alias, shape: [4], dtype: .int32) }
    #expect(error.kind == .argument && error.message.contains("share memory"))

    let own = try device.exact.zeros([3 * TestPages.page], .int8)
    let start = try own.contents(for: .read).alignedUp(toMultipleOf: TestPages.page)
    let onOwn = try #require(device.metalDevice.makeBuffer(bytesNoCopy: start, length: TestPages.page))
    #expect(throws: IngotError.self) { try device.adopt(onOwn, shape: [4], dtype: .int32) }

    let metal = try foreign(TestPages.page)
    let y = try device.adopt(metal, shape: [4], dtype: .int32)
    let z = try device.wrap(
      metal.contents(), length: TestPages.page, offset: 64, shape: [4], dtype: .int32,
      onRelease: pages.release)
    #expect(y.storageID == z.storageID && x.storageID != y.storageID && pages.releases == 0)
  }

  @Test("keep the owner of a window on their memory until they go")
  func owners() throws {
    let pages = TestPages(1)
    try withAutoreleasePool {
      let metal = try foreign(TestPages.page)
      let y = try device.adopt(metal, shape: [4], dtype: .int32)
      _ = try device.wrap(
        metal.contents(), length: TestPages.page, shape: [4], dtype: .int32, onRelease: pages.release)
      #expect(pages.releases == 0)
      withExtendedLifetime(y) {}
    }
    #expect(pages.releases == 1)
  }

  @Test("that are imported read-only are not written")
  func readOnly() throws {
    let metal = try foreign()
    let x = try device.adopt(metal, shape: [4], dtype: .int32, readOnly: true)
    #expect(x.isReadOnly)
    #expect(throws: IngotError.self) { try device.run(increment, x, grid: 4) }
    let error = try failure { _ = try device.adopt(metal, shape: [4], dtype: .int32) }
    #expect(error.kind == .argument && error.message.contains("read-only"))
  }

  @Test("come and go as pointers")
  func pointers() throws {
    let x = try device.exact.array([1, 2, 3, 4] as [Int32])
    let raw = try x[2..<4].rawPointer
    #expect(raw.offset == 8)
    let y = try device.adopt(raw: raw.metalBuffer, offset: raw.offset, shape: [2], dtype: .int32)
    #expect(try y.values(of: Int32.self) == [3, 4] && y.storageID == x.storageID)
    let other = Unmanaged.passUnretained(device as AnyObject).toOpaque()
    let error = try failure { _ = try device.adopt(raw: other, shape: [1], dtype: .int32) }
    #expect(error.kind == .argument && error.message.contains("no MTLBuffer"))
  }

  @Test("that are untracked need a command buffer of Metal's once, and leave no slot taken")
  func slots() throws {
    let encoders = try (0..<CommandSlots.capacity).map { _ in
      let encoder = device.encoder()
      try encoder.dispatch(increment, device.zeros([4], .int32), grid: 4)
      return encoder
    }
    let metal = try foreign(4096, .hazardTrackingModeUntracked)
    let error = try failure { _ = try device.adopt(metal, shape: [4], dtype: .int32) }
    #expect(error.kind == .state && device.memory.ledger.entry(.adopted).count == 0)
    for encoder in encoders { try encoder.discard() }
    for _ in 0..<200 {
      _ = try device.adopt(foreign(4096, .hazardTrackingModeUntracked), shape: [4], dtype: .int32)
    }
  }
}
