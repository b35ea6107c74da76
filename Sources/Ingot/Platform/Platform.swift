// What differs between Apple's systems and Linux. Nothing outside this folder asks which one it is on.
import Metal

#if canImport(Darwin)
  import Darwin
  import Foundation
  import ObjectiveC
#else
  import Glibc
#endif

enum Platform {
  /// Whether `Metal` is the software one; its devices are no GPUs.
  static var isSoftwareMetal: Bool {
    #if canImport(Darwin)
      false
    #else
      true
    #endif
  }

  /// Objects of the software Metal that are alive.
  static var liveMetalObjects: Int {
    #if canImport(Darwin)
      0
    #else
      SoftwareMetal.liveObjects
    #endif
  }

  /// Why there is no device, where that is known.
  static var whyNoDevice: String? {
    #if canImport(Darwin)
      nil
    #else
      SoftwareMetal.whyThereIsNone
    #endif
  }

  /// The text of an error that Metal threw or left in a command buffer.
  static func text(of error: any Error) -> String {
    #if canImport(Darwin)
      error.localizedDescription
    #else
      String(describing: error)
    #endif
  }

  /// Bytes of memory that the machine has.
  static var physicalMemory: UInt64 {
    #if canImport(Darwin)
      ProcessInfo.processInfo.physicalMemory
    #else
      SoftwareMetal.physicalMemory
    #endif
  }

  /// `Clock.now`, but of the system's last tick.
  static var coarseTime: UInt64 {
    #if canImport(Darwin)
      clock_gettime_nsec_np(CLOCK_UPTIME_RAW_APPROX)
    #else
      var time = timespec()
      clock_gettime(CLOCK_MONOTONIC_COARSE, &time)
      return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    #endif
  }

  /// The system's number of the calling thread.
  static var threadID: UInt64 {
    #if canImport(Darwin)
      var id: UInt64 = 0
      pthread_threadid_np(nil, &id)
      return id
    #else
      UInt64(pthread_self())
    #endif
  }

  /// Lets another thread have this core, if one waits for it.
  static func yieldThread() { _ = sched_yield() }

  /// Writes a line to stderr.
  static func log(_ text: String) {
    _ = Array((text + "\n").utf8).withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
  }

  /// The value of an environment variable.
  static func environment(_ name: String) -> String? {
    getenv(name).map { String(cString: $0) }
  }
}

/// Runs `body` in a pool of its own: many Metal calls return autoreleased objects, and a thread of Python has no pool.
package func withAutoreleasePool<T, E: Error>(_ body: () throws(E) -> T) throws(E) -> T {
  #if canImport(Darwin)
    // Whether `autoreleasepool` passes typed errors on depends on the SDK; a Result always comes through.
    let result: Result<T, E> = autoreleasepool {
      do throws(E) { return .success(try body()) } catch { return .failure(error) }
    }
    return try result.get()
  #else
    return try body()
  #endif
}
