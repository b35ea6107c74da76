import Testing

@testable import Ingot

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

@Suite("Mapped files") struct ImportFileTests {
  private let device: Device
  private let copy: Kernel
  private let increment: Kernel
  private static let page = MappedPages.pageSize

  init() throws {
    device = try Device.isolated(residency: false)
    (copy, increment) = try (
      device.kernel("copy", of: Sources.steps), device.kernel("increment", of: Sources.steps)
    )
  }

  private static func bytes(_ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 8) }
  }

  @Test(
    "are windows at any byte, of any dtype, of one storage that is read-only",
    arguments: [1, 100, 4096, 16384, 50_001])
  func windows(length: Int) throws {
    let bytes = Self.bytes(length)
    let file = try TestFile(bytes)
    let map = try device.mapFile(file.path)
    #expect(map.nbytes == length && !map.isWritable && map.path == file.path)
    let all = try map.window(shape: [length], dtype: .uint8)
    #expect(try all.values(of: UInt8.self) == bytes)
    #expect(all.isReadOnly && all.totalNbytes == length && all.label == String(file.path.dropFirst(5)))
    #expect(try UInt(bitPattern: all.contents(for: .read)) % UInt(Self.page) == 0)
    let last = try map.window(offset: length - 1, shape: [], dtype: .uint8)
    #expect(try last.values(of: UInt8.self) == bytes.suffix(1) && last.storageID == all.storageID)
    #expect(throws: IngotError.self) { try all.contents(for: .write) }
  }

  @Test("are refused where a file with holes is longer than memory can be", arguments: [0, 1, 4096, 20_000])
  func tooLong(less: Int) throws {
    let file = try TestFile(length: 1)
    let opened = try OpenFile(file.path, writable: false)
    let error = #expect(throws: SystemError.self) {
      try MappedPages(of: opened, fileLength: .max - less, writable: false)
    }
    #expect(error?.isOutOfMemory == true)
  }

  @Test("are copied by nobody: the address lies in the mapping, and kernels read there")
  func noCopy() throws {
    let file = try TestFile(length: 8 * Self.page)
    try file.write([1, 0, 0, 0, 2, 0, 0, 0], at: 3 * Self.page)
    let map = try device.mapFile(file.path)
    let x = try map.window(offset: 3 * Self.page, shape: [1024], dtype: .int32)
    let start = try map.window(shape: [1], dtype: .uint8).contents(for: .read)
    #expect(try x.contents(for: .read) == start + 3 * Self.page)
    let out = try device.zeros([1024], .int32)
    try device.run(copy, x, out, grid: 1024)
    #expect(try Array(out.values(of: Int32.self).prefix(3)) == [1, 2, 0])
    // Shared with the file: what is written there is seen here.
    try file.write([9], at: 3 * Self.page)
    #expect(try x.values(of: Int32.self)[0] == 9)
    let error = try failure { try device.run(increment, x, grid: 1) }
    #expect(error.kind == .argument && error.message.contains("read-only"))
  }

  @Test("that are writable change with what kernels and the host write")
  func writable() throws {
    let file = try TestFile(length: Self.page + 8)
    do {
      let x = try device.mapFile(file.path, writable: true).window(offset: 4, shape: [4], dtype: .int32)
      #expect(!x.isReadOnly)
      try device.run(increment, x, grid: 4)
      try x.contents(for: .write).storeBytes(of: 77, toByteOffset: 4, as: Int32.self)
    }
    #expect(try file.read(12, at: 0) == [0, 0, 0, 0, 1, 0, 0, 0, 77, 0, 0, 0])
  }

  @Test("outlive their handle, their path and their name")
  func unlinked() throws {
    var file: TestFile? = try TestFile(Self.bytes(40_000))
    let x = try device.mapFile(file!.path).window(offset: 39_000, shape: [1000], dtype: .uint8)
    file = nil
    #expect(try x.values(of: UInt8.self) == Array(Self.bytes(40_000).suffix(1000)))
    let out = try device.zeros([10], .int32)
    try device.run(copy, x.view(as: .int32), out, grid: 10)
  }

  @Test("and all of their parts are gone with the last window")
  func goes() throws {
    let file = try TestFile(length: 5 * Self.page)
    weak var image: FileImage?
    try withAutoreleasePool {
      let map = try MappedFile(file.path, on: device, writable: false, limit: 2 * Self.page)
      let windows = try (0..<5).map { try map.window(offset: $0 * Self.page, shape: [16], dtype: .int8) }
      image = try windows[0].storage.hold().allocation.origin?.file?.image
      #expect(image != nil)
      #expect(device.memory.ledger.entry(.mapped) == MemoryLedger.Entry(count: 3, bytes: 5 * Self.page))
      #expect(Set(windows.map(\.storageID)).count == 3)
    }
    #expect(image == nil && device.memory.ledger.entry(.mapped) == MemoryLedger.Entry())
  }

  @Test("become resident when a dispatch uses them, and not before")
  func residency() throws {
    let device = try Device.isolated()
    let copy = try device.kernel("copy", of: Sources.steps)
    let file = try TestFile(length: 5 * Self.page)
    let map = try MappedFile(file.path, on: device, writable: false, limit: 2 * Self.page)
    let windows = try [0, 4].map { try map.window(offset: $0 * Self.page, shape: [4], dtype: .int32) }
    let out = try device.exact.zeros([4], .int32)
    #expect(device.statistics.residentCount == 1 && device.memory.ledger.entry(.mapped).count == 2)
    try device.run(copy, windows[0], out, grid: 4)
    #expect(device.statistics.residentCount == 2)
    try device.run(copy, windows[1], out, grid: 4)
    try device.run(copy, windows[1], out, grid: 4)
    #expect(device.statistics.residentCount == 3)
  }

  @Test("longer than an allocation can be are several; a window across their border is one of its own")
  func parts() throws {
    let bytes = Self.bytes(5 * Self.page + 100)
    let file = try TestFile(bytes)
    let map = try MappedFile(file.path, on: device, writable: false, limit: 2 * Self.page)
    let border = 2 * Self.page
    let (before, after) = (
      try map.window(offset: border - 8, shape: [2], dtype: .int32),
      try map.window(offset: border, shape: [2], dtype: .int32)
    )
    let across = try map.window(offset: border - 4, shape: [8], dtype: .uint8)
    #expect(Set([before, after, across].map(\.storageID)).count == 3)
    #expect(try across.values(of: UInt8.self) == Array(bytes[border - 4..<border + 4]))
    #expect(try across.contents(for: .read) == before.contents(for: .read) + 4)
    #expect(try map.window(offset: border + 4, shape: [1], dtype: .int8).storageID == after.storageID)
    let end = try map.window(offset: 5 * Self.page - 100, shape: [200], dtype: .uint8)
    #expect(try end.values(of: UInt8.self) == Array(bytes.suffix(200)))
    #expect(end.totalNbytes == 5 * Self.page + 100 - 4 * Self.page)

    let long = try failure { _ = try map.window(shape: [2 * Self.page + 1], dtype: .uint8) }
    #expect(long.kind == .argument && long.message.contains("\(2 * Self.page). Use several smaller windows"))
    #expect(try map.window(offset: 1, shape: [2 * Self.page - 1], dtype: .uint8).nbytes == 2 * Self.page - 1)
  }

  @Test("may be longer than all of the memory, to be read or written", arguments: [false, true])
  func longerThanMemory(writable: Bool) throws {
    let limit = device.maxBufferLength / Self.page * Self.page
    let length = 2 * limit + Self.page + 4
    let file = try TestFile(length: length)
    try file.write([3, 0, 0, 0], at: length - 4)
    let map = try device.mapFile(file.path, writable: writable)
    let windows = try [0, limit, length - 4].map { try map.window(offset: $0, shape: [1], dtype: .int32) }
    #expect(Set(windows.map(\.storageID)).count == 3 && map.nbytes == length)
    #expect(windows.map(\.totalNbytes) == [limit, limit, Self.page + 4])
    let out = try device.zeros([1], .int32)
    for window in windows { try device.run(copy, window, out, grid: 1) }
    #expect(try out.values(of: Int32.self) == [3])
    let across = { try map.window(offset: limit - 4, shape: [2], dtype: .int32) }
    if writable {
      #expect(throws: IngotError.self) { try across() }
    } else {
      #expect(try across().values(of: Int32.self) == [0, 0])
    }
  }

  @Test("that are writable have no windows across the border")
  func writableParts() throws {
    let file = try TestFile(length: 5 * Self.page)
    let map = try MappedFile(file.path, on: device, writable: true, limit: 2 * Self.page)
    #expect(try map.window(offset: 2 * Self.page - 4, shape: [1], dtype: .int32).nbytes == 4)
    let error = try failure { _ = try map.window(offset: 2 * Self.page - 4, shape: [2], dtype: .int32) }
    #expect(error.kind == .argument && error.message.contains("goes across byte \(2 * Self.page)"))
    #expect(error.message.contains("read-only"))
  }

  @Test("must have the bytes that are asked for")
  func tooShort() throws {
    let file = try TestFile(length: 100)
    let map = try device.mapFile(file.path)
    for (offset, count) in [(0, 26), (97, 1), (100, 1), (-4, 1), (Int.max, 1)] {
      let error = try failure { _ = try map.window(offset: offset, shape: [count], dtype: .int32) }
      #expect(error.kind == .argument && error.message.contains(file.path))
      #expect(error.message.contains("byte \(offset) ") && error.message.contains("has 100 bytes"))
    }
    #expect(throws: IngotError.self) { try map.window(shape: [0], dtype: .int8) }
    try file.truncate(to: 50)
    let error = try failure { _ = try map.window(shape: [100], dtype: .int8) }
    #expect(error.message.contains("has 50 bytes, of 100 when it was mapped"))
    #expect(try map.window(shape: [50], dtype: .int8).nbytes == 50)
  }

  @Test("are plain files that are there and not empty")
  func errors() throws {
    let empty = try TestFile()
    var pipe = Array("/tmp/ingot-pipe-\(getpid())-\(UInt32.random(in: 0 ... .max))".utf8CString)
    try #require(mkfifo(&pipe, 0o600) == 0)
    defer { unlink(pipe) }
    for (path, part) in [
      (empty.path, "0 bytes"), ("/tmp", "is a directory"),
      ("/no/such/file", "No such file or directory (errno 2)"),
      ("", "no path"), ("/tmp/a\0b", "NUL"), ("/dev/null", "only plain files"),
      (pipe.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }, "only plain files"),
      (String(repeating: "long", count: 5000), "errno"),
    ] {
      let error = try failure { _ = try device.mapFile(path) }
      #expect(error.kind == .argument && error.message.contains(part), "\(error.message)")
      #expect(error.message.contains("'\(path.replacing("\0", with: "\u{FFFD}"))'"))
    }
    #expect(
      try failure { _ = try device.mapFile("/tmp", writable: true) }.message.contains(
        "for reading and writing"))
  }

  @Test("that may not be read say so")
  func unreadable() throws {
    let file = try TestFile(length: 100)
    try #require(chmod(file.path, 0) == 0)
    let error = try asSomebody { try failure { _ = try device.mapFile(file.path) } }
    #expect(error.kind == .argument && error.message.contains("Permission denied (errno 13)"))
    #expect(error.message.contains("'\(file.path)'"))
    try #require(chmod(file.path, 0o444) == 0)
    #expect(try asSomebody { try device.mapFile(file.path).nbytes } == 100)
    #expect(
      try asSomebody { try failure { _ = try device.mapFile(file.path, writable: true) } }.message.contains(
        "errno 13"))
  }

  /// The superuser may read everything: then this thread acts as somebody else.
  private func asSomebody<R>(_ body: () throws -> R) rethrows -> R {
    #if canImport(Darwin)
      return try body()
    #else
      // <sys/fsuid.h> is in no Swift module.
      let function = try! #require(dlsym(nil, "setfsuid"))
      let become = unsafeBitCast(function, to: (@convention(c) (uid_t) -> Int32).self)
      let own = become(65534)
      defer { _ = become(uid_t(own)) }
      return try body()
    #endif
  }

  @Test("of a gigabyte are summed where they are, window by window, and dropped")
  func gigabyte() throws {
    let (length, threads) = (1 << 30, 8192)
    let file = try TestFile(length: length)
    for index in 0..<64 { try file.write([UInt8(index + 1)], at: index * (length / 64) + 4 * index) }
    let sum = try device.kernel(
      "sum",
      of: """
        kernel void sum(device const uint *x [[buffer(0)]], device uint *out [[buffer(1)]],
                        constant uint &count [[buffer(2)]], uint i [[thread_position_in_grid]]) {
          uint sum = 0;
          for (uint k = 0; k < count; ++k) sum += x[i * count + k];
          out[i] += sum;
        }
        """)
    let out = try device.zeros([threads], .uint32)
    try withAutoreleasePool {
      let map = try device.mapFile(file.path)
      let start = try map.window(shape: [1], dtype: .uint8).contents(for: .read)
      for part in 0..<8 {
        let x = try map.window(offset: part * length / 8, shape: [length / 32], dtype: .uint32)
        #expect(try x.contents(for: .read) == start + part * length / 8)
        let encoder = device.encoder()
        try encoder.dispatch(sum, x, out, .uint32(x.count / threads), grid: threads)
        try encoder.commitAndWait()
      }
      #expect(device.memory.ledger.entry(.mapped).bytes == length)
    }
    #expect(try out.values(of: UInt32.self).reduce(0, +) == 64 * 65 / 2)
    #expect(device.memory.ledger.entry(.mapped) == MemoryLedger.Entry())
  }
}
