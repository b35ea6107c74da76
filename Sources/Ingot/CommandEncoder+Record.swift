extension Device {
  /// Records what `body` encodes, to be replayed: nothing runs, and no command buffer is used.
  ///
  ///     let graph = try device.record { encoder in
  ///       try encoder.dispatch(saxpy, x, y, .float(2), grid: n)
  ///       try encoder.copy(y, to: z)
  ///     }
  ///     try graph.replay().wait()
  ///
  /// The encoder takes all that others take and checks it as they do, but cannot be committed, and is of no use
  /// afterwards. `INGOT_ORDERING` in the environment overrides `ordering`. Throws what `body` throws.
  public func record(
    label: String? = nil, ordering: Ordering = .automatic, _ body: (CommandEncoder) throws -> Void
  ) throws -> Graph {
    let recorder = recorder(label: label, ordering: ordering)
    try body(recorder)
    return try recorder.finishRecording()
  }

  /// Begins a recording that `CommandEncoder.finishRecording` ends; `record` does both.
  public func recorder(label: String? = nil, ordering: Ordering = .automatic) -> CommandEncoder {
    CommandEncoder(
      device: self, label: label, ordering: configuration.ordering ?? ordering, isRecording: true)
  }
}

extension CommandEncoder {
  /// Ends a recording, and makes a graph of it.
  ///
  /// Throws `.state` if it is none, or has ended.
  public func finishRecording() throws(IngotError) -> Graph {
    try enter()
    guard let recording else {
      leave()
      throw .state("\(name) is no recording, so no graph can be made of it; device.recorder() begins one")
    }
    let graph = Graph(self, recording)
    self.recording = nil
    uses = EncoderUses()
    leave(.recorded)
    return graph
  }

  /// What a recording answers to all that is for command buffers: commits, and whatever is to be encoded in one.
  var noCommandBuffer: IngotError {
    .state(
      "\(name) has no command buffer: it takes dispatches, copies, fills and barriers; end it, and commit replays of its"
        + " graph")
  }
}

extension Graph {
  /// Encodes it all, among other dispatches of an encoder and in its order.
  ///
  ///     try encoder.fill(x, with: Float(0))
  ///     try step.encode(to: encoder)
  ///     try step.encode(to: encoder, .argument("a", with: .float(3)))
  ///
  /// A recording takes the dispatches as if they were made one by one. Throws as `replacing(_:)`, and `.argument` if the
  /// encoder is another device's, or has another ordering, unless that is `.serial`; `.closed` if a pool's reset took back
  /// memory that is used, `.state` after a commit. After an error the encoder is as it was; only a recording, and an
  /// encoder that times dispatches, take them one by one, and may have some when memory runs out.
  public func encode(to encoder: CommandEncoder, _ replacements: Replacement...) throws(IngotError) {
    try encode(to: encoder, replacements)
  }

  /// The same for a list, which is made at run time.
  public func encode(to encoder: CommandEncoder, _ replacements: [Replacement]) throws(IngotError) {
    if let plan = try encoder.takesCalls ? nil : plan(replacing: replacements) {
      try encoder.encode(self, plan)
    } else {
      let graph = try replacing(replacements)
      try encoder.encode(graph, graph.plan)
    }
  }
}

extension CommandEncoder {
  /// Whether it takes the dispatches of a graph one by one: to record them, or to time each.
  fileprivate var takesCalls: Bool { isRecording || isTimed }

  fileprivate func encode(_ graph: Graph, _ plan: GraphPlan) throws(IngotError) {
    try entered { () throws(IngotError) in
      try check(graph)
      for use in graph.uses { try hold(use.storage) }
      if takesCalls {
        for call in graph.calls { try put(call) }
      } else {
        let isFirst = computeEncoder == nil
        guard !isFirst || graph.statistics.dispatches > 0, let target = try readyTarget() else { return }
        play(graph, plan, on: target, isFirst: isFirst)
      }
    }
  }

  private func check(_ graph: Graph) throws(IngotError) {
    guard graph.device.id == device.id else {
      throw .argument(
        "\(graph.name) belongs to another device object than \(name); record it on the encoder's device")
    }
    guard ordering == .serial || ordering == graph.ordering else {
      throw .argument(
        "\(graph.name) was recorded with \(graph.ordering) ordering, and \(name) has \(ordering); both must have the same,"
          + " unless the encoder's is serial")
    }
  }

  /// `isFirst` if no dispatch of the pass comes before it.
  private func play(_ graph: Graph, _ plan: GraphPlan, on target: MetalTarget, isFirst: Bool) {
    if !isFirst, ordering != .serial {
      for buffers in graph.leadingBarriers { put(for: buffers, on: target) }
    }
    if isTracked, !isFirst, hazards.isFull || hazards.conflicts(graph.beginning) {
      putBarrier(on: target)
    }
    plan.encode(on: target, withBarriers: ordering != .serial)
    for use in graph.uses { uses.note(use.storage, use.bytes) }
    for kernel in graph.kernels { uses.note(kernel, encoder: id) }
    count(graph)
    // The graph has bound what it needs: nothing is known of it here.
    bindings = Bindings()
  }

  private func count(_ graph: Graph) {
    dispatchCount += graph.statistics.dispatches
    guard ordering != .serial else { return }
    barrierCount += graph.statistics.barriers
    forcedBarrierCount += graph.forcedBarriers
    if graph.statistics.barriers > 0 { hazards.reset() }
    hazards.formUnion(graph.end)
  }
}
