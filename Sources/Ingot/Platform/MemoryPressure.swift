// What the system says when its memory is short.
import Dispatch

#if canImport(Darwin)
  import Darwin
#endif

extension Platform {
  /// Calls a block when the system's memory is short, as long as it exists. On Linux nobody says so.
  final class PressureSource: @unchecked Sendable {
    // Unchecked: the source is set once.

    #if canImport(Darwin)
      private let source: any DispatchSourceMemoryPressure

      init(_ block: @escaping @Sendable (_ isCritical: Bool) -> Void) {
        let source = DispatchSource.makeMemoryPressureSource(
          eventMask: [.warning, .critical], queue: DispatchQueue(label: "ingot.pressure", qos: .utility))
        self.source = source
        source.setEventHandler { [unowned source] in
          withAutoreleasePool { block(source.data.contains(.critical)) }
        }
        source.activate()
      }

      deinit { source.cancel() }
    #else
      init(_ block: @escaping @Sendable (_ isCritical: Bool) -> Void) {}
    #endif
  }
}
