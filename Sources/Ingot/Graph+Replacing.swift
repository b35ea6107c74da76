extension Graph {
  /// The same graph with other buffers and values, checked as in a dispatch, and with the barriers that these need.
  ///
  ///     let (there, back) = try (graph, graph.replacing(.buffer(x, with: y), .buffer(y, with: x)))
  ///     for _ in 0..<1000 {
  ///       try there.replay()
  ///       try back.replay()
  ///     }
  ///
  /// Grids, threadgroups and threadgroup memory stay. Throws `.argument` if a replacement means no argument, or a name
  /// arguments that were not recorded with the same value; and what a dispatch with these arguments would throw.
  public func replacing(_ replacements: Replacement...) throws(IngotError) -> Graph {
    try replacing(replacements)
  }

  /// The same for a list, which is made at run time; with an empty one it is this graph.
  public func replacing(_ replacements: [Replacement]) throws(IngotError) -> Graph {
    guard !replacements.isEmpty else { return self }
    let recorder = CommandEncoder(device: device, label: label, ordering: ordering, isRecording: true)
    for call in try replaced(replacements) { try recorder.put(call) }
    return try recorder.finishRecording()
  }

  /// What an argument is: what a replacement for it has to fit. With no dispatch the name stands for all that have it.
  ///
  ///     print(try graph.argument("a").dtype)
  ///
  /// Throws `.argument` as `replacing(_:)`.
  public func argument(_ name: String, of dispatch: Int? = nil) throws(IngotError) -> KernelArgument {
    let place = if let dispatch { try place(name, of: dispatch) } else { try places(of: name)[0] }
    return calls[place.call].arguments[place.position]
  }

  /// The plan with the replacements in it, if these are values by name in place of values as long: then nothing else
  /// changes, and it takes no longer than the replay itself. nil if there is more to do.
  func plan(replacing replacements: [Replacement]) throws(IngotError) -> GraphPlan? {
    var plan = plan
    for replacement in replacements {
      guard case .name(let name) = replacement.place, let bytes = replacement.value.bytes else { return nil }
      let place = try places(of: name)[0]
      guard case .value(let recorded, _, _) = place.given, recorded.count == bytes.count,
        bytes.count <= Kernel.inlineLimit, case .dispatch(let dispatch) = calls[place.call]
      else { return nil }
      try dispatch.kernel.checkValue(
        PackedValues.Head(position: place.position, dtype: replacement.value.dtype, nbytes: bytes.count))
      plan.setValues(named: name, to: bytes)
    }
    return plan
  }

  /// The calls with the replacements in them: what is to be replaced goes by what was recorded, so buffers can change
  /// places.
  private func replaced(_ replacements: [Replacement]) throws(IngotError) -> [RecordedCall] {
    var calls = try replacedBuffers(replacements)
    for replacement in replacements {
      guard case .name(let name) = replacement.place else { continue }
      for place in try places(of: name) { try calls[place.call].set(replacement.value, at: place.position) }
    }
    for replacement in replacements {
      guard case .argument(let name, let dispatch) = replacement.place else { continue }
      let place = try place(name, of: dispatch)
      try calls[place.call].set(replacement.value, at: place.position)
    }
    return calls
  }

  private func replacedBuffers(_ replacements: [Replacement]) throws(IngotError) -> [RecordedCall] {
    var others: [BufferWindow: Buffer] = [:]
    for replacement in replacements {
      if case .buffer(let old) = replacement.place, case .buffer(let new) = replacement.value.content {
        others[BufferWindow(old)] = new
      }
    }
    guard !others.isEmpty else { return calls }
    var (calls, found) = (self.calls, Set<BufferWindow>())
    for index in calls.indices {
      calls[index].setBuffers { buffer in
        guard let other = others[BufferWindow(buffer)] else { return nil }
        found.insert(BufferWindow(buffer))
        return other
      }
    }
    for replacement in replacements {
      if case .buffer(let old) = replacement.place, !found.contains(BufferWindow(old)) { throw unused(old) }
    }
    return calls
  }
}

// Which arguments a name means.
extension Graph {
  private func places(of name: String) throws(IngotError) -> [Place] {
    if let places = named.withLock({ $0[name] }) { return places }
    let places = try findPlaces(of: name)
    named.withLock { $0[name] = places }
    return places
  }

  private func findPlaces(of name: String) throws(IngotError) -> [Place] {
    var places: [Place] = []
    var kernel: (Kernel, position: Int?)?
    for (index, call) in calls.enumerated() {
      guard case .dispatch(let dispatch) = call else { continue }
      if kernel?.0 !== dispatch.kernel {
        kernel = (dispatch.kernel, dispatch.kernel.arguments.firstIndex { $0.name == name })
      }
      // What a kernel does not use may have been left out, and stays so.
      if let position = kernel?.position, let given = dispatch.given(at: position) {
        places.append(Place(call: index, position: position, given: given))
      }
    }
    guard let first = places.first else { throw noArgument(name) }
    guard places.allSatisfy({ $0.given == first.given }) else { throw ambiguous(name, places) }
    return places
  }

  private func place(_ name: String, of dispatch: Int) throws(IngotError) -> Place {
    let dispatches = calls.indices.filter { !calls[$0].isBarrier }
    guard dispatches.indices.contains(dispatch) else {
      throw .argument(
        "\(self.name) has no dispatch \(dispatch): it has \(dispatches.count), counted from 0, copies and fills among"
          + " them")
    }
    let arguments = calls[dispatches[dispatch]].arguments
    guard let position = arguments.firstIndex(where: { $0.name == name }) else {
      throw .argument(
        "dispatch \(dispatch) of \(self.name) has no argument '\(name)'; it has"
          + " \(arguments.map { "'\($0.name)'" }.joined(separator: ", "))")
    }
    return Place(call: dispatches[dispatch], position: position)
  }

  /// Which dispatch a call is.
  private func number(of call: Int) -> Int { calls[..<call].count { !$0.isBarrier } }
}

// What is wrong, in words.
extension Graph {
  private func noArgument(_ name: String) -> IngotError {
    var names: Set<String> = []
    for case .dispatch(let dispatch) in calls { names.formUnion(dispatch.kernel.arguments.map(\.name)) }
    guard !names.contains(name) else {
      return .argument(
        "'\(name)' was left out of every dispatch of \(self.name), whose kernels do not use it, and stays so")
    }
    let all = names.sorted().map { "'\($0)'" }.joined(separator: ", ")
    return .argument(
      "no dispatch of \(self.name) has an argument '\(name)'; its kernels have \(all.isEmpty ? "none" : all). What copies"
        + " and fills are given is replaced as a buffer, or by the number of the dispatch")
  }

  private func ambiguous(_ name: String, _ places: [Place]) -> IngotError {
    let dispatches = Dictionary(grouping: places, by: \.given).values.map { $0.map { number(of: $0.call) } }
    let groups = dispatches.sorted { $0[0] < $1[0] }.map { dispatches in
      let few = dispatches.prefix(8).map(String.init).joined(separator: ", ")
      return dispatches.count > 8 ? "\(few) and \(dispatches.count - 8) more" : few
    }
    return .argument(
      "'\(name)' was recorded with \(groups.count) different values, in dispatches \(groups.joined(separator: " | ")); say"
        + " which is meant: replace the buffer, or the argument of a dispatch by its number")
  }

  private func unused(_ buffer: Buffer) -> IngotError {
    .argument(
      "\(name) does not use \(buffer), as these bytes of this dtype, so nothing can be put in its place; a graph with"
        + " replacements has these, and not what was recorded first")
  }
}
