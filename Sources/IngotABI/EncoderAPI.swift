// swift-format-ignore-file: AlwaysUseLowerCamelCase, for the C names

// ingot.h, section "Encoder and submission".
import CIngot
import Ingot

@c @implementation
public func ingot_encoder_create(
  _ device: OpaquePointer?, _ label: UnsafePointer<CChar>?, _ ordering: UInt32,
  _ encoder: UnsafeMutablePointer<OpaquePointer?>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let device: Device = try object(device)
    let result = try required(encoder, "encoder")
    let made = try device.encoder(label: label.map { String(cString: $0) }, ordering: known(ordering))
    result.pointee = try handle(made)
  }
}

/// An INGOT_ORDERING_*.
func known(_ ordering: UInt32) throws(IngotError) -> Ordering {
  if let ordering = Ordering(rawValue: ordering) { return ordering }
  throw IngotError(.argument, "ordering is \(ordering); it is one of INGOT_ORDERING_*, 0 to 2")
}

@c @implementation
public func ingot_encoder_dispatch(
  _ encoder: OpaquePointer?, _ kernel: OpaquePointer?, _ buffers: UnsafePointer<OpaquePointer?>?,
  _ buffer_count: UInt64, _ values: UnsafeRawPointer?, _ values_nbytes: UInt64, _ grid_kind: UInt32,
  _ grid_x: UInt64, _ grid_y: UInt64, _ grid_z: UInt64, _ group_x: UInt64, _ group_y: UInt64,
  _ group_z: UInt64
) -> ingot_status {
  boundary { () throws(IngotError) in
    let buffers = try DispatchLimits.buffers(buffers, buffer_count)
    let values = try DispatchLimits.values(values, values_nbytes)
    let grid = try grid(grid_kind, extent(grid_x, grid_y, grid_z, "grid"))
    let group = try group(group_x, group_y, group_z)
    try withDispatchObjects(encoder, kernel, buffers) { (encoder, kernel, buffers) throws(IngotError) in
      try encoder.dispatch(kernel, buffers: buffers, values: values, grid: grid, group: group)
    }
  }
}

extension Ordering {
  /// The one of INGOT_ORDERING_*.
  static func named(_ number: UInt32) throws(IngotError) -> Ordering {
    guard let ordering = Ordering(rawValue: number) else {
      throw IngotError(.argument, "ordering is \(number); it is one of INGOT_ORDERING_*, 0 to 2")
    }
    return ordering
  }
}

@inline(__always)
func extent(_ x: UInt64, _ y: UInt64, _ z: UInt64, _ name: StaticString) throws(IngotError) -> Extent {
  try Extent(integer(x, name), integer(y, name), integer(z, name))
}

/// nil if Ingot shall choose.
@inline(__always)
func group(_ x: UInt64, _ y: UInt64, _ z: UInt64) throws(IngotError) -> Extent? {
  x == 0 ? nil : try extent(x, y, z, "group")
}

@inline(__always)
func grid(_ kind: UInt32, _ size: Extent) throws(IngotError) -> Grid {
  switch Int(kind) {
  case INGOT_GRID_THREADS: .threads(size)
  case INGOT_GRID_THREADGROUPS: .threadgroups(size)
  default: throw IngotError(.argument, "grid_kind is \(kind); it is one of INGOT_GRID_*, 0 or 1")
  }
}

@c @implementation
public func ingot_encoder_discard(_ encoder: OpaquePointer?) -> ingot_status {
  boundary { () throws(IngotError) in
    let encoder: CommandEncoder = try object(encoder)
    try encoder.discard()
  }
}

@c @implementation
public func ingot_encoder_commit(
  _ encoder: OpaquePointer?, _ submission: UnsafeMutablePointer<OpaquePointer?>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let encoder: CommandEncoder = try object(encoder)
    let committed = try encoder.commit()
    if let submission { submission.pointee = try handle(committed) }
  }
}

@c @implementation
public func ingot_encoder_release(_ encoder: OpaquePointer?) -> ingot_status { release(encoder, .encoder) }

@c @implementation
public func ingot_submission_wait(_ submission: OpaquePointer?, _ timeout: UInt64) -> ingot_status {
  boundary { () throws(IngotError) in
    let submission: Submission = try object(submission)
    try submission.wait(timeout: duration(timeout))
  }
}

@c @implementation
public func ingot_submission_get_info(
  _ submission: OpaquePointer?, _ info: UnsafeMutablePointer<ingot_submission_info>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let submission: Submission = try object(submission)
    let result = try Struct(info, "info")
    var value = ingot_submission_info()
    // Asked first: what is done now has its times.
    value.is_done = submission.isDone ? 1 : 0
    value.is_failed = submission.isFailed ? 1 : 0
    value.gpu_start = submission.gpuStart
    value.gpu_end = submission.gpuEnd
    value.dispatches = UInt64(clamping: submission.dispatches)
    value.barriers = UInt64(clamping: submission.barriers)
    Text.write(submission.label, toMember: &value.label)
    value.barriers_spared = UInt64(clamping: submission.barriersSpared)
    value.host_time = submission.hostTime
    result.fill(value)
  }
}

@c @implementation
public func ingot_submission_release(_ submission: OpaquePointer?) -> ingot_status {
  release(submission, .submission)
}
