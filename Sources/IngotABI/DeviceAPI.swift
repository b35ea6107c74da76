// swift-format-ignore-file: AlwaysUseLowerCamelCase, for the C names

// ingot.h, section "Device".
import CIngot
import Ingot

@c @implementation
public func ingot_device_count(_ count: UnsafeMutablePointer<UInt64>?) -> ingot_status {
  boundary { () throws(IngotError) in
    let result = try required(count, "count")
    cingot_watch_forks()
    result.pointee = UInt64(clamping: Device.count)
  }
}

@c @implementation
public func ingot_device_open(
  _ index: Int64, _ flags: UInt32, _ device: UnsafeMutablePointer<OpaquePointer?>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let result = try required(device, "device")
    let flags = try DeviceFlags(checking: flags)
    cingot_watch_forks()
    result.pointee = try handle(open(index, flags))
  }
}

private func open(_ index: Int64, _ flags: DeviceFlags) throws(IngotError) -> Device {
  let index = index == -1 ? nil : Int(index)
  let (requireGPU, residency) = (flags.contains(.requireGPU), !flags.contains(.noResidency))
  if flags.contains(.isolated) {
    return try Device.isolated(
      index: index, requireGPU: requireGPU, residency: residency, manualTime: flags.contains(.manualTime))
  }
  if let index { return try Device.at(index, requireGPU: requireGPU, residency: residency) }
  return try Device.default(requireGPU: requireGPU, residency: residency)
}

/// The INGOT_DEVICE_* flags.
private struct DeviceFlags: OptionSet {
  let rawValue: UInt32

  static let isolated = DeviceFlags(rawValue: UInt32(INGOT_DEVICE_ISOLATED))
  static let requireGPU = DeviceFlags(rawValue: UInt32(INGOT_DEVICE_REQUIRE_GPU))
  static let noResidency = DeviceFlags(rawValue: UInt32(INGOT_DEVICE_NO_RESIDENCY))
  static let manualTime = DeviceFlags(rawValue: UInt32(INGOT_DEVICE_MANUAL_TIME))
  static let all: DeviceFlags = [.isolated, .requireGPU, .noResidency, .manualTime]

  init(rawValue: UInt32) { self.rawValue = rawValue }

  init(checking flags: UInt32) throws(IngotError) {
    rawValue = flags
    guard isSubset(of: .all) else {
      throw IngotError(
        .argument, "flags is \(flags); what is known is INGOT_DEVICE_*, together \(Self.all.rawValue)")
    }
    guard contains(.isolated) || !contains(.manualTime) else {
      throw IngotError(
        .argument,
        "INGOT_DEVICE_MANUAL_TIME needs INGOT_DEVICE_ISOLATED: others use the shared device too")
    }
  }
}

@c @implementation
public func ingot_device_get_info(
  _ device: OpaquePointer?, _ info: UnsafeMutablePointer<ingot_device_info>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let device: Device = try object(device)
    let result = try Struct(info, "info")
    var value = ingot_device_info()
    value.registry_id = device.registryID
    value.max_buffer_length = UInt64(clamping: device.maxBufferLength)
    value.recommended_working_set = device.recommendedWorkingSet
    value.max_threadgroup_memory = UInt64(clamping: device.maxThreadgroupMemory)
    let threads = device.maxThreadsPerThreadgroup
    value.max_threads_per_threadgroup = (
      UInt64(clamping: threads.x), UInt64(clamping: threads.y), UInt64(clamping: threads.z)
    )
    value.has_unified_memory = device.hasUnifiedMemory ? 1 : 0
    value.is_software = device.isSoftware ? 1 : 0
    value.has_residency_sets = device.hasResidencySets ? 1 : 0
    Text.write(device.name, toMember: &value.name)
    result.fill(value)
  }
}

