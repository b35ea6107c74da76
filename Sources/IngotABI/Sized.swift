// Structs that grow: their first member says how much of them the caller knows.
import CIngot
import Ingot

/// A struct of ingot.h that begins with `size`.
protocol SizedStruct {
  /// `sizeof` in the first version that had the struct. Stays what it is, however the struct grows.
  static var firstSize: Int { get }
  init()
  var size: UInt64 { get set }
}

extension ingot_error_info: SizedStruct { static var firstSize: Int { 352 } }
extension ingot_live_objects: SizedStruct { static var firstSize: Int { 72 } }
extension ingot_device_info: SizedStruct { static var firstSize: Int { 328 } }
extension ingot_device_statistics: SizedStruct { static var firstSize: Int { 48 } }
extension ingot_memory_stats: SizedStruct { static var firstSize: Int { 160 } }
extension ingot_buffer_info: SizedStruct { static var firstSize: Int { 312 } }
extension ingot_file_info: SizedStruct { static var firstSize: Int { 24 } }
extension ingot_pool_statistics: SizedStruct { static var firstSize: Int { 80 } }
extension ingot_pool_limits: SizedStruct { static var firstSize: Int { 32 } }
extension ingot_view_info: SizedStruct { static var firstSize: Int { 48 } }
extension ingot_compile_options: SizedStruct { static var firstSize: Int { 40 } }
extension ingot_kernel_info: SizedStruct { static var firstSize: Int { 40 } }
extension ingot_constant_info: SizedStruct { static var firstSize: Int { 184 } }
extension ingot_argument_info: SizedStruct { static var firstSize: Int { 176 } }
extension ingot_encoder_info: SizedStruct { static var firstSize: Int { 40 } }
extension ingot_submission_info: SizedStruct { static var firstSize: Int { 304 } }
extension ingot_graph_info: SizedStruct { static var firstSize: Int { 304 } }
extension ingot_residency_settings: SizedStruct { static var firstSize: Int { 32 } }
extension ingot_residency_set_info: SizedStruct { static var firstSize: Int { 24 } }
extension ingot_session_info: SizedStruct { static var firstSize: Int { 40 } }
extension ingot_submission_profile: SizedStruct { static var firstSize: Int { 280 } }
extension ingot_profile_info: SizedStruct { static var firstSize: Int { 40 } }

/// The caller's struct: as many bytes of it as both sides know.
struct Struct<T: SizedStruct> {
  private let memory: UnsafeMutableRawPointer
  private let count: Int

  /// Refuses NULL and a size that no version ever had.
  init(_ pointer: UnsafeMutablePointer<T>?, _ name: StaticString) throws(IngotError) {
    try self.init(UnsafePointer(pointer), name)
  }

  init(_ pointer: UnsafePointer<T>?, _ name: StaticString) throws(IngotError) {
    guard let pointer else { throw .null(name) }
    memory = UnsafeMutableRawPointer(mutating: pointer)
    // Only `size` itself may be read before it is known.
    let size = memory.load(as: UInt64.self)
    guard size >= T.firstSize else {
      throw IngotError(
        .argument,
        "\(name).size is \(size), but \(T.self) has at least \(T.firstSize) bytes: set it to sizeof")
    }
    count = Int(min(size, UInt64(MemoryLayout<T>.size)))
  }

  /// Writes all members but `size`.
  func fill(_ value: T) {
    var value = value
    value.size = memory.load(as: UInt64.self)
    withUnsafeBytes(of: value) { memory.copyMemory(from: $0.baseAddress!, byteCount: count) }
  }

  /// The members; those that the caller does not know are zero.
  var value: T {
    var value = T()
    withUnsafeMutableBytes(of: &value) {
      $0.copyMemory(from: UnsafeRawBufferPointer(start: memory, count: count))
    }
    return value
  }
}
