import Synchronization

/// What the host has mapped of a device's memory. Between it and the submissions it is first come, first served.
final class HostMappings: Sendable {
  private struct Entry {
    let id: UInt64
    let start: UInt
    let end: UInt
    let writes: Bool
    let buffer: String

    var use: String { writes ? "writing" : "reading" }
  }

  private let open = Mutex<[Entry]>([])
  private static let identifiers = Identifiers()

  /// Calls `submit`, unless what is mapped is in the way of what is used; nothing is mapped while it runs.
  ///
  /// Throws `.inFlight`, which names the buffer.
  func admit<Result: Sendable>(
    _ uses: EncoderUses, of name: String, _ submit: () -> Result
  ) throws(IngotError) -> Result {
    try open.withLock { (entries) throws(IngotError) in
      if !entries.isEmpty { try Self.check(uses, name, entries) }
      return submit()
    }
  }

  private static func check(_ uses: EncoderUses, _ name: String, _ entries: [Entry]) throws(IngotError) {
    for use in uses.storages {
      for entry in entries where use.bytes.conflict(entry.start, entry.end, writes: entry.writes) {
        let isWritten = use.bytes.written.overlaps(entry.start, entry.end)
        throw IngotError(
          .inFlight,
          "\(name) \(isWritten ? "writes" : "reads") \(entry.buffer), which is mapped for \(entry.use) on the host; close"
            + " the mapping, then commit again")
      }
    }
  }

  /// Maps bytes that no submission that conflicts uses, and nobody else for writing; returns what `close` wants.
  ///
  /// With `isEarly` it does not look at submissions: the caller waits for those there are, and no more are let in.
  func map(_ buffer: Buffer, for access: Access, isEarly: Bool) throws(IngotError) -> UInt64 {
    let (start, end) = buffer.addresses
    let writes = access.contains(.write)
    if !isEarly { buffer.storage.awaitEnds(access, of: buffer) }
    return try open.withLock { (entries) throws(IngotError) in
      for entry in entries where start < entry.end && entry.start < end && (writes || entry.writes) {
        throw .state(
          "\(buffer) cannot be mapped for \(writes ? "writing" : "reading"): \(entry.buffer) is mapped for \(entry.use);"
            + " close that mapping first")
      }
      if !isEarly { try buffer.storage.checkAccess(access, of: buffer) }
      let id = Self.identifiers.next()
      entries.append(
        Entry(id: id, start: start, end: end, writes: writes, buffer: buffer.description))
      return id
    }
  }

  /// How many are open.
  var count: Int { open.withLock { $0.count } }

  func close(_ id: UInt64) { open.withLock { $0.removeAll { $0.id == id } } }
}
