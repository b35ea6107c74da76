// swift-format-ignore-file: AlwaysUseLowerCamelCase, for the C names

// ingot.h, section "Residency".
import CIngot
import Ingot

@c @implementation
public func ingot_device_get_residency(
  _ device: OpaquePointer?, _ settings: UnsafeMutablePointer<ingot_residency_settings>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let device: Device = try object(device)
    let result = try Struct(settings, "settings")
    var value = ingot_residency_settings()
    value.budget = UInt64(clamping: device.residencyBudget)
    value.budget_limit = UInt64(clamping: device.residencyBudgetLimit)
    value.keep_alive = device.keepAliveNanoseconds
    result.fill(value)
  }
}

@c @implementation
public func ingot_device_set_residency(
  _ device: OpaquePointer?, _ settings: UnsafePointer<ingot_residency_settings>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let device: Device = try object(device)
    let wanted = try Struct(settings, "settings").value
    try device.setResidencyBudget(integer(wanted.budget, "budget"))
    device.keepAliveNanoseconds = wanted.keep_alive
  }
}

@c @implementation
public func ingot_residency_set_create(
  _ device: OpaquePointer?, _ label: UnsafePointer<CChar>?, _ set: UnsafeMutablePointer<OpaquePointer?>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let device: Device = try object(device)
    let result = try required(set, "set")
    result.pointee = try handle(device.residencySet(label: label.map { String(cString: $0) }))
  }
}

@c @implementation
public func ingot_residency_set_add(
  _ set: OpaquePointer?, _ buffers: UnsafePointer<OpaquePointer?>?, _ buffer_count: UInt64
) -> ingot_status {
  boundary { () throws(IngotError) in
    let set: ResidencySet = try object(set)
    try set.add(objects(buffers, buffer_count, atMost: ResidencySet.capacity, "a residency set"))
  }
}

@c @implementation
public func ingot_residency_set_remove(
  _ set: OpaquePointer?, _ buffers: UnsafePointer<OpaquePointer?>?, _ buffer_count: UInt64
) -> ingot_status {
  boundary { () throws(IngotError) in
    let set: ResidencySet = try object(set)
    try set.remove(objects(buffers, buffer_count, atMost: ResidencySet.capacity, "a residency set"))
  }
}

@c @implementation
public func ingot_residency_set_clear(_ set: OpaquePointer?) -> ingot_status {
  boundary { () throws(IngotError) in
    let set: ResidencySet = try object(set)
    set.clear()
  }
}

@c @implementation
public func ingot_residency_set_commit(_ set: OpaquePointer?) -> ingot_status {
  boundary { () throws(IngotError) in
    let set: ResidencySet = try object(set)
    set.commit()
  }
}

@c @implementation
public func ingot_residency_set_request(_ set: OpaquePointer?) -> ingot_status {
  boundary { () throws(IngotError) in
    let set: ResidencySet = try object(set)
    set.request()
  }
}

@c @implementation
public func ingot_residency_set_end(_ set: OpaquePointer?) -> ingot_status {
  boundary { () throws(IngotError) in
    let set: ResidencySet = try object(set)
    set.end()
  }
}

@c @implementation
public func ingot_residency_set_contains(
  _ set: OpaquePointer?, _ buffer: OpaquePointer?, _ contained: UnsafeMutablePointer<UInt8>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let set: ResidencySet = try object(set)
    let buffer: Buffer = try object(buffer)
    let result = try required(contained, "contained")
    result.pointee = set.contains(buffer) ? 1 : 0
  }
}

@c @implementation
public func ingot_residency_set_get_info(
  _ set: OpaquePointer?, _ info: UnsafeMutablePointer<ingot_residency_set_info>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let set: ResidencySet = try object(set)
    let result = try Struct(info, "info")
    var value = ingot_residency_set_info()
    value.count = UInt64(clamping: set.count)
    value.allocated_bytes = UInt64(clamping: set.allocatedBytes)
    result.fill(value)
  }
}

@c @implementation
public func ingot_residency_set_release(_ set: OpaquePointer?) -> ingot_status { release(set, .residencySet) }
