import CMetalRuntime

/// Decides in which order the commands of one queue run. Only the thread that leads the device touches it.
protocol CommandEngine: AnyObject {
  /// Whether it takes another command buffer now.
  var accepts: Bool { get }
  /// Whether there is something that may run; a wait for an event that has not come is not.
  var canRun: Bool { get }
  var isIdle: Bool { get }
  func add(_ commandBuffer: SoftwareCommandBuffer)
  func run(_ runner: CommandRunner)
  /// Command buffers that have ended and were not taken yet, in the queue's order.
  var finished: [SoftwareCommandBuffer] { get set }
}

/// First come, first served: every command after the one before, which is more than Metal promises.
final class InOrderEngine: CommandEngine {
  private var current: SoftwareCommandBuffer?
  private var cursor: UnsafeMutablePointer<Command>?
  private var encoder = -1
  /// Of the encoder whose commands are running.
  private var samples: EncoderSamples?
  var finished: [SoftwareCommandBuffer] = []

  var accepts: Bool { current == nil }
  var isIdle: Bool { current == nil }

  var canRun: Bool {
    guard current != nil else { return false }
    guard let cursor, cursor.pointee.kind == .waitForEvent else { return true }
    return cursor.record(EventCommand.self).pointee.hasCome
  }

  func add(_ commandBuffer: SoftwareCommandBuffer) {
    current = commandBuffer
    cursor = commandBuffer.stream?.pointee.first
    encoder = -1
  }

  /// Runs the command buffer to its end, or to an event that has not come.
  func run(_ runner: CommandRunner) {
    guard let current else { return }
    current.times.start()
    while current.failure == nil, let command = cursor {
      switch command.pointee.kind {
      case .waitForEvent: if !command.record(EventCommand.self).pointee.hasCome { return }
      case .beginEncoder: begin(command.record(BeginEncoderCommand.self).pointee)
      default:
        current.failure = runner.run(command, samples).map {
          current.report($0, faulted: encoder, before: .completed)
        }
      }
      cursor = command.pointee.next
    }
    samples = nil
    current.markEnded()
    finished.append(current)
    self.current = nil
  }

  private func begin(_ command: BeginEncoderCommand) {
    encoder += 1
    samples = command.samples?.takeUnretainedValue()
  }
}

extension CommandEngine {
  var hasFinished: Bool { !finished.isEmpty }
}

extension EventCommand {
  var hasCome: Bool { event._withUnsafeGuaranteedRef { $0.value } >= value }
}

extension CommandBufferTimes {
  mutating func start() { if gpuStart == 0 { gpuStart = mtl_clock_now() } }
}

extension SoftwareCommandBuffer {
  /// Adds what `.encoderExecutionStatus` asks for: how far each encoder came.
  func report(
    _ error: MTLCommandBufferError, faulted: Int, before: MTLCommandEncoderErrorState
  ) -> MTLCommandBufferError {
    let infos = encoderNotes.enumerated().map { index, notes in
      let state: MTLCommandEncoderErrorState =
        index < faulted ? before : index == faulted ? .faulted : .pending
      return EncoderInfo(label: notes.label ?? "", debugSignposts: notes.signposts, errorState: state)
    }
    return MTLCommandBufferError(error.code, error.message, encoderInfos: infos)
  }
}
