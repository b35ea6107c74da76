import Metal

extension CommandEncoder {
  /// Makes all later dispatches of this encoder wait for all earlier ones (`memoryBarrier`).
  ///
  ///     try encoder.dispatch(produce, x, grid: n)
  ///     try encoder.barrier(x)
  ///     try encoder.dispatch(consume, x, y, grid: n)
  ///
  /// This is the order of an encoder with `.manual` ordering. Given buffers, only what uses their memory is ordered, their
  /// whole storages and maybe neighbours in the same slab. With `.automatic` ordering it orders everything, and counts
  /// as a barrier that Ingot need not put itself; with `.serial` there is nothing to do, as there is before the first
  /// dispatch and the first after an event: then nothing is counted. Throws `.argument` for a buffer of another device, `.closed` for one that was
  /// taken back, `.state` after a commit.
  public func barrier(_ buffers: Buffer...) throws(IngotError) { try barrier(buffers) }

  /// The same for a list, which is made at run time; an empty one orders everything.
  public func barrier(_ buffers: [Buffer]) throws(IngotError) {
    try entered { () throws(IngotError) in try putBarrier(buffers) }
  }

  /// The same for who has entered.
  func putBarrier(_ buffers: [Buffer]) throws(IngotError) {
    for buffer in buffers { try hold(buffer) }
    if dispatchCount == 0 { recording?.leadingBarriers.append(buffers) }
    if dispatchCount > 0, ordering != .serial {
      if let recording { put(for: buffers, on: recording) }
      if let computeEncoder { put(for: buffers, on: MetalTarget(encoder: computeEncoder)) }
    }
    recording?.note(.barrier(buffers))
  }

  /// Metal is told of memory that has to live as long as the command buffer.
  private func hold(_ buffer: Buffer) throws(IngotError) {
    guard buffer.deviceID == device.id else {
      throw .argument(
        "\(buffer) belongs to another device object than \(name), which therefore does not use it; a barrier is for"
          + " buffers of the encoder's device")
    }
    try hold(buffer.storage)
  }

  /// Keeps memory as long as the command buffer. Throws as `Storage.hold`.
  func hold(_ storage: Storage) throws(IngotError) {
    if !uses.hold(storage, encoder: id) { _ = try storage.hold() }
  }

  func put(for buffers: [Buffer], on target: some DispatchTarget) {
    // The tracker forgets everything, so with it the barrier has to order everything.
    if buffers.isEmpty || isTracked {
      recording?.segmentEnds(hazards)
      putBarrier(on: target)
    } else {
      target.barrier(for: buffers.map { .passUnretained($0.storage) })
      barrierCount += 1
    }
    forcedBarrierCount += 1
  }
}

/// Figures of one encoder so far.
///
///     print(try encoder.statistics.barriers)
public struct EncoderStatistics: Sendable, Hashable {
  public let dispatches: Int
  /// Barriers between them, those that `CommandEncoder.barrier` was called for among them.
  public let barriers: Int
  /// Dispatches that were checked for conflicts with what came before, and needed no barrier; 0 unless the ordering is
  /// `.automatic`.
  public let barriersSpared: Int
}

extension CommandEncoder {
  /// Dispatches and barriers so far, also after the commit. Throws `.state` while another thread encodes.
  public var statistics: EncoderStatistics {
    get throws(IngotError) {
      if isOver { return counts }
      try enter()
      defer { leave() }
      return counts
    }
  }

  /// For who has entered.
  var counts: EncoderStatistics {
    // All but the first of each of Metal's encoders are checked, and Ingot puts a barrier or not.
    let passes = isRecording ? min(dispatchCount, 1) : passCount
    let checked = isTracked ? dispatchCount - passes : 0
    return EncoderStatistics(
      dispatches: dispatchCount, barriers: barrierCount,
      barriersSpared: checked - (barrierCount - forcedBarrierCount))
  }
}
