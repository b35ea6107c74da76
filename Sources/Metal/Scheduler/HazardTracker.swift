/// What Metal promises between encoders of one queue: for tracked resources that are bound or declared, a write comes
/// after earlier reads and writes, and a read after earlier writes. Within an encoder it promises nothing.
struct HazardTracker {
  private var resources: [ResourceIdentity: Resource] = [:]

  private struct Resource {
    /// Reads and writes of all encoders before `encoder`.
    var earlierReads: DependencyNode?
    var earlierWrites: DependencyNode?
    var encoder = -1
    var reads: [DependencyNode] = []
    var writes: [DependencyNode] = []

    mutating func begin(_ encoder: Int, _ join: ([DependencyNode]) -> DependencyNode) {
      if !reads.isEmpty { earlierReads = join(reads + [earlierReads].compactMap { $0 }) }
      if !writes.isEmpty { earlierWrites = join(writes + [earlierWrites].compactMap { $0 }) }
      (reads, writes) = ([], [])
      self.encoder = encoder
    }
  }

  /// Puts the node after what it must come after. `encoder` is a number unique to the encoder; `join` makes a node
  /// that comes after others.
  mutating func access(
    _ identity: ResourceIdentity, writes: Bool, by node: DependencyNode, encoder: Int,
    join: ([DependencyNode]) -> DependencyNode
  ) {
    guard identity.isTracked else { return }
    var resource = resources[identity] ?? Resource()
    if resource.encoder != encoder { resource.begin(encoder, join) }
    node.comesAfter(resource.earlierWrites)
    if writes {
      node.comesAfter(resource.earlierReads)
      resource.writes.append(node)
    } else {
      resource.reads.append(node)
    }
    resources[identity] = resource
  }

  /// When everything has ended there is nothing to come after.
  mutating func forgetAll() { resources = [:] }
}
