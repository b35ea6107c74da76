/// An allocation of bytes that the CPU and kernels share.
public protocol MTLBuffer: MTLResource {
  var length: Int { get }
  /// The address of the memory; the same for the buffer's whole life.
  func contents() -> UnsafeMutableRawPointer
  /// For managed storage: says which bytes the CPU has changed.
  func didModifyRange(_ range: Range<Int>)
  func addDebugMarker(_ marker: String, range: Range<Int>)
  func removeAllDebugMarkers()
  /// Where kernels see the memory; arithmetic on it is allowed.
  var gpuAddress: UInt64 { get }
}
