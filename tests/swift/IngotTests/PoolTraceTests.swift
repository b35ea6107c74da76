import Testing

@testable import Ingot

/// What programs ask for, step by step, played on the real pool: nearly every request is served by memory that it has,
/// and it holds little more than is in use.
@Suite struct PoolTraceTests {
  @Test(arguments: Trace.all)
  func playedOnThePool(_ trace: Trace) throws {
    let device = try Device.isolated()
    // Metal has less on small machines, so there everything is smaller, by the same factor.
    var divisor = 1
    while trace.limit / divisor > device.recommendedWorkingSet / 2 { divisor *= 2 }
    if divisor > 1 { print("\(trace.name): all sizes divided by \(divisor), for want of memory") }
    let pool = Pool(device)
    try pool.setLimit(bytes: trace.limit / divisor)
    try pool.setCacheLimit(bytes: trace.limit / divisor)
    pool.decay = nil

    var live: [Int: Buffer] = [:]
    var policy = ClassPolicy(limit: trace.limit / divisor)
    var peak = 0
    for step in trace.steps {
      switch step {
      case .make(let name, let nbytes):
        let nbytes = max(1, nbytes / divisor)
        live[name] = try pool.empty([nbytes], .uint8)
        policy.make(name, nbytes)
        peak = max(peak, pool.statistics.totalBytes)
      case .drop(let name):
        live[name] = nil
        policy.drop(name)
      }
    }
    let statistics = pool.statistics
    let hits = Double(statistics.hits) / Double(statistics.hits + statistics.misses)
    #expect(hits >= trace.hits, "\(hits)")
    #expect(Double(peak) <= 1.1 * Double(policy.peak), "\(peak) beside \(policy.peak)")
    #expect(
      Double(statistics.hits) >= 0.995 * Double(policy.hits), "\(statistics.hits) beside \(policy.hits)")
    #expect(statistics.totalBytes <= trace.limit / divisor)
  }
}

/// Requests and returns, in order.
struct Trace: Sendable, CustomTestStringConvertible {
  enum Step: Sendable {
    case make(Int, Int)
    case drop(Int)
  }

  let name: String
  let limit: Int
  /// Part of the requests that are to be served without new memory.
  let hits: Double
  let steps: [Step]

  var testDescription: String { name }

  static let all = [append, prompts, mixture, fixed]

  /// Four caches grow by 12 KiB in each step, each time by a copy to a new one.
  static let append = Trace(name: "appending by copies", limit: 8 << 30, hits: 0.995) { steps, _ in
    for layer in 0..<4 { steps.append(.make(layer, 64 << 20)) }
    for step in 1..<4000 {
      for layer in 0..<4 {
        steps.append(.make(4 * step + layer, 64 << 20 + step * 12288))
        steps.append(.drop(4 * (step - 1) + layer))
      }
    }
  }

  /// Five temporaries in each step, for a prompt of any length.
  static let prompts = Trace(name: "prompts of any length", limit: 8 << 30, hits: 0.95) { steps, generator in
    for step in 0..<600 {
      let length = Int.random(in: 16...2048, using: &generator)
      let sizes = [8192 * length, 22016 * length, 8192 * length, 16 * length * length, 4 * length]
      for (index, size) in sizes.enumerated() { steps.append(.make(5 * step + index, size)) }
      for index in sizes.indices { steps.append(.drop(5 * step + index)) }
    }
  }

  /// 64 buffers of 256 bytes to 64 MiB, all magnitudes alike, of which any one is replaced in each step.
  static let mixture = Trace(name: "all magnitudes", limit: 4 << 30, hits: 0.975) { steps, generator in
    var live: [Int] = []
    for step in 0..<20_000 {
      let octave = Int.random(in: 8..<26, using: &generator)
      let size = powerOfTwo(octave, plus: Double.random(in: 0..<1, using: &generator))
      steps.append(.make(step, size))
      live.append(step)
      if live.count > 64 {
        steps.append(.drop(live.remove(at: Int.random(in: live.indices, using: &generator))))
      }
    }
  }

  /// The same five shapes in each step.
  static let fixed = Trace(name: "fixed shapes", limit: 8 << 30, hits: 0.999) { steps, _ in
    let sizes = [4096 * 4, 4096 * 11008, 4096 * 4096, 32000 * 4, 640]
    for step in 0..<2000 {
      for (index, size) in sizes.enumerated() { steps.append(.make(5 * step + index, size)) }
      for index in sizes.indices { steps.append(.drop(5 * step + index)) }
    }
  }

  private init(
    name: String, limit: Int, hits: Double, _ make: (inout [Step], inout SplitMix) -> Void
  ) {
    var steps: [Step] = []
    var generator = SplitMix(state: 20)
    make(&steps, &generator)
    (self.name, self.limit, self.hits, self.steps) = (name, limit, hits, steps)
  }

  /// 2 to the power of `octave + part`, without a library for it: by square roots.
  private static func powerOfTwo(_ octave: Int, plus part: Double) -> Int {
    var (power, root, rest) = (Double(1 << octave), 2.0, part)
    for _ in 0..<30 {
      root = root.squareRoot()
      rest *= 2
      if rest >= 1 { (power, rest) = (power * root, rest - 1) }
    }
    return Int(power)
  }
}

/// Classes as in the pool's design, with no slabs and no Metal: what the figures of the pool are compared with.
private struct ClassPolicy {
  let limit: Int
  private(set) var hits = 0
  private(set) var peak = 0
  private var live: [Int: Int] = [:]
  /// The longest unused first.
  private var free: [Int] = []
  private var bytes = 0

  init(limit: Int) { self.limit = limit }

  mutating func make(_ name: Int, _ nbytes: Int) {
    let capacity = Self.capacity(nbytes)
    live[name] = capacity
    if let index = free.lastIndex(of: capacity) {
      free.remove(at: index)
      hits += 1
    } else {
      bytes += capacity
      while bytes > limit, !free.isEmpty { bytes -= free.removeFirst() }
    }
    peak = max(peak, bytes)
  }

  mutating func drop(_ name: Int) {
    if let capacity = live.removeValue(forKey: name) { free.append(capacity) }
  }

  private static func capacity(_ nbytes: Int) -> Int {
    var step = 1
    while step * 16 < nbytes { step *= 2 }
    // nbytes is 8 to 16 steps, up to a page a power of two, and beyond that whole pages.
    if nbytes <= 16384 { return max(256, step * 16) }
    step = max(step, 16384)
    return (nbytes + step - 1) / step * step
  }
}
