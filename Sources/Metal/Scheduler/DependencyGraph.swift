/// Turns command buffers of one queue into nodes with exactly the order that Metal promises, no more.
struct DependencyGraph {
  private let seed: UInt64
  private var hazards = HazardTracker()
  private var fences: [ResourceIdentity: DependencyNode] = [:]
  /// Everything comes after the last wait for an event.
  private var gate: DependencyNode?
  /// The end of the command buffer before.
  private var end: DependencyNode?
  private var encoderCount = 0
  private var commandBufferCount: UInt64 = 0

  init(seed: UInt64) { self.seed = seed }

  /// What is known of the encoder whose commands are being added.
  private final class Scope {
    /// Unique in the queue, and in the command buffer.
    let number: Int
    let index: Int
    let isSerial: Bool
    let samples: EncoderSamples?
    /// Later commands come after these.
    var gates: [DependencyNode] = []
    /// Commands so far, and those since the last barrier.
    var all: [DependencyNode] = []
    var sinceBarrier: [DependencyNode] = []
    var last: DependencyNode?
    var touching: [ResourceIdentity: [DependencyNode]] = [:]
    var resourceGates: [ResourceIdentity: DependencyNode] = [:]
    var declared: [Access] = []

    init(number: Int, index: Int, _ command: BeginEncoderCommand) {
      self.number = number
      self.index = index
      isSerial = command.isSerial
      samples = command.samples?.takeUnretainedValue()
    }
  }

  private struct Access {
    var resource: ResourceIdentity
    var writes: Bool
  }

  /// Returns the new nodes; each has been told what it comes after.
  mutating func add(_ commandBuffer: SoftwareCommandBuffer) -> [DependencyNode] {
    commandBufferCount += 1
    let addition = Addition(commandBuffer, SeededGenerator(seed: seed, commandBufferCount))
    var command = commandBuffer.stream?.pointee.first
    while let current = command {
      add(current, to: addition)
      command = current.pointee.next
    }
    finish(addition)
    return addition.nodes
  }

  /// One command buffer on its way into the graph.
  private final class Addition {
    let commandBuffer: SoftwareCommandBuffer
    var nodes: [DependencyNode] = []
    /// What the next signal, or the end, comes after.
    var pending: [DependencyNode] = []
    var scope: Scope?
    var encoders = 0
    private var generator: SeededGenerator

    init(_ commandBuffer: SoftwareCommandBuffer, _ generator: SeededGenerator) {
      self.commandBuffer = commandBuffer
      self.generator = generator
    }

    func makeNode(_ action: DependencyNode.Action) -> DependencyNode {
      let encoder = scope?.index ?? encoders
      let node = DependencyNode(action, commandBuffer, encoder: encoder, priority: generator.next())
      nodes.append(node)
      return node
    }

    func join(_ nodes: [DependencyNode]) -> DependencyNode {
      let node = makeNode(.join)
      node.comesAfter(nodes)
      return node
    }
  }

  private mutating func add(_ command: UnsafeMutablePointer<Command>, to addition: Addition) {
    switch command.pointee.kind {
    case .beginEncoder: beginEncoder(command.record(BeginEncoderCommand.self).pointee, addition)
    case .dispatch, .copy, .fill, .resolve: addWork(command, addition)
    case .barrier: addBarrier(addition)
    case .resourceBarrier:
      addBarrier(on: command.record(ResourceBarrierCommand.self).pointee.resource, addition)
    case .useResource:
      let use = command.record(UseResourceCommand.self).pointee
      addition.scope?.declared.append(Access(resource: use.resource, writes: use.writes))
    case .updateFence: updateFence(command.record(FenceCommand.self).pointee.fence, addition)
    case .waitForFence: waitForFence(command.record(FenceCommand.self).pointee.fence, addition)
    case .signalEvent: addSignal(command, addition)
    case .waitForEvent: addWait(command.record(EventCommand.self), addition)
    }
  }

}

// Encoders.
extension DependencyGraph {
  private mutating func beginEncoder(_ command: BeginEncoderCommand, _ addition: Addition) {
    addition.scope = Scope(number: encoderCount, index: addition.encoders, command)
    encoderCount += 1
    addition.encoders += 1
  }

