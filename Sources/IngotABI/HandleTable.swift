// Handles are values that name a slot of one table, never addresses: whatever integer a caller passes, looking it up
// is safe, and a handle that was released stays refused even when its slot is used again.
import Synchronization

/// What a handle stands for; part of the handle, so that a kernel is no buffer even where C casts.
enum HandleKind: UInt8 {
  case device = 1
  case buffer
  case library
  case kernel
  case encoder
  case submission
  case pool
  case file
  case residencySet
  case view
  case mapping
  case event = 12
  case queue = 13
  case session = 18
  case notifier = 15
  case boundKernel = 16
  case profile = 17
  case graph = 14
}

extension HandleKind: CustomStringConvertible {
  /// As the names of the functions of ingot.h have it.
  var description: String {
    switch self {
    case .device: "device"
    case .buffer: "buffer"
    case .library: "library"
    case .kernel: "kernel"
    case .encoder: "encoder"
    case .submission: "submission"
    case .pool: "pool"
    case .file: "file"
    case .residencySet: "residency_set"
    case .view: "view"
    case .mapping: "mapping"
    case .event: "event"
    case .queue: "queue"
    case .session: "session"
    case .notifier: "notifier"
    case .boundKernel: "bound_kernel"
    case .profile: "profile"
    case .graph: "graph"
    }
  }
}

/// The bits of a handle: slot (32), generation (27, never 0), kind (5).
struct Handle: Sendable {
  static let lastGeneration: UInt32 = (1 << 27) - 1

  let bits: UInt64

  init(slot: UInt32, generation: UInt32, kind: HandleKind) {
    bits = UInt64(slot) | UInt64(generation) << 32 | UInt64(kind.rawValue) << 59
  }

  @inline(__always) init(_ pointer: OpaquePointer?) { bits = UInt64(UInt(bitPattern: pointer)) }

  var pointer: OpaquePointer? { OpaquePointer(bitPattern: UInt(bits)) }
  var slot: UInt32 { UInt32(truncatingIfNeeded: bits) }
  var generation: UInt32 { UInt32(truncatingIfNeeded: bits >> 32) & Handle.lastGeneration }
  var kind: UInt8 { UInt8(truncatingIfNeeded: bits >> 59) }
}

/// Why a handle was refused.
struct HandleError: Error {
  enum Reason {
    case null
    case stale
    case otherKind(UInt8)
  }

  let reason: Reason
  let wanted: HandleKind
}

/// All living handles of the process and the objects they own.
///
/// One lock guards everything. Objects are retained under it, and used, released and freed outside.
struct HandleTable: ~Copyable, Sendable {
  typealias Object = AnyObject & Sendable

  private let slots = Mutex(HandleSlots())

  /// A new handle that owns `object`; nil when 2^32 handles are alive.
  func insert(_ object: any Object, kind: HandleKind) -> Handle? {
    let retained = Unmanaged.passRetained(object)
    let handle = slots.withLock { $0.insert(retained, kind: kind) }
    if handle == nil { retained.release() }
    return handle
  }

  /// The object of a handle, retained.
  @inline(__always)
  func object(_ handle: Handle, kind: HandleKind) throws(HandleError) -> any Object {
    try withSlots { (slots) throws(HandleError) in try slots.object(handle, kind: kind).takeUnretainedValue()
    }
  }

  /// Takes the handle out of the table; its object goes with the last user.
  func remove(_ handle: Handle, kind: HandleKind) throws(HandleError) {
    let object = try withSlots { (slots) throws(HandleError) in try slots.remove(handle, kind: kind) }
    object.release()
  }

  /// Looks up several handles under one lock. The body must retain what it takes out.
  @inline(__always)
  func withSlots<Result: Sendable>(
    _ body: (inout HandleSlots) throws(HandleError) -> Result
  ) throws(HandleError) -> Result {
    try slots.withLock { (slots) throws(HandleError) in try body(&slots) }
  }

  /// How many handles are alive.
  var count: Int { slots.withLock { $0.count } }
}
