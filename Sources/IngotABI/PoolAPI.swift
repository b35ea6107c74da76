// swift-format-ignore-file: AlwaysUseLowerCamelCase, for the C names

// ingot.h, section "Pool": pools and what they make. PoolLimitsAPI.swift has the rest.
import CIngot
import Ingot

@c @implementation
public func ingot_device_get_pool(
  _ device: OpaquePointer?, _ pool: UnsafeMutablePointer<OpaquePointer?>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let device: Device = try object(device)
    let result = try required(pool, "pool")
    result.pointee = try handle(device.pool)
  }
}

@c @implementation
public func ingot_buffer_get_pool(
  _ buffer: OpaquePointer?, _ pool: UnsafeMutablePointer<OpaquePointer?>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let buffer: Buffer = try object(buffer)
    let result = try required(pool, "pool")
    if let pool = buffer.pool { result.pointee = try handle(pool) } else { result.pointee = nil }
  }
}

@c @implementation
public func ingot_pool_create(
  _ device: OpaquePointer?, _ pool: UnsafeMutablePointer<OpaquePointer?>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let device: Device = try object(device)
    let result = try required(pool, "pool")
    result.pointee = try handle(Pool(device))
  }
}

@c @implementation
public func ingot_pool_create_buffer(
  _ pool: OpaquePointer?, _ dtype: Int32, _ shape: UnsafePointer<UInt64>?, _ dimensions: UInt64,
  _ initial: UnsafeRawPointer?, _ initial_nbytes: UInt64, _ label: UnsafePointer<CChar>?, _ flags: UInt32,
  _ buffer: UnsafeMutablePointer<OpaquePointer?>?, _ contents: UnsafeMutablePointer<UnsafeMutableRawPointer?>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let pool: Pool = try object(pool)
    try create(pool, dtype, shape, dimensions, initial, initial_nbytes, label, flags, buffer, contents)
  }
}

@c @implementation
public func ingot_pool_create_empty(
  _ pool: OpaquePointer?, _ dtype: Int32, _ count: UInt64, _ buffer: UnsafeMutablePointer<OpaquePointer?>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let pool: Pool = try object(pool)
    try createEmpty(pool, dtype, count, buffer)
  }
}

@c @implementation
public func ingot_pool_create_batch(
  _ pool: OpaquePointer?, _ layouts: UnsafePointer<ingot_layout>?, _ count: UInt64,
  _ label: UnsafePointer<CChar>?, _ buffers: UnsafeMutablePointer<OpaquePointer?>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let pool: Pool = try object(pool)
    guard count <= UInt64(INGOT_MAX_BATCH) else {
      throw IngotError(.argument, "\(count) buffers; a batch has at most \(INGOT_MAX_BATCH)")
    }
    let layouts = try required(UnsafeMutablePointer(mutating: layouts), "layouts")
    let result = try required(buffers, "buffers")
    var requests: [(shape: [Int], dtype: DType)] = []
    for layout in UnsafeBufferPointer(start: layouts, count: Int(count)) {
      try requests.append((extents(layout.shape, UInt64(layout.dimensions)), element(layout.dtype)))
    }
    let made = try pool.allocBatch(requests, label: label.map { String(cString: $0) })
    for (index, handle) in try handles(made).enumerated() { result[index] = handle }
  }
}

/// A handle of each object; none if there are not enough.
private func handles(_ buffers: [Buffer]) throws(IngotError) -> [OpaquePointer] {
  var made: [OpaquePointer] = []
  do throws(IngotError) {
    for buffer in buffers { try made.append(handle(buffer)) }
  } catch {
    for handle in made { _ = release(handle, .buffer) }
    throw error
  }
  return made
}

@c @implementation
public func ingot_pool_release_buffer(
  _ pool: OpaquePointer?, _ buffer: OpaquePointer?, _ taken: UnsafeMutablePointer<UInt8>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let pool: Pool = try object(pool)
    let buffer: Buffer = try object(buffer)
    let isTaken = try pool.release(buffer)
    taken?.pointee = isTaken ? 1 : 0
  }
}

@c @implementation
public func ingot_pool_reset(
  _ pool: OpaquePointer?, _ quarantined: UnsafeMutablePointer<UInt64>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let pool: Pool = try object(pool)
    let count = pool.reset()
    quarantined?.pointee = UInt64(clamping: count)
  }
}

@c @implementation
public func ingot_pool_register_existing(_ pool: OpaquePointer?, _ buffer: OpaquePointer?) -> ingot_status {
  boundary { () throws(IngotError) in
    let pool: Pool = try object(pool)
    let buffer: Buffer = try object(buffer)
    try pool.registerExisting(buffer)
  }
}

@c @implementation
public func ingot_pool_release(_ pool: OpaquePointer?) -> ingot_status { release(pool, .pool) }
