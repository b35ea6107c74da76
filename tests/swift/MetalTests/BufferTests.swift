import Synchronization
import Testing

@testable import Metal

@Suite struct BufferTests {
  private let device: SoftwareDevice

  init() throws { device = try makeDevice() }

  @Test(arguments: [1, 64, 16384, 16385, 40000, 5 << 20])
  func newBufferIsZeroedWholePages(length: Int) throws {
    let before = device.currentAllocatedSize
    let buffer = try #require(device.makeBuffer(length: length))
    let pages = (length + 16383) / 16384 * 16384
    #expect(buffer.length == length)
    #expect(buffer.allocatedSize == pages)
    #expect(device.currentAllocatedSize == before + pages)
    #expect(UInt(bitPattern: buffer.contents()) % 16384 == 0)
    #expect(buffer.contents() == buffer.contents())
    #expect(buffer.gpuAddress != 0)
    let bytes = UnsafeRawBufferPointer(start: buffer.contents(), count: pages)
    #expect(bytes.allSatisfy { $0 == 0 })
    #expect(device.heapBufferSizeAndAlign(length: length).size == pages)
  }

  /// Linux gives a process so many mappings, and one without any left can do nothing any more.
  @Test func mappingsAreLeftForTheProcess() throws {
    let memory = DeviceMemory(switches: Switches(), maps: MapBudget(limit: 20))
    var pages: [PageMemory] = []
    while let more = memory.allocate(20_000) { pages.append(more) }
    // Three with guards are half of them; the others go without.
    #expect(pages.map(\.mapCount) == Array(repeating: 3, count: 3) + Array(repeating: 1, count: 11))
    #expect(memory.allocatedSize == pages.count * 32768)
    #expect(memory.allocate(1) == nil)
    memory.free(pages.removeFirst())
    let again = try #require(memory.allocate(20_000))
    #expect(again.mapCount == 1)
    for more in pages + [again] { memory.free(more) }
    #expect(memory.allocatedSize == 0)
  }

  @Test func releasedMemoryIsCountedAtOnce() throws {
    do { _ = try #require(device.makeBuffer(length: 100_000)) }
    #expect(device.currentAllocatedSize == 0)
  }

  @Test func optionsAreReported() throws {
    let plain = try #require(device.makeBuffer(length: 4))
    #expect(plain.storageMode == .shared && plain.cpuCacheMode == .defaultCache)
    #expect(plain.hazardTrackingMode == .tracked)
    let options: MTLResourceOptions = [
      .storageModePrivate, .cpuCacheModeWriteCombined, .hazardTrackingModeUntracked,
    ]
    let other = try #require(device.makeBuffer(length: 4, options: options))
    #expect(other.storageMode == .private && other.cpuCacheMode == .writeCombined)
    #expect(other.hazardTrackingMode == .untracked)
    #expect(other.resourceOptions == options)
    #expect(other.device === device)
  }

  @Test func labelIsTheProgramsOwn() throws {
    let buffer = try #require(device.makeBuffer(length: 4))
    #expect(buffer.label == nil)
    buffer.label = "weights"
    #expect(buffer.label == "weights")
  }

  @Test func bytesAreCopied() throws {
    var words: [UInt32] = [1, 2, 3]
    let buffer = try #require(device.makeBuffer(bytes: words, length: 12))
    words[0] = 9
    #expect(Array(buffer.words) == [1, 2, 3])
  }

  @Test("The caller's pages are used as they are, and given back once")
  func noCopy() throws {
    let pages = UnsafeMutableRawPointer.allocate(byteCount: 32768, alignment: 16384)
    let address = UInt(bitPattern: pages)
    let calls = Mutex<[Int]>([])
    do {
      let buffer = try #require(
        device.makeBuffer(bytesNoCopy: pages, length: 32768, options: []) { pointer, length in
          calls.withLock { $0.append(UInt(bitPattern: pointer) == address ? length : -1) }
        })
      #expect(buffer.contents() == pages)
      #expect(device.currentAllocatedSize == 32768)
      #expect(calls.withLock { $0 } == [])
    }
    #expect(calls.withLock { $0 } == [32768])
    #expect(device.currentAllocatedSize == 0)
    let unowned = device.makeBuffer(bytesNoCopy: pages, length: 16384)
    #expect(unowned != nil)
    pages.deallocate()
  }

  @Test func moreThanThereIsIsNil() throws {
    #expect(device.makeBuffer(length: device.maxBufferLength + 1) == nil)
    #expect(device.makeBuffer(length: .max) == nil)
    #expect(device.maxBufferLength % 16384 == 0)
    #expect(UInt64(device.maxBufferLength) <= device.recommendedMaxWorkingSetSize)
  }

  @Test("Together, buffers get no more than the memory there is")
  func totalIsBounded() throws {
    let halves = [
      device.makeBuffer(length: device.maxBufferLength), device.makeBuffer(length: device.maxBufferLength),
    ]
    #expect(halves.allSatisfy { $0 != nil })
    #expect(device.makeBuffer(length: device.maxBufferLength) == nil)
    #expect(
      device.makeBuffer(length: 65536) == nil || device.currentAllocatedSize <= device.memory.physicalSize)
  }

  @Test func purgeableState() throws {
    let buffer = try #require(device.makeBuffer(length: 64))
    buffer.words[0] = 5
    #expect(buffer.setPurgeableState(.keepCurrent) == .nonVolatile)
    #expect(buffer.setPurgeableState(.volatile) == .nonVolatile)
    #expect(buffer.setPurgeableState(.nonVolatile) == .volatile)
    #expect(buffer.words[0] == 5)
    #expect(buffer.setPurgeableState(.empty) == .nonVolatile)
    #expect(buffer.setPurgeableState(.keepCurrent) == .empty)
    #expect(buffer.setPurgeableState(.nonVolatile) == .empty)
    #expect(buffer.words[0] != 5)
  }

  @Test("With a seed, what Metal does not clear is noise, and volatile memory is taken away")
  func noise() throws {
    let device = try makeDevice { $0.seed = 3 }
    let buffer = try #require(device.makeBuffer(length: 100))
    #expect(UnsafeRawBufferPointer(start: buffer.contents(), count: 100).allSatisfy { $0 == 0 })
    #expect(UnsafeRawBufferPointer(start: buffer.contents() + 100, count: 16284).contains { $0 != 0 })
    buffer.setPurgeableState(.empty)
    #expect(buffer.words.contains { $0 != 0 })
    let taken = try (0..<40).count { _ in
      let buffer = try #require(device.makeBuffer(length: 64))
      buffer.setPurgeableState(.volatile)
      return buffer.setPurgeableState(.nonVolatile) == .empty
    }
    #expect(taken > 5 && taken < 35)
  }
}
