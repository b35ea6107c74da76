/// Writes commands into a command buffer, until `endEncoding()`.
public protocol MTLCommandEncoder: AnyObject {
  var device: any MTLDevice { get }
  var label: String? { get set }
  func endEncoding()
  func insertDebugSignpost(_ string: String)
  func pushDebugGroup(_ string: String)
  func popDebugGroup()
}
