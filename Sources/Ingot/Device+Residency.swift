extension Device {
  /// Makes a residency set for memory that the caller keeps resident (`makeResidencySet`).
  ///
  /// Throws `.state` if the queue has as many as it can: 31, with those of the device's own.
  public func residencySet(label: String? = nil) throws(IngotError) -> ResidencySet {
    try ResidencySet(device: self, label: label)
  }

  /// Bytes that the device keeps wired by itself, beyond which memory works as well but may be paged.
  ///
  /// It is the smaller of 75 % of the working set and what leaves 8 GiB and 35 % of the memory to the system. What is
  /// beyond is wired with the next submission after something else has gone, the longest waiting first; when the budget
  /// is lowered what came last leaves first. 0 without residency sets.
  public var residencyBudget: Int { residency?.budget ?? 0 }

  /// The largest budget that can be set: the working set.
  public var residencyBudgetLimit: Int { residency == nil ? 0 : Int(clamping: recommendedWorkingSet) }

  /// Sets `residencyBudget`. Throws `.argument` unless it is within `0...residencyBudgetLimit`.
  public func setResidencyBudget(_ bytes: Int) throws(IngotError) {
    guard (0...residencyBudgetLimit).contains(bytes) else {
      let why = residency == nil ? ", because it keeps no memory resident by itself" : ", its working set"
      throw .argument(
        "a residency budget of \(bytes) bytes; on this device it is 0 to \(residencyBudgetLimit)\(why)")
    }
    residency?.budget = bytes
  }

  /// How long memory is kept wired after the last submission; 180 seconds at first, and nothing for never.
  ///
  /// macOS unwires what was idle for about a second, and wiring it again delays the next submission. So residency is
  /// requested anew every 400 ms, by a timer that exists only while no submission is under way.
  public var keepAlive: Duration {
    get { .nanoseconds(Int64(clamping: keeper.duration)) }
    set { keeper.duration = newValue.wholeNanoseconds }
  }

  package var keepAliveNanoseconds: UInt64 {
    get { keeper.duration }
    set { keeper.duration = newValue }
  }
}

extension Duration {
  /// At least 0; as many as there can be for what is too long.
  fileprivate var wholeNanoseconds: UInt64 {
    let (seconds, attoseconds) = components
    guard seconds >= 0, attoseconds >= 0 else { return 0 }
    guard seconds < 1 << 33 else { return .max }
    return UInt64(seconds) * 1_000_000_000 + UInt64(attoseconds / 1_000_000_000)
  }
}
