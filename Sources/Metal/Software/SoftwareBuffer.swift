import Glibc
import Synchronization

final class SoftwareBuffer: MTLBuffer, @unchecked Sendable {
  let id: Int
  let softwareDevice: SoftwareDevice
  let address: UnsafeMutableRawPointer
  let length: Int
  let allocatedSize: Int
  let resourceOptions: MTLResourceOptions
  /// The command buffer that retained this last, so that it does so once.
  let lastUser = Atomic<UInt64>(0)

  private let memory: Memory
  private let state = Mutex(State())

  /// Whose the bytes are.
  private enum Memory {
    case pages(PageMemory)
    case callers(deallocator: (@Sendable (UnsafeMutableRawPointer, Int) -> Void)?)
  }

  private struct State {
    var label: String?
    var purgeableState = MTLPurgeableState.nonVolatile
    var markers: [(name: String, range: Range<Int>)] = []
  }

  init(device: SoftwareDevice, pages: PageMemory, length: Int, options: MTLResourceOptions) {
    id = Counter.objects.add(1)
    softwareDevice = device
    address = pages.address
    self.length = length
    allocatedSize = pages.size
    resourceOptions = options
    memory = .pages(pages)
    LiveObject.buffers.made()
    scribble(from: length)
  }

  init(
    device: SoftwareDevice, bytes: UnsafeMutableRawPointer, length: Int, options: MTLResourceOptions,
    deallocator: (@Sendable (UnsafeMutableRawPointer, Int) -> Void)?
  ) {
    id = Counter.objects.add(1)
    softwareDevice = device
    address = bytes
    self.length = length
    allocatedSize = length
    resourceOptions = options
    memory = .callers(deallocator: deallocator)
    device.memory.addCallers(length)
    LiveObject.buffers.made()
  }

  deinit {
    softwareDevice.trace?.line("buffer \(id) released")
    switch memory {
    case .pages(let pages): softwareDevice.memory.free(pages)
    case .callers(let deallocator):
      softwareDevice.memory.subtractCallers(length)
      deallocator?(address, length)
    }
    LiveObject.buffers.released()
  }

  var device: any MTLDevice { softwareDevice }

  var label: String? {
    get { state.withLock { $0.label } }
    set { state.withLock { $0.label = newValue } }
  }

  var gpuAddress: UInt64 { UInt64(UInt(bitPattern: address)) }

  func contents() -> UnsafeMutableRawPointer {
    guard storageMode != .private else {
      misuse(
        "-[MTLDebugBuffer contents]", "buffer has storage mode MTLStorageModePrivate: the CPU cannot see it")
    }
    return address
  }

  func didModifyRange(_ range: Range<Int>) {
    guard storageMode == .managed else {
      misuse("-[MTLDebugBuffer didModifyRange:]", "buffer does not have storage mode MTLStorageModeManaged")
    }
    check(range, in: "-[MTLDebugBuffer didModifyRange:]")
  }

  func addDebugMarker(_ marker: String, range: Range<Int>) {
    check(range, in: "-[MTLDebugBuffer addDebugMarker:range:]")
    state.withLock { $0.markers.append((marker, range)) }
  }

  func removeAllDebugMarkers() { state.withLock { $0.markers = [] } }

  private func check(_ range: Range<Int>, in method: StaticString) {
    guard range.lowerBound >= 0, range.upperBound <= length else {
      misuse(method, "range(\(range)) exceeds the buffer's length(\(length))")
    }
  }
}

// Storage options.
extension SoftwareBuffer {
  var cpuCacheMode: MTLCPUCacheMode {
    resourceOptions.contains(.cpuCacheModeWriteCombined) ? .writeCombined : .defaultCache
  }

  var storageMode: MTLStorageMode { resourceOptions.storageMode! }

  var hazardTrackingMode: MTLHazardTrackingMode {
    resourceOptions.contains(.hazardTrackingModeUntracked) ? .untracked : .tracked
  }

  var identity: ResourceIdentity { ResourceIdentity(self, isTracked: hazardTrackingMode == .tracked) }
}

extension MTLResourceOptions {
  var storageMode: MTLStorageMode? { MTLStorageMode(rawValue: rawValue >> 4 & 0xF) }

  /// Known bits, one storage mode, at most one hazard tracking mode.
  var isValid: Bool {
    rawValue & ~0x331 == 0 && storageMode != nil && rawValue >> 8 != 3
  }
}

// Purgeable memory.
extension SoftwareBuffer {
  func setPurgeableState(_ state: MTLPurgeableState) -> MTLPurgeableState {
    let before = self.state.withLock { current in
      let before = current.purgeableState
      if state != .keepCurrent { current.purgeableState = reached(state, from: before) }
      return before
    }
    softwareDevice.trace?.line("buffer \(id) setPurgeableState \(state) -> \(before)")
    return before
  }

  // Contents once lost stay lost until the program says that it fills the buffer again.
  private func reached(_ state: MTLPurgeableState, from before: MTLPurgeableState) -> MTLPurgeableState {
    switch state {
    case .empty:
      discard()
      return .empty
    case .volatile where before != .empty && takesVolatileMemory():
      discard()
      return .empty
    case .volatile where before == .empty: return .empty
    default: return state
    }
  }

  /// A system short of memory empties volatile buffers; a seed does so half of the time.
  private func takesVolatileMemory() -> Bool {
    guard let seed = softwareDevice.switches.seed else { return false }
    var generator = SeededGenerator(seed: seed, UInt64(id))
    return Bool.random(using: &generator)
  }

  private func discard() {
    if case .pages(let pages) = memory { pages.discard() }
    scribble(from: 0)
  }

  /// With a seed, fills with noise what Metal does not promise to clear.
  private func scribble(from offset: Int) {
    guard let seed = softwareDevice.switches.seed, offset < allocatedSize, case .pages = memory else {
      return
    }
    var generator = SeededGenerator(seed: seed, UInt64(id))
    generator.scribble(UnsafeMutableRawBufferPointer(start: address + offset, count: allocatedSize - offset))
  }
}
