// swift-format-ignore-file: AlwaysUseLowerCamelCase, for the C names

// ingot.h, section "Import".
import CIngot
import Ingot

@c @implementation
public func ingot_buffer_wrap(
  _ device: OpaquePointer?, _ region: UnsafeMutableRawPointer?, _ region_nbytes: UInt64, _ offset: UInt64,
  _ dtype: Int32, _ shape: UnsafePointer<UInt64>?, _ dimensions: UInt64, _ flags: UInt32, _ token: UInt64,
  _ label: UnsafePointer<CChar>?, _ buffer: UnsafeMutablePointer<OpaquePointer?>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let device: Device = try object(device)
    let result = try required(buffer, "buffer")
    let pending = PendingToken(token)
    guard let region else { throw .null("region") }
    let flags = try checked(flags, INGOT_IMPORT_READ_ONLY | INGOT_IMPORT_SPARE_OWNER)
    let made = try device.wrap(
      region, length: integer(region_nbytes, "region_nbytes"), offset: integer(offset, "offset"),
      shape: extents(shape, dimensions), dtype: element(dtype),
      readOnly: flags & INGOT_IMPORT_READ_ONLY != 0, label: label.map { String(cString: $0) },
      spareOwner: flags & INGOT_IMPORT_SPARE_OWNER != 0,
      onRelease: { pending.deliver() })
    result.pointee = try handle(made)
    pending.arm()
  }
}

@c @implementation
public func ingot_take_released(
  _ tokens: UnsafeMutablePointer<UInt64>?, _ capacity: UInt64, _ count: UnsafeMutablePointer<UInt64>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let result = try required(count, "count")
    guard capacity > 0 else {
      result.pointee = UInt64(ReleasedTokens.shared.count)
      return
    }
    let memory = UnsafeMutableBufferPointer(
      start: try required(tokens, "tokens"), count: min(Int(clamping: capacity), ReleasedTokens.shared.count))
    result.pointee = UInt64(ReleasedTokens.shared.take(into: memory))
  }
}

@c @implementation
public func ingot_buffer_from_raw(
  _ device: OpaquePointer?, _ mtl_buffer: UnsafeMutableRawPointer?, _ offset: UInt64, _ dtype: Int32,
  _ shape: UnsafePointer<UInt64>?, _ dimensions: UInt64, _ flags: UInt32, _ label: UnsafePointer<CChar>?,
  _ buffer: UnsafeMutablePointer<OpaquePointer?>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let device: Device = try object(device)
    let result = try required(buffer, "buffer")
    guard let mtl_buffer else { throw .null("mtl_buffer") }
    let made = try device.adopt(
      raw: mtl_buffer, offset: integer(offset, "offset"), shape: extents(shape, dimensions),
      dtype: element(dtype), readOnly: checked(flags, INGOT_IMPORT_READ_ONLY) != 0,
      label: label.map { String(cString: $0) })
    result.pointee = try handle(made)
  }
}

@c @implementation
public func ingot_buffer_get_raw(
  _ buffer: OpaquePointer?, _ mtl_buffer: UnsafeMutablePointer<UnsafeMutableRawPointer?>?,
  _ offset: UnsafeMutablePointer<UInt64>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let buffer: Buffer = try object(buffer)
    let result = try required(mtl_buffer, "mtl_buffer")
    let place = try required(offset, "offset")
    let raw = try buffer.rawPointer
    (result.pointee, place.pointee) = (raw.metalBuffer, UInt64(clamping: raw.offset))
  }
}

private func checked(_ flags: UInt32, _ known: Int) throws(IngotError) -> Int {
  guard Int(flags) & ~known == 0 else {
    throw IngotError(
      .argument, "flags is \(flags); what is known here is INGOT_IMPORT_*, together \(known)")
  }
  return Int(flags)
}

@c @implementation
public func ingot_file_map(
  _ device: OpaquePointer?, _ path: UnsafePointer<CChar>?, _ is_writable: UInt32,
  _ file: UnsafeMutablePointer<OpaquePointer?>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let device: Device = try object(device)
    let result = try required(file, "file")
    let made = try device.mapFile(Text.read(path, "path"), writable: is_writable != 0)
    result.pointee = try handle(made)
  }
}

@c @implementation
public func ingot_file_get_info(
  _ file: OpaquePointer?, _ info: UnsafeMutablePointer<ingot_file_info>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let file: MappedFile = try object(file)
    let result = try Struct(info, "info")
    var value = ingot_file_info()
    value.nbytes = UInt64(clamping: file.nbytes)
    value.is_writable = file.isWritable ? 1 : 0
    result.fill(value)
  }
}

@c @implementation
public func ingot_file_window(
  _ file: OpaquePointer?, _ offset: UInt64, _ dtype: Int32, _ shape: UnsafePointer<UInt64>?,
  _ dimensions: UInt64, _ buffer: UnsafeMutablePointer<OpaquePointer?>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let file: MappedFile = try object(file)
    let result = try required(buffer, "buffer")
    let made = try file.window(
      offset: integer(offset, "offset"), shape: extents(shape, dimensions), dtype: element(dtype))
    result.pointee = try handle(made)
  }
}

@c @implementation
public func ingot_file_release(_ file: OpaquePointer?) -> ingot_status { release(file, .file) }
