// swift-format-ignore-file: AlwaysUseLowerCamelCase, for the C names

// ingot.h, section "Profile and capture".
import CIngot
import Ingot

@c @implementation
public func ingot_encoder_time_dispatches(_ encoder: OpaquePointer?) -> ingot_status {
  boundary { () throws(IngotError) in
    let encoder: CommandEncoder = try object(encoder)
    try encoder.timeDispatches()
  }
}

@c @implementation
public func ingot_submission_get_profile(
  _ submission: OpaquePointer?, _ profile: UnsafeMutablePointer<ingot_submission_profile>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let submission: Submission = try object(submission)
    let result = try Struct(profile, "profile")
    var value = ingot_submission_profile()
    value.dispatches = UInt64(clamping: submission.dispatchTimes.count)
    value.is_profiled = submission.profileMethod == nil ? 0 : 1
    Text.write(submission.profileMethod ?? "", toMember: &value.method)
    result.fill(value)
  }
}

@c @implementation
public func ingot_submission_get_dispatch_times(
  _ submission: OpaquePointer?, _ times: UnsafeMutablePointer<ingot_dispatch_time>?, _ capacity: UInt64,
  _ count: UnsafeMutablePointer<UInt64>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let submission: Submission = try object(submission)
    try write(submission.dispatchTimes, to: times, capacity, count, "times") { time in
      var value = ingot_dispatch_time()
      value.start = time.start ?? 0
      value.end = time.end ?? 0
      value.is_timed = time.duration == nil ? 0 : 1
      Text.write(time.kernel, toMember: &value.kernel)
      return value
    }
  }
}

/// Fills an array of the caller's with as many elements as fit.
private func write<Element, Value>(
  _ elements: [Element], to memory: UnsafeMutablePointer<Value>?, _ capacity: UInt64,
  _ count: UnsafeMutablePointer<UInt64>?, _ name: StaticString, _ value: (Element) -> Value
) throws(IngotError) {
  let result = try required(count, "count")
  let memory = try required(memory, name)
  let taken = elements.prefix(Int(clamping: capacity))
  for (index, element) in taken.enumerated() { memory[index] = value(element) }
  result.pointee = UInt64(taken.count)
}

@c @implementation
public func ingot_profile_create(
  _ limit: UInt64, _ profile: UnsafeMutablePointer<OpaquePointer?>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let result = try required(profile, "profile")
    result.pointee = try handle(Profile(limit: integer(limit, "limit")))
  }
}

@c @implementation
public func ingot_device_create_profile(
  _ device: OpaquePointer?, _ limit: UInt64, _ profile: UnsafeMutablePointer<OpaquePointer?>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let device: Device = try object(device)
    let result = try required(profile, "profile")
    result.pointee = try handle(Profile(of: device, limit: integer(limit, "limit")))
  }
}

@c @implementation
public func ingot_profile_start(_ profile: OpaquePointer?) -> ingot_status {
  boundary { () throws(IngotError) in
    let profile: Profile = try object(profile)
    try profile.start()
  }
}

@c @implementation
public func ingot_profile_stop(_ profile: OpaquePointer?) -> ingot_status {
  boundary { () throws(IngotError) in
    let profile: Profile = try object(profile)
    profile.stop()
  }
}

@c @implementation
public func ingot_profile_reset(_ profile: OpaquePointer?) -> ingot_status {
  boundary { () throws(IngotError) in
    let profile: Profile = try object(profile)
    profile.reset()
  }
}

@c @implementation
public func ingot_profile_get_info(
  _ profile: OpaquePointer?, _ info: UnsafeMutablePointer<ingot_profile_info>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let profile: Profile = try object(profile)
    let result = try Struct(info, "info")
    var value = ingot_profile_info()
    value.events = UInt64(clamping: profile.events.count)
    value.dropped = UInt64(clamping: profile.dropped)
    value.groups = UInt64(clamping: profile.groups.count)
    value.is_recording = profile.isRecording ? 1 : 0
    result.fill(value)
  }
}

@c @implementation
public func ingot_profile_get_groups(
  _ profile: OpaquePointer?, _ groups: UnsafeMutablePointer<ingot_profile_group>?, _ capacity: UInt64,
  _ count: UnsafeMutablePointer<UInt64>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let profile: Profile = try object(profile)
    try write(profile.groups, to: groups, capacity, count, "groups") { group in
      var value = ingot_profile_group()
      value.count = UInt64(clamping: group.count)
      (value.total, value.minimum, value.maximum) = (group.total, group.minimum, group.maximum)
      Text.write(group.kind.rawValue, toMember: &value.kind)
      Text.write(group.name, toMember: &value.name)
      return value
    }
  }
}

@c @implementation
public func ingot_profile_get_table(
  _ profile: OpaquePointer?, _ text: UnsafeMutablePointer<CChar>?, _ capacity: UInt64,
  _ length: UnsafeMutablePointer<UInt64>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let profile: Profile = try object(profile)
    let whole = Text.write(profile.table, to: text, capacity: capacity)
    length?.pointee = whole
  }
}

@c @implementation
public func ingot_profile_get_trace(
  _ profile: OpaquePointer?, _ text: UnsafeMutablePointer<CChar>?, _ capacity: UInt64,
  _ length: UnsafeMutablePointer<UInt64>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let profile: Profile = try object(profile)
    let whole = Text.write(profile.trace, to: text, capacity: capacity)
    length?.pointee = whole
  }
}

@c @implementation
public func ingot_profile_release(_ profile: OpaquePointer?) -> ingot_status { release(profile, .profile) }

@c @implementation
public func ingot_device_start_capture(
  _ device: OpaquePointer?, _ path: UnsafePointer<CChar>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let device: Device = try object(device)
    try device.startCapture(to: Text.read(path, "path"))
  }
}

@c @implementation
public func ingot_device_stop_capture(_ device: OpaquePointer?) -> ingot_status {
  boundary { () throws(IngotError) in
    let device: Device = try object(device)
    try device.stopCapture()
  }
}
