// swift-format-ignore-file: AlwaysUseLowerCamelCase, for the C names

// ingot.h, section "Queue and event".
import CIngot
import Ingot

@c @implementation
public func ingot_queue_create(
  _ device: OpaquePointer?, _ label: UnsafePointer<CChar>?, _ queue: UnsafeMutablePointer<OpaquePointer?>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let device: Device = try object(device)
    let result = try required(queue, "queue")
    result.pointee = try handle(device.queue(label: label.map { String(cString: $0) }))
  }
}

@c @implementation
public func ingot_device_get_queue(
  _ device: OpaquePointer?, _ queue: UnsafeMutablePointer<OpaquePointer?>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let device: Device = try object(device)
    let result = try required(queue, "queue")
    result.pointee = try handle(device.defaultQueue)
  }
}

@c @implementation
public func ingot_queue_create_encoder(
  _ queue: OpaquePointer?, _ label: UnsafePointer<CChar>?, _ ordering: UInt32,
  _ encoder: UnsafeMutablePointer<OpaquePointer?>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let queue: Queue = try object(queue)
    let result = try required(encoder, "encoder")
    let made = try queue.encoder(label: label.map { String(cString: $0) }, ordering: known(ordering))
    result.pointee = try handle(made)
  }
}

@c @implementation
public func ingot_queue_synchronize(_ queue: OpaquePointer?, _ timeout: UInt64) -> ingot_status {
  boundary { () throws(IngotError) in
    let queue: Queue = try object(queue)
    try queue.synchronize(timeout: duration(timeout))
  }
}

@c @implementation
public func ingot_queue_get_slot_timeout(
  _ queue: OpaquePointer?, _ nanoseconds: UnsafeMutablePointer<UInt64>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let queue: Queue = try object(queue)
    try required(nanoseconds, "nanoseconds").pointee = IngotABI.nanoseconds(queue.slotTimeout)
  }
}

@c @implementation
public func ingot_queue_set_slot_timeout(_ queue: OpaquePointer?, _ nanoseconds: UInt64) -> ingot_status {
  boundary { () throws(IngotError) in
    let queue: Queue = try object(queue)
    queue.slotTimeout = duration(nanoseconds) ?? .seconds(Int64.max)
  }
}

@c @implementation
public func ingot_queue_release(_ queue: OpaquePointer?) -> ingot_status { release(queue, .queue) }

@c @implementation
public func ingot_event_create(
  _ device: OpaquePointer?, _ label: UnsafePointer<CChar>?, _ event: UnsafeMutablePointer<OpaquePointer?>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let device: Device = try object(device)
    let result = try required(event, "event")
    result.pointee = try handle(device.event(label: label.map { String(cString: $0) }))
  }
}

@c @implementation
public func ingot_event_get_value(
  _ event: OpaquePointer?, _ value: UnsafeMutablePointer<UInt64>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let event: Event = try object(event)
    try required(value, "value").pointee = event.value
  }
}

@c @implementation
public func ingot_event_signal(_ event: OpaquePointer?, _ value: UInt64) -> ingot_status {
  boundary { () throws(IngotError) in
    let event: Event = try object(event)
    event.signal(value)
  }
}

@c @implementation
public func ingot_event_wait(_ event: OpaquePointer?, _ value: UInt64, _ timeout: UInt64) -> ingot_status {
  boundary { () throws(IngotError) in
    let event: Event = try object(event)
    try event.wait(for: value, timeout: duration(timeout))
  }
}

@c @implementation
public func ingot_event_release(_ event: OpaquePointer?) -> ingot_status { release(event, .event) }

@c @implementation
public func ingot_encoder_wait_event(
  _ encoder: OpaquePointer?, _ event: OpaquePointer?, _ value: UInt64
) -> ingot_status {
  boundary { () throws(IngotError) in
    let encoder: CommandEncoder = try object(encoder)
    try encoder.wait(for: object(event), value: value)
  }
}

@c @implementation
public func ingot_encoder_signal_event(
  _ encoder: OpaquePointer?, _ event: OpaquePointer?, _ value: UInt64
) -> ingot_status {
  boundary { () throws(IngotError) in
    let encoder: CommandEncoder = try object(encoder)
    try encoder.signal(object(event), value: value)
  }
}
