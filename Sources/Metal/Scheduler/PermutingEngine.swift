/// Runs in any order that Metal allows, chosen by a seed: a program that relies on more than Metal promises fails here.
final class PermutingEngine: CommandEngine {
  /// As many as a queue has slots by default.
  private static let window = 64

  private var graph: DependencyGraph
  private var ready: [DependencyNode] = []
  private var unfinished = 0
  private var pace: SeededGenerator
  var finished: [SoftwareCommandBuffer] = []

  init(generator: SeededGenerator) {
    pace = generator
    graph = DependencyGraph(seed: pace.next())
  }

  var accepts: Bool { unfinished < PermutingEngine.window }
  var isIdle: Bool { unfinished == 0 }
  var canRun: Bool { ready.contains { $0.canRun } }

  func add(_ commandBuffer: SoftwareCommandBuffer) {
    unfinished += 1
    let nodes = graph.add(commandBuffer)
    // Chosen before the first completes: completing frees others, which become ready by themselves.
    for node in nodes.filter(\.mayRun) { becomeReady(node) }
  }

  /// Runs a few nodes, so that what is committed meanwhile can come before the others.
  func run(_ runner: CommandRunner) {
    for _ in 0...pace.next() % 8 {
      guard let node = takeNext() else { return }
      carryOut(node, runner)
      complete(node)
    }
    if unfinished == 0 { graph.forgetAll() }
  }

  private func takeNext() -> DependencyNode? {
    let candidates = ready.indices.filter { ready[$0].canRun }
    return candidates.min { ready[$0].priority < ready[$1].priority }.map { ready.remove(at: $0) }
  }

  private func carryOut(_ node: DependencyNode, _ runner: CommandRunner) {
    guard let commandBuffer = node.commandBuffer else { return }
    switch node.action {
    case .join, .wait: return
    case .run(let command):
      commandBuffer.times.start()
      guard commandBuffer.failure == nil else { return }
      commandBuffer.failure = runner.run(command, node.samples).map {
        commandBuffer.report($0, faulted: node.encoder, before: .affected)
      }
    case .endCommandBuffer:
      commandBuffer.times.start()
      commandBuffer.markEnded()
      unfinished -= 1
      finished.append(commandBuffer)
    }
  }

  private func complete(_ node: DependencyNode) {
    for freed in node.complete() { becomeReady(freed) }
  }

  /// A join is done as soon as it may be.
  private func becomeReady(_ node: DependencyNode) {
    var nodes = [node]
    while let next = nodes.popLast() {
      if next.isDone { continue }
      if case .join = next.action { nodes += next.complete() } else { ready.append(next) }
    }
  }
}

extension DependencyNode {
  /// A wait whose event has not come may not; after a failure nothing waits any more.
  fileprivate var canRun: Bool {
    guard case .wait(let event) = action, commandBuffer?.failure == nil else { return true }
    return event.pointee.hasCome
  }
}
