import Dispatch

/// A value that only grows and that queues of one device wait for.
public protocol MTLEvent: AnyObject {
  var device: (any MTLDevice)? { get }
  var label: String? { get set }
}

/// An event that the CPU can signal and wait for as well.
public protocol MTLSharedEvent: MTLEvent {
  /// Setting a smaller value is ignored.
  var signaledValue: UInt64 { get set }
  func notify(
    _ listener: MTLSharedEventListener, atValue value: UInt64,
    block: @escaping MTLSharedEventNotificationBlock)
  /// False when the time is over and the value was not reached.
  @discardableResult
  @available(*, noasync)
  func wait(untilSignaledValue value: UInt64, timeoutMS milliseconds: UInt64) -> Bool
}

public typealias MTLSharedEventNotificationBlock = @Sendable (any MTLSharedEvent, UInt64) -> Void

open class MTLSharedEventListener {
  /// Where the blocks run.
  public let dispatchQueue: DispatchQueue

  public init() { dispatchQueue = DispatchQueue(label: "com.Metal.SharedEventListener") }

  public init(dispatchQueue: DispatchQueue) { self.dispatchQueue = dispatchQueue }
}
