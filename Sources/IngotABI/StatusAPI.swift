// swift-format-ignore-file: AlwaysUseLowerCamelCase, for the C names

// ingot.h, section "Status". These two only read: whatever happens, the error they report stays what it was.
import CIngot
import Ingot

@c @implementation
public func ingot_last_error(
  _ text: UnsafeMutablePointer<CChar>?, _ capacity: UInt64, _ length: UnsafeMutablePointer<UInt64>?
) -> ingot_status {
  let stored = UnsafeRawBufferPointer(start: cingot_error_text(), count: Text.length(cingot_error_text()))
  let whole = Text.write(stored, to: text, capacity: capacity)
  length?.pointee = whole
  return ingot_status(INGOT_OK)
}

@c @implementation
public func ingot_last_error_info(_ info: UnsafeMutablePointer<ingot_error_info>?) -> ingot_status {
  do throws(IngotError) {
    try Struct(info, "info").fill(cingot_error_info().pointee)
    return ingot_status(INGOT_OK)
  } catch {
    return error.kind.rawValue
  }
}
