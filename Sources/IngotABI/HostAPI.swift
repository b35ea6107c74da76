// swift-format-ignore-file: AlwaysUseLowerCamelCase, for the C names

// ingot.h, section "Host access".
import CIngot
import Ingot

@c @implementation
public func ingot_buffer_open_view(
  _ buffer: OpaquePointer?, _ view: UnsafeMutablePointer<OpaquePointer?>?,
  _ info: UnsafeMutablePointer<ingot_view_info>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let buffer: Buffer = try object(buffer)
    let result = try required(view, "view")
    let told = info == nil ? nil : try Struct(info, "info")
    let opened = try buffer.openView()
    result.pointee = try handle(opened)
    told?.fill(description(of: opened))
  }
}

private func description(of view: HostView) -> ingot_view_info {
  var info = ingot_view_info()
  info.contents = view.storageBytes.baseAddress
  info.nbytes = UInt64(clamping: view.storageBytes.count)
  info.use_count = view.useCount
  info.pool_id = view.poolID ?? 0
  info.is_read_only = view.isReadOnly ? 1 : 0
  return info
}

@c @implementation
public func ingot_view_release(_ view: OpaquePointer?) -> ingot_status { release(view, .view) }

@c @implementation
public func ingot_pool_get_id(_ pool: OpaquePointer?, _ id: UnsafeMutablePointer<UInt64>?) -> ingot_status {
  boundary { () throws(IngotError) in
    let pool: Pool = try object(pool)
    try required(id, "id").pointee = pool.id
  }
}

@c @implementation
public func ingot_buffer_map(
  _ buffer: OpaquePointer?, _ access: UInt32, _ timeout: UInt64,
  _ mapping: UnsafeMutablePointer<OpaquePointer?>?,
  _ contents: UnsafeMutablePointer<UnsafeMutableRawPointer?>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let buffer: Buffer = try object(buffer)
    let result = try required(mapping, "mapping")
    let access = try kinds(access)
    let mapped =
      timeout == 0
      ? try buffer.mapped(for: access) : try buffer.mapped(for: access, waiting: duration(timeout))
    result.pointee = try handle(mapped)
    contents?.pointee = mapped.bytes.baseAddress
  }
}

@c @implementation
public func ingot_mapping_release(_ mapping: OpaquePointer?) -> ingot_status { release(mapping, .mapping) }

@c @implementation
public func ingot_buffer_synchronize(_ buffer: OpaquePointer?, _ timeout: UInt64) -> ingot_status {
  boundary { () throws(IngotError) in
    let buffer: Buffer = try object(buffer)
    try buffer.synchronize(timeout: duration(timeout))
  }
}

@c @implementation
public func ingot_device_synchronize(_ device: OpaquePointer?, _ timeout: UInt64) -> ingot_status {
  boundary { () throws(IngotError) in
    let device: Device = try object(device)
    try device.synchronize(timeout: duration(timeout))
  }
}

@c @implementation
public func ingot_buffer_copy_from(_ buffer: OpaquePointer?, _ source: OpaquePointer?) -> ingot_status {
  boundary { () throws(IngotError) in
    let buffer: Buffer = try object(buffer)
    try buffer.copy(from: object(source))
  }
}

@c @implementation
public func ingot_buffer_fill(
  _ buffer: OpaquePointer?, _ element: UnsafeRawPointer?, _ nbytes: UInt64
) -> ingot_status {
  boundary { () throws(IngotError) in
    let buffer: Buffer = try object(buffer)
    guard let element else { throw .null("element") }
    try buffer.fill(with: UnsafeRawBufferPointer(start: element, count: integer(nbytes, "nbytes")))
  }
}

@c @implementation
public func ingot_buffer_ensure_allocated(_ buffer: OpaquePointer?) -> ingot_status {
  boundary { () throws(IngotError) in
    let buffer: Buffer = try object(buffer)
    try buffer.ensureAllocated()
  }
}
