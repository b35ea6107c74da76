/// Orders encoders of one queue that share untracked resources.
public protocol MTLFence: AnyObject {
  var device: any MTLDevice { get }
  var label: String? { get set }
}
