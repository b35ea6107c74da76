import Synchronization

/// Dispatches that were recorded once, to be replayed many times with one call each.
///
///     let step = try device.record(label: "step") { encoder in
///       try encoder.dispatch(gather, x, y, grid: n)
///       try encoder.dispatch(scale, y, .float(2), grid: n)
///     }
///     for _ in 0..<1000 { try step.replay() }
///
/// Everything was checked, and the barriers were found, when it was recorded; a replay encodes what changes from one
/// dispatch to the next, and no more. It is one command buffer, which runs what was recorded, in that order: nothing is
/// fused or moved. A graph never changes, may be replayed from any thread, and keeps its buffers and kernels alive; memory
/// that a pool's reset takes back nevertheless is `.closed` at the next replay. `encode(to:)` mixes it with other dispatches.
public final class Graph: @unchecked Sendable {
  // Unchecked: nothing of it changes.

  /// What it uses of a storage. The right to the memory is had by each replay.
  struct Use {
    let storage: Storage
    let bytes: UsedBytes
  }

  /// An argument of a call.
  struct Place {
    let call: Int
    let position: Int
    var given: RecordedCall.Given?
  }

  public let device: Device
  public let label: String?
  public let ordering: Ordering
  /// Of one replay.
  public let statistics: EncoderStatistics

  let calls: [RecordedCall]
  let plan: GraphPlan
  let uses: [Use]
  let kernels: [Kernel]
  let forcedBarriers: Int
  let leadingBarriers: [[Buffer]]
  /// What it does before its first barrier, and after its last.
  let beginning: HazardTracker
  let end: HazardTracker
  /// The arguments that a name was found to mean.
  let named = Mutex<[String: [Place]]>([:])

  init(_ encoder: CommandEncoder, _ recording: Recording) {
    device = encoder.device
    label = encoder.label
    ordering = encoder.ordering
    statistics = encoder.counts
    calls = recording.calls
    plan = recording.plan
    // Not what only dispatches that were refused would have used.
    let told = recording.plan.storages
    uses = encoder.uses.storages.filter { told.contains(ObjectIdentifier($0.storage)) }
      .map { Use(storage: $0.storage, bytes: $0.bytes) }
    kernels = encoder.uses.kernels
    forcedBarriers = encoder.forcedBarrierCount
    leadingBarriers = recording.leadingBarriers
    beginning = recording.beginning ?? encoder.hazards
    end = encoder.hazards
    LiveObjects.Counters.graphs.increment()
  }

  deinit { LiveObjects.Counters.graphs.decrement() }

  /// What messages call it.
  var name: String { label.map { "graph '\($0)'" } ?? "the graph" }

  /// Encodes it all and commits; returns at once, as `CommandEncoder.commit` does.
  ///
  ///     try graph.replay()
  ///     try graph.replay(.argument("x", with: other), .argument("a", with: .float(3)))
  ///
  /// Replacements hold for this replay: see `replacing(_:)`, which makes a graph of them to be replayed as fast as this
  /// one. Throws as that, as `CommandEncoder.commit`, and `.closed` if a pool's reset took back memory that it uses.
  @discardableResult
  public func replay(_ replacements: Replacement...) throws(IngotError) -> Submission {
    try replay(replacements)
  }

  /// The same for a list, which is made at run time.
  ///
  /// Where too many command buffers are unfinished it waits, or throws `.timeout` at once if it is not `blocking`; to wait
  /// in some other way encode it to an encoder that has `begun`.
  @discardableResult
  public func replay(_ replacements: [Replacement], blocking: Bool = true) throws(IngotError) -> Submission {
    let encoder = CommandEncoder(device: device, label: label, ordering: ordering)
    if !blocking { encoder.isBlocking = false }
    try encode(to: encoder, replacements)
    return try encoder.commit()
  }
}

extension Graph: CustomStringConvertible {
  public var description: String {
    "Graph(\(label.map { "'\($0)', " } ?? "")\(statistics.dispatches) dispatches, \(statistics.barriers) barriers)"
  }
}
