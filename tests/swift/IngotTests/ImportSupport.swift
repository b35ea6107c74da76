import Synchronization
import Testing

@testable import Ingot

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// Whole pages of a test's own, and how often they were given back.
final class TestPages: Sendable {
  static let page = 16384

  private let address: UInt
  let length: Int
  private let releaseCount = Atomic<Int>(0)

  init(_ count: Int = 4) {
    length = count * Self.page
    let memory = UnsafeMutableRawPointer.allocate(byteCount: length, alignment: Self.page)
    memory.initializeMemory(as: UInt8.self, repeating: 0, count: length)
    address = UInt(bitPattern: memory)
  }

  deinit { pointer.deallocate() }

  var pointer: UnsafeMutableRawPointer { UnsafeMutableRawPointer(bitPattern: address)! }
  var ints: UnsafeMutablePointer<Int32> { pointer.assumingMemoryBound(to: Int32.self) }
  var intCount: Int { length / 4 }
  var releases: Int { releaseCount.load(ordering: .acquiring) }

  /// For `onRelease`; keeps the pages until then.
  func release() { releaseCount.wrappingAdd(1, ordering: .acquiringAndReleasing) }

  /// All pages, or some, as ints.
  func wrap(
    on device: Device, _ pages: Range<Int>? = nil, readOnly: Bool = false
  ) throws(IngotError) -> Buffer {
    let pages = pages ?? 0..<length / Self.page
    return try device.wrap(
      pointer + pages.lowerBound * Self.page, length: pages.count * Self.page,
      shape: [pages.count * Self.page / 4], dtype: .int32, readOnly: readOnly, onRelease: { self.release() })
  }
}

/// A file of a test's own, deleted at the end.
final class TestFile {
  let path: String
  private let descriptor: Int32

  init(_ bytes: [UInt8] = [], length: Int? = nil) throws {
    var template = Array("/tmp/ingot-test-XXXXXX".utf8CString)
    descriptor = mkstemp(&template)
    try #require(descriptor >= 0)
    path = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
    try write(bytes, at: 0)
    if let length { try truncate(to: length) }
  }

  deinit {
    unlink(path)
    close(descriptor)
  }

  func truncate(to length: Int) throws { try #require(ftruncate(descriptor, off_t(length)) == 0) }

  func write(_ bytes: [UInt8], at offset: Int) throws {
    try #require(pwrite(descriptor, bytes, bytes.count, off_t(offset)) == bytes.count)
  }

  func read(_ count: Int, at offset: Int) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    try #require(pread(descriptor, &bytes, count, off_t(offset)) == count)
    return bytes
  }
}

extension Device {
  /// Runs one kernel over one buffer, and waits for it.
  func run(_ kernel: Kernel, _ buffers: Buffer..., grid: Int) throws {
    let encoder = encoder(label: kernel.name)
    try encoder.dispatch(kernel, buffers.map(\.asArgument), grid: .threads(grid.asExtent()), group: nil)
    try encoder.commitAndWait()
  }
}

/// Waits for what another thread does soon: Metal lets go of its objects after it has told of their end.
func waitUntil(_ condition: () -> Bool) throws {
  for _ in 0..<5000 {
    if condition() { return }
    usleep(1000)
  }
  try #require(condition())
}
