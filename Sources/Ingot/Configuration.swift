/// What the environment asks of every device, read once.
struct Configuration: Sendable {
  /// `INGOT_REQUIRE_GPU=1` refuses the software device.
  var requireGPU = false
  /// `INGOT_NO_RESIDENCY=1` goes without residency sets.
  var noResidency = false
  /// `INGOT_LOG_INIT=1` prints a line to stderr for each device that is opened.
  var logsOpening = false
  /// `INGOT_ORDERING=serial`, or another, overrides what encoders ask for.
  var ordering: Ordering?

  /// A value that cannot be meant is an error, not a default.
  init(environment: (String) -> String?) throws(IngotError) {
    requireGPU = try Self.flag("INGOT_REQUIRE_GPU", environment)
    noResidency = try Self.flag("INGOT_NO_RESIDENCY", environment)
    logsOpening = try Self.flag("INGOT_LOG_INIT", environment)
    ordering = try Self.ordering("INGOT_ORDERING", environment)
  }

  private static let process = Result { () throws(IngotError) in
    try Configuration(environment: Platform.environment)
  }

  static func ofProcess() throws(IngotError) -> Configuration { try process.get() }

  private static func flag(_ name: String, _ environment: (String) -> String?) throws(IngotError) -> Bool {
    switch environment(name) {
    case nil, "", "0", "false", "no", "off": return false
    case "1", "true", "yes", "on": return true
    case .some(let text): throw .argument("\(name) is '\(text)'; set it to 1 or 0")
    }
  }

  private static func ordering(
    _ name: String, _ environment: (String) -> String?
  ) throws(IngotError) -> Ordering? {
    switch environment(name) {
    case nil, "": return nil
    case "automatic": return .automatic
    case "serial": return .serial
    case "manual": return .manual
    case .some(let text): throw .argument("\(name) is '\(text)'; set it to automatic, serial or manual")
    }
  }
}

/// How the dispatches of one encoder follow one another.
///
///     let encoder = device.encoder(ordering: .serial)
public enum Ordering: UInt32, Sendable, CaseIterable {
  /// As if one after another; independent ones may overlap. Ingot puts barriers where bytes conflict.
  case automatic = 0
  /// Metal's serial encoder.
  case serial = 1
  /// Any may overlap, but for the barriers that the caller puts with `CommandEncoder.barrier`.
  case manual = 2
}