  private mutating func addWork(_ command: UnsafeMutablePointer<Command>, _ addition: Addition) {
    let node = addition.makeNode(.run(command))
    node.comesAfter(gate)
    guard let scope = addition.scope else { return }
    node.samples = scope.samples
    node.comesAfter(scope.gates)
    if scope.isSerial { node.comesAfter(scope.last) }
    for access in DependencyGraph.accesses(of: command) + scope.declared {
      node.comesAfter(scope.resourceGates[access.resource])
      scope.touching[access.resource, default: []].append(node)
      hazards.access(access.resource, writes: access.writes, by: node, encoder: scope.number) {
        addition.join($0)
      }
    }
    scope.last = node
    scope.all.append(node)
    scope.sinceBarrier.append(node)
    addition.pending.append(node)
  }

  private func addBarrier(_ addition: Addition) {
    guard let scope = addition.scope else { return }
    let barrier = addition.join(scope.sinceBarrier + scope.gates)
    addition.scope?.gates = [barrier]
    addition.scope?.sinceBarrier = []
  }

  /// Orders only commands that use the resource, as binding or declared.
  private func addBarrier(on resource: ResourceIdentity, _ addition: Addition) {
    guard let touching = addition.scope?.touching[resource] else { return }
    addition.scope?.resourceGates[resource] = addition.join(touching)
  }

  private mutating func updateFence(_ fence: ResourceIdentity, _ addition: Addition) {
    guard let scope = addition.scope else { return }
    fences[fence] = addition.join(scope.all + scope.gates)
  }

  private func waitForFence(_ fence: ResourceIdentity, _ addition: Addition) {
    if let update = fences[fence] { addition.scope?.gates.append(update) }
  }

  private static func accesses(of command: UnsafeMutablePointer<Command>) -> [Access] {
    switch command.pointee.kind {
    case .dispatch: return accesses(of: command.record(DispatchCommand.self))
    case .copy:
      let copy = command.record(CopyCommand.self).pointee
      return [
        Access(resource: copy.sourceResource, writes: false),
        Access(resource: copy.destinationResource, writes: true),
      ]
    case .resolve:
      return [Access(resource: command.record(ResolveCommand.self).pointee.resource, writes: true)]
    case .fill: return [Access(resource: command.record(FillCommand.self).pointee.resource, writes: true)]
    default: return []
    }
  }

  private static func accesses(of dispatch: UnsafeMutablePointer<DispatchCommand>) -> [Access] {
    var accesses = [Access(resource: dispatch.pointee.indirectResource, writes: false)]
    var argument = DispatchCommand.arguments(of: dispatch)
    var rest = dispatch.pointee.arguments
    while rest != 0 {
      let bit = rest & (~rest + 1)
      accesses.append(
        Access(resource: argument.pointee.resource, writes: dispatch.pointee.written & bit != 0))
      argument += 1
      rest &= ~bit
    }
    return accesses.filter { $0.resource != .none }
  }
}

// Events, and the ends of command buffers.
extension DependencyGraph {
  /// After everything before it in the queue.
  private mutating func addSignal(_ command: UnsafeMutablePointer<Command>, _ addition: Addition) {
    addition.scope = nil
    let node = addition.makeNode(.run(command))
    node.comesAfter(gate)
    node.comesAfter(end)
    node.comesAfter(addition.pending)
    addition.pending = [node]
  }

  /// Before everything after it in the queue.
  private mutating func addWait(_ wait: UnsafeMutablePointer<EventCommand>, _ addition: Addition) {
    addition.scope = nil
    let node = addition.makeNode(.wait(wait))
    node.comesAfter(gate)
    gate = node
    addition.pending.append(node)
  }

  /// Command buffers of a queue end in its order.
  private mutating func finish(_ addition: Addition) {
    addition.scope = nil
    let node = addition.makeNode(.endCommandBuffer)
    node.comesAfter(gate)
    node.comesAfter(end)
    node.comesAfter(addition.pending)
    end = node
  }

  /// When everything has ended: keeps no node alive.
  mutating func forgetAll() {
    hazards.forgetAll()
    (fences, gate, end) = ([:], nil, nil)
  }
}
