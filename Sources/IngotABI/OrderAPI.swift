// swift-format-ignore-file: AlwaysUseLowerCamelCase, for the C names

// ingot.h, section "Encoder and submission": barriers, copies and fills, and what is in an encoder.
import CIngot
import Ingot

@c @implementation
public func ingot_encoder_barrier(
  _ encoder: OpaquePointer?, _ buffers: UnsafePointer<OpaquePointer?>?, _ buffer_count: UInt64
) -> ingot_status {
  boundary { () throws(IngotError) in
    let encoder: CommandEncoder = try object(encoder)
    try encoder.barrier(
      objects(buffers, buffer_count, atMost: Int(INGOT_MAX_BARRIER_BUFFERS), "a barrier"))
  }
}

@c @implementation
public func ingot_encoder_get_info(
  _ encoder: OpaquePointer?, _ info: UnsafeMutablePointer<ingot_encoder_info>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let encoder: CommandEncoder = try object(encoder)
    let result = try Struct(info, "info")
    let statistics = try encoder.statistics
    var value = ingot_encoder_info()
    value.dispatches = UInt64(clamping: statistics.dispatches)
    value.barriers = UInt64(clamping: statistics.barriers)
    value.barriers_spared = UInt64(clamping: statistics.barriersSpared)
    value.ordering = encoder.ordering.rawValue
    result.fill(value)
  }
}

@c @implementation
public func ingot_encoder_copy(
  _ encoder: OpaquePointer?, _ source: OpaquePointer?, _ destination: OpaquePointer?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let encoder: CommandEncoder = try object(encoder)
    try encoder.copy(object(source), to: object(destination))
  }
}

@c @implementation
public func ingot_encoder_fill(
  _ encoder: OpaquePointer?, _ buffer: OpaquePointer?, _ element: UnsafeRawPointer?, _ nbytes: UInt64
) -> ingot_status {
  boundary { () throws(IngotError) in
    let encoder: CommandEncoder = try object(encoder)
    guard let element else { throw .null("element") }
    try encoder.fill(
      object(buffer), withElement: UnsafeRawBufferPointer(start: element, count: integer(nbytes, "nbytes")))
  }
}
