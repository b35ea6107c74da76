import Dispatch
import Synchronization

/// A kernel to be made ahead of its first use: its source, its name, and values for its function constants.
///
///     let request = KernelRequest("softmax", of: source, constants: ["causal": true])
public struct KernelRequest: Sendable {
  public var source: String
  public var name: String
  public var options: CompileOptions
  public var constants: [ConstantName: any ConstantConvertible]

  public init(
    _ name: String, of source: String, options: CompileOptions = CompileOptions(),
    constants: [ConstantName: any ConstantConvertible] = [:]
  ) {
    self.name = name
    self.source = source
    self.options = options
    self.constants = constants
  }
}

extension Device {
  /// Makes several kernels, as many at a time as there are processors; later calls of `compile` and `kernel` find them.
  ///
  ///     try device.prepare(requests) { done, count in print("\(done) of \(count)") }
  ///
  /// `progress` is called after each, by one thread at a time but not always the same. A source is compiled once,
  /// however many of its kernels are asked for. Throws the error of the first request that cannot be met, after the
  /// others are made.
  @discardableResult
  public func prepare(
    _ requests: [KernelRequest], progress: (@Sendable (_ done: Int, _ count: Int) -> Void)? = nil
  ) throws(IngotError) -> [Kernel] {
    let results = Results(count: requests.count)
    DispatchQueue.concurrentPerform(iterations: requests.count) { index in
      results.put(outcome(of: requests[index]), at: index, progress)
    }
    var kernels: [Kernel] = []
    for result in results.all { try kernels.append(result.get()) }
    return kernels
  }

  private func outcome(of request: KernelRequest) -> Result<Kernel, IngotError> {
    do throws(IngotError) {
      let library = try compile(request.source, options: request.options)
      return .success(try library.kernel(request.name, constants: request.constants))
    } catch {
      return .failure(error)
    }
  }
}

/// What became of the requests, by their order.
private final class Results: Sendable {
  private struct State {
    var results: [Result<Kernel, IngotError>?]
    var done = 0
  }

  private let state: Mutex<State>

  init(count: Int) { state = Mutex(State(results: Array(repeating: nil, count: count))) }

  var all: [Result<Kernel, IngotError>] { state.withLock { $0.results.compactMap(\.self) } }

  func put(
    _ result: Result<Kernel, IngotError>, at index: Int, _ progress: (@Sendable (Int, Int) -> Void)?
  ) {
    state.withLock { state in
      state.results[index] = result
      state.done += 1
      progress?(state.done, state.results.count)
    }
  }
}
