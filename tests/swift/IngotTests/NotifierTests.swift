import Dispatch
import Foundation
import Testing

@testable import Ingot

/// Event loops are told of submissions by a descriptor and tokens.
@Suite struct NotifierTests {
  let device: Device
  let notifier: CompletionNotifier

  init() throws {
    device = try Device.isolated()
    notifier = try CompletionNotifier()
  }

  private func submit() throws -> Submission { try device.encoder().commit() }

  /// Whether the descriptor can be read within `milliseconds`.
  private func isReadable(_ milliseconds: Int32 = 0) -> Bool {
    canBeRead(notifier.fileDescriptor, milliseconds)
  }

  /// Waits as an event loop does, until so many tokens have come.
  private func collect(_ count: Int) throws -> [UInt64] {
    var tokens: [UInt64] = []
    while tokens.count < count {
      try #require(isReadable(60_000))
      tokens += notifier.take()
    }
    return tokens
  }

  @Test func theDescriptorIsReadableAsLongAsThereAreTokens() throws {
    let gate = try Gate(device)
    let submissions = try (0..<3).map { _ in try submit() }
    for (token, submission) in submissions.enumerated() { submission.notify(notifier, token: UInt64(token)) }
    #expect(!isReadable() && notifier.count == 0 && notifier.take().isEmpty)
    gate.open()
    for submission in submissions { try submission.wait() }
    while notifier.count < 3 {}
    #expect(notifier.take(limit: 2) == [0, 1])
    #expect(isReadable())
    #expect(notifier.take(limit: -1).isEmpty && notifier.take(limit: 0).isEmpty && isReadable())
    #expect(notifier.take() == [2])
    #expect(!isReadable() && notifier.take().isEmpty)
  }

  @Test func whatIsDoneIsToldAtOnce() throws {
    let submission = try device.encoder().commitAndWait()
    for token in [UInt64.max, 0, 7, 7] { submission.notify(notifier, token: token) }
    #expect(isReadable())
    #expect(notifier.take() == [.max, 0, 7, 7])
    #expect(!isReadable())
  }

  @Test(.softwareDevice) func aFailureIsToldToo() throws {
    let stray = try device.kernel("stray", of: Sources.faults)
    let encoder = device.encoder()
    try encoder.dispatch(stray, device.zeros([8], .int32), grid: 8)
    let submission = try encoder.commit()
    submission.notify(notifier, token: 1)
    #expect(try collect(1) == [1])
    #expect(submission.isDone && submission.error?.kind == .commandBuffer)
    submission.notify(notifier, token: 2)
    #expect(notifier.take() == [2])
  }

  @Test func twoNotifiersOfOneSubmission() throws {
    let other = try CompletionNotifier()
    let gate = try Gate(device)
    let submission = try submit()
    submission.notify(notifier, token: 1)
    submission.notify(other, token: 2)
    gate.open()
    #expect(try collect(1) == [1])
    #expect(canBeRead(other.fileDescriptor, 60_000))
    #expect(other.take() == [2])
  }

  @Test func oneThatGoesWhileWorkIsUnderWayIsToldNothing() throws {
    weak var gone: CompletionNotifier?
    let gate = try Gate(device)
    let submission = try submit()
    let descriptor: Int32
    do {
      let short = try CompletionNotifier()
      submission.notify(short, token: 1)
      (gone, descriptor) = (short, short.fileDescriptor)
      #expect(fcntl(descriptor, F_GETFD) == FD_CLOEXEC)
      #expect(fcntl(descriptor, F_GETFL) & O_NONBLOCK != 0)
    }
    #expect(gone == nil)
    submission.notify(notifier, token: 2)
    gate.open()
    #expect(try collect(1) == [2])
  }

  /// More tokens than a pipe has room for bytes, from several threads, while one takes them.
  @Test func noTokenIsLost() throws {
    let (threads, each) = (4, 40_000)
    let submission = try device.encoder().commitAndWait()
    let group = DispatchGroup()
    for thread in 0..<threads {
      DispatchQueue.global().async(group: group) { [notifier] in
        for index in 0..<each { submission.notify(notifier, token: UInt64(thread * each + index)) }
      }
    }
    let tokens = try collect(threads * each)
    group.wait()
    #expect(tokens.count == threads * each && Set(tokens).count == tokens.count)
    for thread in 0..<threads {
      let mine = tokens.filter { $0 / UInt64(each) == thread }
      #expect(mine == mine.sorted())
    }
    #expect(!isReadable())
  }

  /// A notifier is used at its wake-ups only: a token whose byte were lost would never be found.
  @Test func noWakeUpIsLost() throws {
    for round in 0..<300 {
      let submission = try submit()
      submission.notify(notifier, token: UInt64(round))
      #expect(try collect(1) == [UInt64(round)])
    }
    #expect(!isReadable())
  }
}

func canBeRead(_ descriptor: Int32, _ milliseconds: Int32) -> Bool {
  var watched = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
  return poll(&watched, 1, milliseconds) == 1 && watched.revents & Int16(POLLIN) != 0
}