@c @implementation
public func ingot_device_get_statistics(
  _ device: OpaquePointer?, _ statistics: UnsafeMutablePointer<ingot_device_statistics>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let device: Device = try object(device)
    let result = try Struct(statistics, "statistics")
    let current = device.statistics
    var value = ingot_device_statistics()
    value.current_allocated = UInt64(clamping: current.currentAllocated)
    value.resident_count = UInt64(clamping: current.residentCount)
    value.residency_commits = UInt64(clamping: current.residencyCommits)
    value.submissions = UInt64(clamping: current.submissions)
    value.unfinished = UInt64(clamping: current.unfinished)
    value.residency_sets = UInt64(clamping: current.residencySets)
    value.resident_bytes = UInt64(clamping: current.residentBytes)
    value.unwired_bytes = UInt64(clamping: current.unwiredBytes)
    value.residency_requests = UInt64(clamping: current.residencyRequests)
    value.residency_wake_ups = UInt64(clamping: current.residencyWakeUps)
    result.fill(value)
  }
}

@c @implementation
public func ingot_device_get_memory_stats(
  _ device: OpaquePointer?, _ stats: UnsafeMutablePointer<ingot_memory_stats>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let device: Device = try object(device)
    let result = try Struct(stats, "stats")
    let current = device.memoryStatistics
    var value = ingot_memory_stats()
    (value.pooled_count, value.pooled_bytes) = numbers(current.pooled)
    (value.exact_count, value.exact_bytes) = numbers(current.exact)
    (value.wrapped_count, value.wrapped_bytes) = numbers(current.wrapped)
    (value.mapped_count, value.mapped_bytes) = numbers(current.mapped)
    (value.adopted_count, value.adopted_bytes) = numbers(current.adopted)
    (value.storage_count, value.storage_bytes) = numbers(current.storages)
    (value.resident_count, value.resident_bytes) = numbers(current.resident)
    value.total_bytes = UInt64(clamping: current.totalBytes)
    value.used_bytes = UInt64(clamping: current.usedBytes)
    value.free_bytes = UInt64(clamping: current.freeBytes)
    value.peak_total_bytes = UInt64(clamping: current.peakTotalBytes)
    value.peak_used_bytes = UInt64(clamping: current.peakUsedBytes)
    result.fill(value)
  }
}

private func numbers(_ use: MemoryUse) -> (UInt64, UInt64) {
  (UInt64(clamping: use.count), UInt64(clamping: use.bytes))
}

@c @implementation
public func ingot_device_reset_peak(_ device: OpaquePointer?) -> ingot_status {
  boundary { () throws(IngotError) in
    let device: Device = try object(device)
    device.resetPeak()
  }
}

@c @implementation
public func ingot_device_supports(
  _ device: OpaquePointer?, _ family: Int64, _ supported: UnsafeMutablePointer<UInt8>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let device: Device = try object(device)
    let result = try required(supported, "supported")
    result.pointee = device.supports(family: Int(family)) ? 1 : 0
  }
}

@c @implementation
public func ingot_device_advance_time(_ device: OpaquePointer?, _ nanoseconds: UInt64) -> ingot_status {
  boundary { () throws(IngotError) in
    let device: Device = try object(device)
    try device.advanceTime(by: duration(nanoseconds) ?? .seconds(Int64.max))
  }
}

@c @implementation
public func ingot_device_get_slot_timeout(
  _ device: OpaquePointer?, _ nanoseconds: UnsafeMutablePointer<UInt64>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let device: Device = try object(device)
    try required(nanoseconds, "nanoseconds").pointee = IngotABI.nanoseconds(device.slotTimeout)
  }
}

@c @implementation
public func ingot_device_set_slot_timeout(_ device: OpaquePointer?, _ nanoseconds: UInt64) -> ingot_status {
  boundary { () throws(IngotError) in
    let device: Device = try object(device)
    device.slotTimeout = duration(nanoseconds) ?? .seconds(Int64.max)
  }
}

@c @implementation
public func ingot_device_release(_ device: OpaquePointer?) -> ingot_status { release(device, .device) }
