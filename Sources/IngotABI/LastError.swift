// The thread's last error: an IngotError in, C text and numbers out.
import CIngot
import Ingot

enum LastError {
  /// Keeps the error for `ingot_last_error` and returns its status.
  static func store(_ error: IngotError) -> ingot_status {
    Text.write(error.message, to: cingot_error_text(), capacity: UInt64(CINGOT_ERROR_CAPACITY))
    var info = ingot_error_info()
    info.status = error.kind.rawValue
    info.metal_code = Int64(error.metalCode ?? 0)
    Text.write(lines(error.kernels, MemoryLayout.size(ofValue: info.kernels)), toMember: &info.kernels)
    Text.write(error.label, toMember: &info.label)
    if let failure = error.compileFailure {
      info.line = UInt32(clamping: failure.line)
      info.column = UInt32(clamping: failure.column)
      Text.write(failure.file, toMember: &info.file)
      Text.write(failure.sourceLine, toMember: &info.source_line)
    }
    cingot_error_info().pointee = info
    return info.status
  }

  /// As many whole lines as fit into so many bytes with a NUL.
  private static func lines(_ texts: [String], _ capacity: Int) -> String {
    var nbytes = 0
    let fitting = texts.prefix {
      nbytes += $0.utf8.count + 1
      return nbytes <= capacity
    }
    return fitting.joined(separator: "\n")
  }
}
