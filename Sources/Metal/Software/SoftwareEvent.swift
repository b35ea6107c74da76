import CMetalRuntime
import Dispatch
import Synchronization

/// An event; the value is what the scheduler looks at.
class SoftwareEvent: MTLEvent, @unchecked Sendable {
  let softwareDevice: SoftwareDevice
  private let number = Atomic<UInt64>(0)
  private let name = Mutex<String?>(nil)

  init(device: SoftwareDevice) {
    softwareDevice = device
    LiveObject.events.made()
  }

  deinit { LiveObject.events.released() }

  final var device: (any MTLDevice)? { softwareDevice }

  final var label: String? {
    get { name.withLock { $0 } }
    set { name.withLock { $0 = newValue } }
  }

  final var value: UInt64 { number.load(ordering: .acquiring) }

  /// Lets the value grow to `value`; a smaller one is ignored.
  final func signal(_ value: UInt64) {
    guard grow(to: value) else { return }
    reached(value)
    softwareDevice.scheduler.eventChanged()
  }

  /// Whether it has grown. Swift's own `max` compares as if the numbers had signs.
  private func grow(to value: UInt64) -> Bool {
    var known = self.value
    while known < value {
      let (exchanged, original) = number.weakCompareExchange(
        expected: known, desired: value, ordering: .sequentiallyConsistent)
      if exchanged { return true }
      known = original
    }
    return false
  }

  func reached(_ value: UInt64) {}
}

final class SoftwareSharedEvent: SoftwareEvent, MTLSharedEvent, @unchecked Sendable {
  private let changed = Signal()
  private let notifications = Mutex<[Notification]>([])

  private struct Notification {
    var value: UInt64
    var queue: DispatchQueue
    var block: MTLSharedEventNotificationBlock
  }

  var signaledValue: UInt64 {
    get { value }
    set {
      softwareDevice.trace?.line("sharedEvent signaledValue=\(newValue)")
      signal(newValue)
    }
  }

  override func reached(_ value: UInt64) {
    changed.advance()
    sendNotifications()
  }

  func notify(
    _ listener: MTLSharedEventListener, atValue value: UInt64,
    block: @escaping MTLSharedEventNotificationBlock
  ) {
    let notification = Notification(value: value, queue: listener.dispatchQueue, block: block)
    notifications.withLock { $0.append(notification) }
    sendNotifications()
  }

  private func sendNotifications() {
    let value = self.value
    let due = notifications.withLock { waiting in
      let due = waiting.filter { $0.value <= value }
      waiting.removeAll { $0.value <= value }
      return due
    }
    for notification in due {
      notification.queue.async { notification.block(self, value) }
    }
  }

  func wait(untilSignaledValue value: UInt64, timeoutMS milliseconds: UInt64) -> Bool {
    let (wait, overflows) = milliseconds.multipliedReportingOverflow(by: 1_000_000)
    let (deadline, isNever) = mtl_clock_now().addingReportingOverflow(wait)
    return changed.wait(spin: 20_000, until: overflows || isNever ? nil : deadline) { self.value >= value }
  }
}
