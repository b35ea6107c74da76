import Glibc

/// The `INGOT_SOFT_*` variables, read once when the first device is asked for. They exist for tests.
struct Switches: Sendable {
  /// INGOT_SOFT_SEED: permute from this seed everything that Metal leaves unordered.
  var seed: UInt64?
  /// INGOT_SOFT_MAX_THREADS: a lower limit of threads per threadgroup.
  var maxThreads: Int?
  /// INGOT_SOFT_FAIL_ALLOCATION: the n-th buffer is not made.
  var failAllocation: Int?
  /// INGOT_SOFT_FAIL_SUBMISSION: the n-th committed command buffer ends with an internal error.
  var failSubmission: Int?
  /// INGOT_SOFT_COUNTERS: 0 for a GPU that samples no counters.
  var hasCounters = true
  /// INGOT_SOFT_TRACE: a file that gets one line for each call.
  var traceFile: String?
  /// INGOT_SOFT_TIMEOUT: milliseconds that a dispatch may run; a GPU stops much sooner, but is faster, too.
  var timeoutMilliseconds = 10_000

  /// A variable with a value that means nothing.
  struct Invalid: Error, CustomStringConvertible {
    let description: String
  }

  init() {}

  init(environment: (String) -> String?) throws(Invalid) {
    seed = try Switches.number("INGOT_SOFT_SEED", in: environment, 0...UInt64.max)
    maxThreads = try Switches.integer("INGOT_SOFT_MAX_THREADS", in: environment, 1...1024)
    failAllocation = try Switches.integer("INGOT_SOFT_FAIL_ALLOCATION", in: environment, 1...1 << 62)
    failSubmission = try Switches.integer("INGOT_SOFT_FAIL_SUBMISSION", in: environment, 1...1 << 62)
    hasCounters = try Switches.integer("INGOT_SOFT_COUNTERS", in: environment, 0...1) != 0
    if let limit = try Switches.integer("INGOT_SOFT_TIMEOUT", in: environment, 1...86_400_000) {
      timeoutMilliseconds = limit
    }
    traceFile = environment("INGOT_SOFT_TRACE")
    if traceFile == "" { throw Invalid(description: "INGOT_SOFT_TRACE is empty: it must name a file") }
  }

  private static func integer(
    _ name: String, in environment: (String) -> String?, _ range: ClosedRange<UInt64>
  ) throws(Invalid) -> Int? {
    try number(name, in: environment, range).map { Int($0) }
  }

  private static func number(
    _ name: String, in environment: (String) -> String?, _ range: ClosedRange<UInt64>
  ) throws(Invalid) -> UInt64? {
    guard let text = environment(name) else { return nil }
    guard let value = UInt64(text), text.first != "+", range.contains(value) else {
      let allowed = "a whole number from \(range.lowerBound) to \(range.upperBound)"
      throw Invalid(description: "\(name) is \"\(text)\": it must be \(allowed)")
    }
    return value
  }

  /// An empty variable counts as none.
  static func processEnvironment(_ name: String) -> String? {
    guard let value = getenv(name).map({ String(cString: $0) }), !value.isEmpty else { return nil }
    return value
  }
}

/// Writes one line to stderr.
func printError(_ text: String) {
  let line = Array("\(text)\n".utf8)
  _ = write(STDERR_FILENO, line, line.count)
}
