// Handles to Ingot's objects and back.
import CIngot
import Ingot

/// A class of Ingot that C has handles of.
protocol HandleObject: AnyObject, Sendable {
  static var handleKind: HandleKind { get }
}

extension Device: HandleObject { static var handleKind: HandleKind { .device } }
extension Buffer: HandleObject { static var handleKind: HandleKind { .buffer } }
extension Library: HandleObject { static var handleKind: HandleKind { .library } }
extension Kernel: HandleObject { static var handleKind: HandleKind { .kernel } }
extension CommandEncoder: HandleObject { static var handleKind: HandleKind { .encoder } }
extension Submission: HandleObject { static var handleKind: HandleKind { .submission } }
extension ResidencySet: HandleObject { static var handleKind: HandleKind { .residencySet } }
extension Pool: HandleObject { static var handleKind: HandleKind { .pool } }
extension MappedFile: HandleObject { static var handleKind: HandleKind { .file } }
extension HostView: HandleObject { static var handleKind: HandleKind { .view } }
extension Mapping: HandleObject { static var handleKind: HandleKind { .mapping } }
extension Event: HandleObject { static var handleKind: HandleKind { .event } }
extension Queue: HandleObject { static var handleKind: HandleKind { .queue } }
extension EncoderSession: HandleObject { static var handleKind: HandleKind { .session } }
extension CompletionNotifier: HandleObject { static var handleKind: HandleKind { .notifier } }
extension BoundKernel: HandleObject { static var handleKind: HandleKind { .boundKernel } }
extension Profile: HandleObject { static var handleKind: HandleKind { .profile } }
extension Graph: HandleObject { static var handleKind: HandleKind { .graph } }

/// The object of a handle; the type wanted says of which kind it must be.
@inline(__always)
func object<T: HandleObject>(_ handle: OpaquePointer?) throws(IngotError) -> T {
  do throws(HandleError) {
    // The table compared the kind, and a kind has one class.
    return unsafeDowncast(try handles.object(Handle(handle), kind: T.handleKind), to: T.self)
  } catch {
    throw IngotError(error)
  }
}

/// The objects of an array of handles, of which `taker` takes so many.
func objects<T: HandleObject>(
  _ list: UnsafePointer<OpaquePointer?>?, _ count: UInt64, atMost most: Int, _ taker: StaticString,
  name: StaticString = "buffers"
) throws(IngotError) -> [T] {
  guard count <= most else {
    throw IngotError(.argument, "a count of \(count) handles; \(taker) takes \(most)")
  }
  guard count > 0 else { return [] }
  guard let list else { throw .null(name) }
  var found: [T] = []
  found.reserveCapacity(Int(count))
  for index in 0..<Int(count) { try found.append(object(list[index])) }
  return found
}

/// A new handle, which owns the object until it is released.
func handle<T: HandleObject>(_ object: T) throws(IngotError) -> OpaquePointer {
  guard let handle = handles.insert(object, kind: T.handleKind) else {
    throw IngotError(.outOfMemory, "2^32 handles are alive: release some")
  }
  return handle.pointer!
}

/// The body of a release function. It leaves the error text alone.
func release(_ handle: OpaquePointer?, _ kind: HandleKind) -> ingot_status {
  guard !cingot_is_forked() else { return IngotError.Kind.state.rawValue }
  return withAutoreleasePool {
    do throws(HandleError) {
      try handles.remove(Handle(handle), kind: kind)
      return ingot_status(INGOT_OK)
    } catch {
      return error.kind.rawValue
    }
  }
}

extension HandleError {
  var kind: IngotError.Kind {
    if case .otherKind(let kind) = reason, HandleKind(rawValue: kind) != nil { return .argument }
    return .closed
  }
}

extension IngotError {
  init(_ error: HandleError) {
    switch error.reason {
    case .null:
      self.init(.closed, "the \(error.wanted) is NULL: it was closed, or never made")
    case .otherKind(let kind) where HandleKind(rawValue: kind) != nil:
      let given = HandleKind(rawValue: kind)!
      self.init(.argument, "a handle of kind \(given) was given where kind \(error.wanted) is wanted")
    case .stale, .otherKind:
      self.init(.closed, "the \(error.wanted) was released, or never was one")
    }
  }
}
