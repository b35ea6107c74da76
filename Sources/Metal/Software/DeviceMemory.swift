import Glibc
import Synchronization

/// How much memory there is for buffers, and how much of it they have.
final class DeviceMemory: Sendable {
  /// As on Apple silicon; smaller pages would hide mistakes.
  static let pageSize = 16384

  let physicalSize: Int
  let maxBufferLength: Int
  private let failingRequest: Int?
  private let maps: MapBudget
  private let requests = Counter()
  private let allocated = Atomic(0)
  private let callers = Atomic(0)

  init(switches: Switches, maps: MapBudget = .shared) {
    self.maps = maps
    let size = DeviceMemory.readPhysicalSize()
    physicalSize = size
    maxBufferLength = (size / 2) & ~(DeviceMemory.pageSize - 1)
    failingRequest = switches.failAllocation
  }

  var allocatedSize: Int { allocated.load(ordering: .relaxed) + callers.load(ordering: .relaxed) }

  static func roundedToPages(_ length: Int) -> Int { (length + pageSize - 1) & ~(pageSize - 1) }

  /// Counts a request for a buffer; false when a test wants this one to fail.
  func admitsRequest() -> Bool { requests.add(1) != failingRequest }

  /// Zeroed pages for `length` bytes; nil when there is not so much memory.
  func allocate(_ length: Int) -> PageMemory? {
    let size = DeviceMemory.roundedToPages(length)
    guard reserve(size) else { return nil }
    let mapCount = maps.take(wantsGuards: size > DeviceMemory.pageSize)
    if mapCount > 0, let pages = PageMemory(size: size, mapCount: mapCount) { return pages }
    maps.giveBack(mapCount)
    allocated.wrappingSubtract(size, ordering: .relaxed)
    return nil
  }

  func free(_ pages: PageMemory) {
    pages.unmap()
    maps.giveBack(pages.mapCount)
    allocated.wrappingSubtract(pages.size, ordering: .relaxed)
  }

  /// Memory that belongs to the caller counts as well, but takes nothing of what there is for others: it may be a file.
  func addCallers(_ size: Int) { callers.wrappingAdd(size, ordering: .relaxed) }

  func subtractCallers(_ size: Int) { callers.wrappingSubtract(size, ordering: .relaxed) }

  // Linux promises more memory than there is and ends processes later; a device says no at once.
  private func reserve(_ size: Int) -> Bool {
    let total = allocated.wrappingAdd(size, ordering: .relaxed).newValue
    guard total <= physicalSize else {
      allocated.wrappingSubtract(size, ordering: .relaxed)
      return false
    }
    return true
  }

  static func readPhysicalSize() -> Int {
    let installed = sysconf(Int32(_SC_PHYS_PAGES)) * sysconf(Int32(_SC_PAGESIZE))
    return min(installed, containerLimit() ?? installed)
  }

  /// What the control group of a container allows.
  private static func containerLimit() -> Int? {
    number(inFile: "/sys/fs/cgroup/memory.max")
  }

  /// The number above 0 that a file of the system begins with.
  static func number(inFile path: String) -> Int? {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return nil }
    defer { close(file) }
    var text = [UInt8](repeating: 0, count: 32)
    let count = read(file, &text, text.count)
    let digits = text.prefix(max(0, count)).prefix { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }
    return Int(String(decoding: digits, as: UTF8.self)).flatMap { $0 > 0 ? $0 : nil }
  }
}
