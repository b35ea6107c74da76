// swift-format-ignore-file: AlwaysUseLowerCamelCase, for Apple's names

/// Memory that can belong to a residency set.
public protocol MTLAllocation: AnyObject {
  /// Bytes of memory, `length` rounded up to whole pages.
  var allocatedSize: Int { get }
}

/// Memory that kernels can reach.
public protocol MTLResource: MTLAllocation {
  var label: String? { get set }
  var device: any MTLDevice { get }
  var cpuCacheMode: MTLCPUCacheMode { get }
  var storageMode: MTLStorageMode { get }
  /// `.tracked` or `.untracked`, never `.default`.
  var hazardTrackingMode: MTLHazardTrackingMode { get }
  var resourceOptions: MTLResourceOptions { get }

  /// Sets the state and returns the one before; `.keepCurrent` only asks.
  @discardableResult
  func setPurgeableState(_ state: MTLPurgeableState) -> MTLPurgeableState
}

public enum MTLCPUCacheMode: UInt, Sendable {
  case defaultCache = 0
  case writeCombined = 1
}

public enum MTLStorageMode: UInt, Sendable {
  case shared = 0
  case managed = 1
  case `private` = 2
  case memoryless = 3
}

public enum MTLHazardTrackingMode: UInt, Sendable {
  case `default` = 0
  case untracked = 1
  case tracked = 2
}

public enum MTLPurgeableState: UInt, Sendable {
  case keepCurrent = 1
  case nonVolatile = 2
  case volatile = 3
  case empty = 4
}

/// CPU cache mode in bits 0-3, storage mode in bits 4-7, hazard tracking mode in bits 8-9.
public struct MTLResourceOptions: OptionSet, Sendable {
  public let rawValue: UInt
  public init(rawValue: UInt) { self.rawValue = rawValue }

  public static var storageModeShared: MTLResourceOptions { MTLResourceOptions(rawValue: 0) }
  public static let cpuCacheModeWriteCombined = MTLResourceOptions(rawValue: 1)
  public static let storageModeManaged = MTLResourceOptions(rawValue: 16)
  public static let storageModePrivate = MTLResourceOptions(rawValue: 32)
  public static let storageModeMemoryless = MTLResourceOptions(rawValue: 48)
  public static let hazardTrackingModeUntracked = MTLResourceOptions(rawValue: 256)
  public static let hazardTrackingModeTracked = MTLResourceOptions(rawValue: 512)
}

/// What `useResource` declares.
public struct MTLResourceUsage: OptionSet, Sendable {
  public let rawValue: UInt
  public init(rawValue: UInt) { self.rawValue = rawValue }

  public static let read = MTLResourceUsage(rawValue: 1)
  public static let write = MTLResourceUsage(rawValue: 2)
}
