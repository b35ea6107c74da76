import CMetalRuntime

/// The headers that kernels are compiled with, and the ones that MSL sources may include.
enum MetalHeaders {
  /// What a source may include. They are empty when it is preprocessed: all of MSL is there without them.
  static let names: Set<String> = [
    "metal_stdlib", "metal_atomic", "metal_common", "metal_compute", "metal_config", "metal_geometric",
    "metal_graphics", "metal_integer", "metal_limits", "metal_math", "metal_matrix", "metal_numeric",
    "metal_pack", "metal_packed_vector", "metal_relational", "metal_simdgroup", "metal_simdgroup_matrix",
    "metal_tensor", "metal_texture", "metal_type_traits", "metal_types", "metal_uniform", "metal_array",
    "metal_quadgroup", "metal_extended_vector", "metal_logging", "simd/simd.h", "simd/vector.h",
    "simd/vector_types.h", "simd/matrix.h", "simd/matrix_types.h", "simd/math.h", "simd/common.h",
    "simd/geometry.h", "simd/packed.h", "simd/conversion.h", "simd/logic.h", "simd/types.h",
  ]

  static let mainHeader = "msl_shim.h"

  /// Names and texts of the headers that make C++ of MSL.
  static let shim: [(name: String, text: [UInt8])] = {
    var headers: [(String, [UInt8])] = []
    var next = mtl_header_list()!
    while let name = next.pointee.name {
      let text = UnsafeRawBufferPointer(start: next.pointee.text, count: Int(next.pointee.length))
      headers.append((String(cString: name), Array(text)))
      next += 1
    }
    return headers
  }()

  /// Changes with the text of any header.
  static let digest: Digest = {
    Digest(shim.flatMap { Array($0.name.utf8) + [0] + $0.text + [0] })
  }()
}
