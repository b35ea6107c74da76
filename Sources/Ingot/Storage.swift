import Metal
import Synchronization

/// An allocation that was handed out: what buffers are windows on, and what submissions use.
///
/// Encoders and unfinished submissions hold it, so it is let go of only when none of them uses it any more.
final class Storage: @unchecked Sendable {
  // Unchecked: Metal's buffer is only read here, but for its label, which has a lock.

  let id: UInt64
  let device: Device
  let metal: any MTLBuffer
  let contents: UnsafeMutableRawPointer
  let length: Int
  /// Which encoder has it in its list, and where: see `EncoderUses`.
  let mark = Atomic<UInt64>(0)

  private let pool: Pool?
  private let stamps = Mutex(Stamps())
  private let labelLock: Mutex<String?>

  private static let identifiers = Identifiers()

  /// Memory of its own.
  convenience init(device: Device, length: Int, label: String?) throws(IngotError) {
    let metal = try Self.allocate(length, on: device)
    device.residency?.add(metal)
    self.init(device: device, metal: metal, length: length, label: label, pool: nil)
  }

  /// The first `length` bytes of memory that goes back to `pool`, or away if there is none.
  init(device: Device, metal: any MTLBuffer, length: Int, label: String?, pool: Pool?) {
    id = Self.identifiers.next()
    self.device = device
    self.metal = metal
    self.length = length
    self.pool = pool
    contents = metal.contents()
    labelLock = Mutex(label)
    if label != nil || pool != nil { withAutoreleasePool { metal.label = label } }
    LiveObjects.Counters.storages.increment()
  }

  deinit {
    if let pool { pool.recycle(metal) } else { device.residency?.retire(metal) }
    LiveObjects.Counters.storages.decrement()
  }

  /// Memory that was dropped is held by the residency set until its next commit, so that comes before giving up.
  static func allocate(_ length: Int, on device: Device) throws(IngotError) -> any MTLBuffer {
    let metal = withAutoreleasePool {
      if let metal = device.metalDevice.makeBuffer(length: length, options: .storageModeShared) {
        return metal as (any MTLBuffer)?
      }
      guard let residency = device.residency, residency.flush() else { return nil }
      return device.metalDevice.makeBuffer(length: length, options: .storageModeShared)
    }
    if let metal { return metal }
    throw IngotError(
      .outOfMemory,
      "Metal has no memory for a buffer of \(length) bytes; \(device.metalDevice.currentAllocatedSize) are"
        + " allocated on \(device.name), which works well up to \(device.recommendedWorkingSet)")
  }

  var label: String? {
    get { labelLock.withLock { $0 } }
    set {
      labelLock.withLock {
        $0 = newValue
        withAutoreleasePool { metal.label = newValue }
      }
    }
  }

  /// Copies `bytes` over the whole memory, or repeats them if they are one element.
  func fill(with bytes: UnsafeRawBufferPointer) {
    let target = UnsafeMutableRawBufferPointer(start: contents, count: length)
    switch bytes.count {
    case length: target.copyMemory(from: bytes)
    case 1: target.initializeMemory(as: UInt8.self, repeating: bytes[0])
    case 2: target.initializeMemory(as: UInt16.self, repeating: bytes.loadUnaligned(as: UInt16.self))
    case 4: target.initializeMemory(as: UInt32.self, repeating: bytes.loadUnaligned(as: UInt32.self))
    default: target.initializeMemory(as: UInt64.self, repeating: bytes.loadUnaligned(as: UInt64.self))
    }
  }
}

/// Which submissions use which bytes of a storage.
struct Stamps {
  struct Stamp {
    let ticket: UInt64
    let bytes: UsedBytes
  }

  /// Never many: finished ones are dropped when a new one comes.
  var all: [Stamp] = []
}

extension Storage {
  /// Says that the submission with this ticket uses the memory.
  func stamp(_ ticket: UInt64, _ bytes: UsedBytes) {
    stamps.withLock { stamps in
      if !stamps.all.isEmpty { stamps.all.removeAll { !device.queue.isUnfinished($0.ticket) } }
      stamps.all.append(Stamps.Stamp(ticket: ticket, bytes: bytes))
    }
  }

  /// The stamps that may stand in the way of host access.
  private func candidates(_ access: Access, _ buffer: Buffer) -> [Stamps.Stamp] {
    let (start, end) = buffer.addresses
    return stamps.withLock { stamps in
      stamps.all.isEmpty
        ? [] : stamps.all.filter { $0.bytes.conflict(start, end, writes: access.contains(.write)) }
    }
  }

  func wait(for access: Access, to buffer: Buffer, until deadline: UInt64) throws(IngotError) {
    for stamp in candidates(access, buffer) {
      guard let work = device.queue.unfinished(stamp.ticket) else { continue }
      guard work.wait(until: deadline) else {
        throw IngotError(.timeout, "\(work.name) is not done yet; it goes on")
      }
    }
  }

  func checkAccess(_ access: Access, of buffer: Buffer) throws(IngotError) {
    let (start, end) = buffer.addresses
    for stamp in candidates(access, buffer) {
      guard let work = device.queue.unfinished(stamp.ticket) else { continue }
      let isWritten = stamp.bytes.written.overlaps(start, end)
      throw IngotError(
        .inFlight,
        "\(work.name) still \(isWritten ? "writes" : "reads") this \(buffer); wait for it before host access")
    }
  }
}
