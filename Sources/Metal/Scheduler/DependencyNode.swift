/// A command, or a point in time, in the graph of what must come after what.
final class DependencyNode {
  enum Action {
    /// Nothing of its own: everything after it comes after everything before it.
    case join
    case run(UnsafeMutablePointer<Command>)
    case wait(UnsafeMutablePointer<EventCommand>)
    case endCommandBuffer
  }

  let action: Action
  /// Nil when done: nodes that others still know of keep no command buffer alive.
  private(set) var commandBuffer: SoftwareCommandBuffer?
  /// Which encoder of the command buffer it belongs to.
  let encoder: Int
  /// Among the nodes that may run the least goes first.
  let priority: UInt64
  /// Of its encoder, which the command buffer keeps alive.
  unowned(unsafe) var samples: EncoderSamples?
  private(set) var isDone = false
  private var missing = 0
  private var successors: [DependencyNode] = []

  init(_ action: Action, _ commandBuffer: SoftwareCommandBuffer, encoder: Int, priority: UInt64) {
    self.action = action
    self.commandBuffer = commandBuffer
    self.encoder = encoder
    self.priority = priority
  }

  var mayRun: Bool { missing == 0 }

  func comesAfter(_ node: DependencyNode?) {
    guard let node, !node.isDone else { return }
    node.successors.append(self)
    missing += 1
  }

  func comesAfter(_ nodes: [DependencyNode]) {
    for node in nodes { comesAfter(node) }
  }

  /// Returns the nodes that may run now.
  func complete() -> [DependencyNode] {
    isDone = true
    commandBuffer = nil
    let freed = successors.filter { successor in
      successor.missing -= 1
      return successor.missing == 0
    }
    successors = []
    return freed
  }
}
