// swift-format-ignore-file: AlwaysUseLowerCamelCase, for the C names

// ingot.h, section "Encoder and submission": bound kernels, and what kernels reach through pointers.
import CIngot
import Ingot

@c @implementation
public func ingot_buffer_get_gpu_address(
  _ buffer: OpaquePointer?, _ address: UnsafeMutablePointer<UInt64>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let buffer: Buffer = try object(buffer)
    let result = try required(address, "address")
    result.pointee = try buffer.gpuAddress
  }
}

@c @implementation
public func ingot_encoder_dispatch_using(
  _ encoder: OpaquePointer?, _ kernel: OpaquePointer?, _ buffers: UnsafePointer<OpaquePointer?>?,
  _ buffer_count: UInt64, _ values: UnsafeRawPointer?, _ values_nbytes: UInt64,
  _ uses: UnsafePointer<OpaquePointer?>?, _ accesses: UnsafePointer<UInt32>?, _ use_count: UInt64,
  _ grid_kind: UInt32, _ grid_x: UInt64, _ grid_y: UInt64, _ grid_z: UInt64, _ group_x: UInt64,
  _ group_y: UInt64, _ group_z: UInt64
) -> ingot_status {
  boundary { () throws(IngotError) in
    let buffers = try DispatchLimits.buffers(buffers, buffer_count)
    let values = try DispatchLimits.values(values, values_nbytes)
    let uses = try bufferUses(uses, accesses, use_count)
    let grid = try grid(grid_kind, extent(grid_x, grid_y, grid_z, "grid"))
    let group = try group(group_x, group_y, group_z)
    try withDispatchObjects(encoder, kernel, buffers) { (encoder, kernel, buffers) throws(IngotError) in
      try encoder.dispatch(kernel, buffers: buffers, values: values, grid: grid, group: group, uses: uses)
    }
  }
}

@c @implementation
public func ingot_kernel_bind(
  _ kernel: OpaquePointer?, _ buffers: UnsafePointer<OpaquePointer?>?, _ buffer_count: UInt64,
  _ values: UnsafeRawPointer?, _ values_nbytes: UInt64, _ uses: UnsafePointer<OpaquePointer?>?,
  _ accesses: UnsafePointer<UInt32>?, _ use_count: UInt64,
  _ bound_kernel: UnsafeMutablePointer<OpaquePointer?>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let buffers = try DispatchLimits.buffers(buffers, buffer_count)
    let values = try DispatchLimits.values(values, values_nbytes)
    let kernel: Kernel = try object(kernel)
    let uses = try bufferUses(uses, accesses, use_count)
    let result = try required(bound_kernel, "bound_kernel")
    var found: [Buffer?] = []
    for buffer in buffers { try found.append(buffer == nil ? nil : object(buffer)) }
    result.pointee = try handle(kernel.bind(buffers: found, values: values, uses: uses))
  }
}

@c @implementation
public func ingot_encoder_dispatch_bound(
  _ encoder: OpaquePointer?, _ bound_kernel: OpaquePointer?, _ grid_kind: UInt32, _ grid_x: UInt64,
  _ grid_y: UInt64, _ grid_z: UInt64, _ group_x: UInt64, _ group_y: UInt64, _ group_z: UInt64
) -> ingot_status {
  boundary { () throws(IngotError) in
    let grid = try grid(grid_kind, extent(grid_x, grid_y, grid_z, "grid"))
    let group = try group(group_x, group_y, group_z)
    let objects: (encoder: CommandEncoder, bound: BoundKernel)
    do throws(HandleError) {
      objects = try handles.withSlots { (slots) throws(HandleError) in
        (
          try slots.object(encoder, as: CommandEncoder.self).takeUnretainedValue(),
          try slots.object(bound_kernel, as: BoundKernel.self).takeUnretainedValue()
        )
      }
    } catch {
      throw IngotError(error)
    }
    try objects.encoder.dispatch(objects.bound, grid: grid, group: group)
  }
}

@c @implementation
public func ingot_bound_kernel_release(_ bound_kernel: OpaquePointer?) -> ingot_status {
  release(bound_kernel, .boundKernel)
}

/// The buffers of an array of handles, each with what is done to it.
private func bufferUses(
  _ uses: UnsafePointer<OpaquePointer?>?, _ accesses: UnsafePointer<UInt32>?, _ count: UInt64
) throws(IngotError) -> [BufferUse] {
  let buffers: [Buffer] = try objects(uses, count, atMost: Int(INGOT_MAX_USES), "uses", name: "uses")
  guard let accesses else {
    if buffers.isEmpty { return [] }
    throw .null("accesses")
  }
  return buffers.enumerated().map { BufferUse($1, Access(rawValue: accesses[$0])) }
}
