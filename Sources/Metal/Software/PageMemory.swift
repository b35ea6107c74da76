import Glibc

/// Whole pages of zeroed memory, aligned to a page; with guards there is a page on each side that faults when touched.
struct PageMemory {
  let address: UnsafeMutableRawPointer
  let size: Int
  /// Mappings of the process that it takes: more than one with guards.
  let mapCount: Int
  private var guardSize: Int { mapCount > 1 ? DeviceMemory.pageSize : 0 }

  private static let hugePage = 2 << 20

  init?(size: Int, mapCount: Int) {
    let guardSize = mapCount > 1 ? DeviceMemory.pageSize : 0
    let alignment = size >= 2 * PageMemory.hugePage ? PageMemory.hugePage : DeviceMemory.pageSize
    guard
      let start = PageMemory.reserve(size: size + 2 * guardSize, alignment: alignment, offset: guardSize)
    else { return nil }
    address = start + guardSize
    self.size = size
    self.mapCount = mapCount
    guard mprotect(address, size, PROT_READ | PROT_WRITE) == 0 else {
      unmap()
      return nil
    }
    // Large buffers are read from end to end: fewer, larger pages save most of the cost of the first touch.
    if alignment == PageMemory.hugePage { madvise(address, size, MADV_HUGEPAGE) }
  }

  func unmap() { munmap(address - guardSize, size + 2 * guardSize) }

  /// Lets the contents go; reading gives zeros.
  func discard() { madvise(address, size, MADV_DONTNEED) }

  /// Whether there is memory at all of these addresses. The call does nothing else.
  static func isThere(_ address: UnsafeMutableRawPointer, _ length: Int) -> Bool {
    msync(address, length, Int32(MS_ASYNC)) == 0
  }

  /// Addresses without memory, such that `start + offset` is aligned.
  private static func reserve(size: Int, alignment: Int, offset: Int) -> UnsafeMutableRawPointer? {
    let slack = alignment
    guard let found = mmap(nil, size + slack, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
      found != MAP_FAILED
    else { return nil }
    let start = (found + offset).alignedUp(toMultipleOf: alignment) - offset
    let before = start - found
    if before > 0 { munmap(found, before) }
    if before < slack { munmap(start + size, slack - before) }
    return start
  }
}
