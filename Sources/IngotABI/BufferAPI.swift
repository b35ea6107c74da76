// swift-format-ignore-file: AlwaysUseLowerCamelCase, for the C names

// ingot.h, section "Buffer".
import CIngot
import Ingot

@c @implementation
public func ingot_buffer_create(
  _ device: OpaquePointer?, _ dtype: Int32, _ shape: UnsafePointer<UInt64>?, _ dimensions: UInt64,
  _ initial: UnsafeRawPointer?, _ initial_nbytes: UInt64, _ label: UnsafePointer<CChar>?, _ flags: UInt32,
  _ buffer: UnsafeMutablePointer<OpaquePointer?>?, _ contents: UnsafeMutablePointer<UnsafeMutableRawPointer?>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let device: Device = try object(device)
    try create(device, dtype, shape, dimensions, initial, initial_nbytes, label, flags, buffer, contents)
  }
}

/// What makes buffers as the flags of ingot.h say.
protocol OptionalBufferMaker {
  func makeBuffer(
    dtype: DType, shape: [Int], initial: UnsafeRawBufferPointer?, label: String?, options: BufferOptions
  ) throws(IngotError) -> Buffer
}

extension Device: OptionalBufferMaker {}
extension Pool: OptionalBufferMaker {}

/// The body of the functions that make a buffer.
@inline(__always)
func create(
  _ maker: some OptionalBufferMaker, _ dtype: Int32, _ shape: UnsafePointer<UInt64>?, _ dimensions: UInt64,
  _ initial: UnsafeRawPointer?, _ initial_nbytes: UInt64, _ label: UnsafePointer<CChar>?, _ flags: UInt32,
  _ buffer: UnsafeMutablePointer<OpaquePointer?>?, _ contents: UnsafeMutablePointer<UnsafeMutableRawPointer?>?
) throws(IngotError) {
  let result = try required(buffer, "buffer")
  let made = try maker.makeBuffer(
    dtype: element(dtype), shape: extents(shape, dimensions), initial: bytes(initial, initial_nbytes),
    label: label.map { String(cString: $0) }, options: options(flags))
  // Nothing can use it yet, so this access is never refused.
  let address = contents != nil && made.isAllocated ? try made.contents(for: .readWrite) : nil
  result.pointee = try handle(made)
  contents?.pointee = address
}

@c @implementation
public func ingot_buffer_create_empty(
  _ device: OpaquePointer?, _ dtype: Int32, _ count: UInt64, _ buffer: UnsafeMutablePointer<OpaquePointer?>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let device: Device = try object(device)
    try createEmpty(device, dtype, count, buffer)
  }
}

/// The body of the functions that make a temporary.
@inline(__always)
func createEmpty(
  _ maker: some BufferMaker, _ dtype: Int32, _ count: UInt64, _ buffer: UnsafeMutablePointer<OpaquePointer?>?
) throws(IngotError) {
  let result = try required(buffer, "buffer")
  result.pointee = try handle(maker.empty([integer(count, "count")], element(dtype)))
}

@c @implementation
public func ingot_buffer_window(
  _ buffer: OpaquePointer?, _ offset: UInt64, _ dtype: Int32, _ shape: UnsafePointer<UInt64>?,
  _ dimensions: UInt64, _ window: UnsafeMutablePointer<OpaquePointer?>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let buffer: Buffer = try object(buffer)
    let result = try required(window, "window")
    let made = try buffer.window(
      offset: integer(offset, "offset"), shape: extents(shape, dimensions),
      dtype: dtype == 0 ? nil : element(dtype))
    result.pointee = try handle(made)
  }
}

private func options(_ flags: UInt32) throws(IngotError) -> BufferOptions {
  guard flags & ~BufferOptions.all.rawValue == 0 else {
    throw IngotError(
      .argument, "flags is \(flags); what is known is INGOT_BUFFER_*, together \(BufferOptions.all.rawValue)")
  }
  return BufferOptions(rawValue: flags)
}

func element(_ dtype: Int32) throws(IngotError) -> DType {
  guard let element = DType(rawValue: dtype) else {
    let known = DType.allCases.map { "\($0.rawValue) (\($0.name))" }.joined(separator: ", ")
    throw IngotError(.argument, "dtype is \(dtype); there is \(known)")
  }
  return element
}

func extents(_ shape: UnsafePointer<UInt64>?, _ dimensions: UInt64) throws(IngotError) -> [Int] {
  guard dimensions > 0 else { return [] }
  guard let shape else { throw .null("shape") }
  guard dimensions <= UInt64(INGOT_MAX_DIMENSIONS) else {
    throw IngotError(.argument, "\(dimensions) dimensions; a buffer has at most \(INGOT_MAX_DIMENSIONS)")
  }
  var extents: [Int] = []
  extents.reserveCapacity(Int(dimensions))
  for dimension in 0..<Int(dimensions) {
    try extents.append(integer(shape[dimension], "an extent of the shape"))
  }
  return extents
}

private func bytes(
  _ initial: UnsafeRawPointer?, _ nbytes: UInt64
) throws(IngotError) -> UnsafeRawBufferPointer? {
  guard nbytes > 0 else { return nil }
  guard let initial else { throw .null("initial") }
  return try UnsafeRawBufferPointer(start: initial, count: integer(nbytes, "initial_nbytes"))
}

@c @implementation
public func ingot_buffer_get_info(
  _ buffer: OpaquePointer?, _ info: UnsafeMutablePointer<ingot_buffer_info>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let buffer: Buffer = try object(buffer)
    let result = try Struct(info, "info")
    var value = ingot_buffer_info()
    value.id = buffer.id
    value.storage_id = buffer.storageID
    value.offset = UInt64(clamping: buffer.offset)
    value.nbytes = UInt64(clamping: buffer.nbytes)
    value.total_nbytes = UInt64(clamping: buffer.totalNbytes)
    value.dtype = buffer.dtype.rawValue
    value.dimensions = UInt32(clamping: buffer.shape.count)
    value.is_read_only = buffer.isReadOnly ? 1 : 0
    value.is_allocated = buffer.isAllocated ? 1 : 0
    value.is_host_visible = buffer.isHostVisible ? 1 : 0
    withUnsafeMutableBytes(of: &value.shape) {
      let shape = $0.assumingMemoryBound(to: UInt64.self)
      for (index, extent) in buffer.shape.prefix(shape.count).enumerated() {
        shape[index] = UInt64(clamping: extent)
      }
    }
    result.fill(value)
  }
}

@c @implementation
public func ingot_buffer_get_contents(
  _ buffer: OpaquePointer?, _ access: UInt32, _ contents: UnsafeMutablePointer<UnsafeMutableRawPointer?>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let buffer: Buffer = try object(buffer)
    let address = try buffer.contents(for: kinds(access))
    contents?.pointee = address
  }
}

@c @implementation
public func ingot_buffer_wait(
  _ buffer: OpaquePointer?, _ access: UInt32, _ timeout: UInt64
) -> ingot_status {
  boundary { () throws(IngotError) in
    let buffer: Buffer = try object(buffer)
    try buffer.wait(for: kinds(access), timeout: duration(timeout))
  }
}

func kinds(_ access: UInt32) throws(IngotError) -> Access {
  let access = Access(rawValue: access)
  guard !access.isEmpty, access.isSubset(of: .readWrite) else {
    throw IngotError(.argument, "access is \(access.rawValue); it is INGOT_ACCESS_READ, _WRITE or both")
  }
  return access
}

@c @implementation
public func ingot_buffer_release(_ buffer: OpaquePointer?) -> ingot_status { release(buffer, .buffer) }
