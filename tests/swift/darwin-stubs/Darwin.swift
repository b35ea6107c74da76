// swift-format-ignore-file: AlwaysUseLowerCamelCase, TypeNamesShouldBeCapitalized, for the C names
// What Ingot uses of Apple's Darwin module, so that its Darwin branches can be type-checked elsewhere.

import Dispatch

public func getenv(_ name: UnsafePointer<CChar>!) -> UnsafeMutablePointer<CChar>! { nil }

public let STDERR_FILENO: Int32 = 2

@discardableResult
public func write(_ descriptor: Int32, _ bytes: UnsafeRawPointer!, _ count: Int) -> Int { 0 }

@discardableResult
public func sched_yield() -> Int32 { 0 }

public typealias mode_t = UInt16
public let S_IFMT: mode_t = 0o170000
public let S_IFREG: mode_t = 0o100000
public let S_IFDIR: mode_t = 0o040000

public struct stat {
  public var st_mode: mode_t = 0
  public var st_size: Int64 = 0
  public init() {}
}

public let O_RDONLY: Int32 = 0
public let O_RDWR: Int32 = 2
public let O_NONBLOCK: Int32 = 4
public let O_NOCTTY: Int32 = 0x20000
public let O_CLOEXEC: Int32 = 0x1000000
public let EINTR: Int32 = 4
public let ENOMEM: Int32 = 12
public var errno: Int32 { 0 }

public func open(_ path: UnsafePointer<CChar>, _ flags: Int32) -> Int32 { 0 }

public let F_OK: Int32 = 0

public func access(_ path: UnsafePointer<CChar>!, _ mode: Int32) -> Int32 { 0 }

public struct _opaque_pthread_t {}
public typealias pthread_t = UnsafeMutablePointer<_opaque_pthread_t>

@discardableResult
public func pthread_threadid_np(_ thread: pthread_t?, _ id: UnsafeMutablePointer<UInt64>?) -> Int32 { 0 }

@discardableResult
public func close(_ descriptor: Int32) -> Int32 { 0 }

public let F_SETFD: Int32 = 2
public let F_SETFL: Int32 = 4
public let FD_CLOEXEC: Int32 = 1

public func pipe(_ ends: UnsafeMutablePointer<Int32>!) -> Int32 { 0 }

public func fcntl(_ descriptor: Int32, _ command: Int32, _ value: Int32) -> Int32 { 0 }

public func read(_ descriptor: Int32, _ memory: UnsafeMutableRawPointer!, _ count: Int) -> Int { 0 }

@discardableResult
public func fstat(_ descriptor: Int32, _ status: UnsafeMutablePointer<stat>!) -> Int32 { 0 }

public func strerror(_ number: Int32) -> UnsafeMutablePointer<CChar>! { nil }

public let _SC_PAGESIZE: Int32 = 29

public func sysconf(_ name: Int32) -> Int { 16384 }

public let PROT_NONE: Int32 = 0
public let PROT_READ: Int32 = 1
public let PROT_WRITE: Int32 = 2
public let MAP_SHARED: Int32 = 1
public let MAP_PRIVATE: Int32 = 2
public let MAP_FIXED: Int32 = 0x10
public let MAP_ANONYMOUS: Int32 = 0x1000
public var MAP_FAILED: UnsafeMutableRawPointer! { nil }

public func mmap(
  _ address: UnsafeMutableRawPointer!, _ length: Int, _ protection: Int32, _ flags: Int32,
  _ descriptor: Int32,
  _ offset: Int64
) -> UnsafeMutableRawPointer! { nil }

@discardableResult
public func munmap(_ address: UnsafeMutableRawPointer!, _ length: Int) -> Int32 { 0 }

public func mprotect(_ address: UnsafeMutableRawPointer!, _ length: Int, _ protection: Int32) -> Int32 { 0 }

public typealias clockid_t = UInt32
public let CLOCK_UPTIME_RAW_APPROX: clockid_t = 9

public func clock_gettime_nsec_np(_ clock: clockid_t) -> UInt64 { 0 }

public protocol DispatchSourceMemoryPressure: DispatchSourceProtocol, AnyObject {
  var data: DispatchSource.MemoryPressureEvent { get }
}

extension DispatchSource {
  public struct MemoryPressureEvent: OptionSet, Sendable {
    public let rawValue: UInt
    public init(rawValue: UInt) { self.rawValue = rawValue }
    public static let warning = MemoryPressureEvent(rawValue: 2)
    public static let critical = MemoryPressureEvent(rawValue: 4)
  }

  public class func makeMemoryPressureSource(
    eventMask: MemoryPressureEvent, queue: DispatchQueue? = nil
  ) -> any DispatchSourceMemoryPressure { fatalError("a stub") }
}
