import Dispatch
import Foundation
import Glibc
import Synchronization
import Testing

@testable import Metal

@Suite struct CommandBufferTests {
  private let device: SoftwareDevice
  private let queue: any MTLCommandQueue

  init() throws {
    device = try makeDevice()
    queue = try #require(device.makeCommandQueue())
  }

  private func makeCommandBuffer() throws -> any MTLCommandBuffer { try #require(queue.makeCommandBuffer()) }

  @Test func statusGrowsAndTimesAreKnownAtTheEnd() throws {
    let event = try #require(device.makeSharedEvent())
    let commandBuffer = try makeCommandBuffer()
    #expect(commandBuffer.status == .notEnqueued)
    commandBuffer.enqueue()
    #expect(commandBuffer.status == .enqueued)
    commandBuffer.encodeWaitForEvent(event, value: 1)
    commandBuffer.commit()
    commandBuffer.waitUntilScheduled()
    #expect(commandBuffer.status == .scheduled)
    #expect(commandBuffer.gpuStartTime == 0 && commandBuffer.gpuEndTime == 0)
    let before = device.sampleTimestamps().cpu
    event.signaledValue = 1
    commandBuffer.waitUntilCompleted()
    #expect(commandBuffer.status == .completed)
    #expect(commandBuffer.error == nil)
    #expect(commandBuffer.gpuEndTime >= Double(before) / 1e9)
    #expect(commandBuffer.gpuEndTime <= Double(device.sampleTimestamps().cpu) / 1e9)
    #expect(commandBuffer.gpuStartTime > 0 && commandBuffer.gpuStartTime <= commandBuffer.gpuEndTime)
    #expect(commandBuffer.kernelStartTime > 0 && commandBuffer.kernelEndTime <= commandBuffer.gpuEndTime)
  }

  @Test func enqueueKeepsThePlaceInTheOrder() throws {
    let affine = device.makeAffine()
    let buffer = try #require(device.makeBuffer(length: 64))
    let (first, second) = (try makeCommandBuffer(), try makeCommandBuffer())
    first.enqueue()
    for (commandBuffer, term) in [(second, 2), (first, 1)] as [(any MTLCommandBuffer, UInt32)] {
      let encoder = try #require(commandBuffer.makeComputeCommandEncoder())
      encoder.encodeAffine(affine, buffer, 10, term)
      encoder.endEncoding()
    }
    second.commit()
    usleep(2000)
    #expect(second.status == .committed)
    first.commit()
    second.waitUntilCompleted()
    #expect(first.status == .completed)
    #expect(buffer.words[0] == 12)
  }

  @Test func completedHandlersRunInOrderAfterTheScheduledOnes() throws {
    let log = Mutex<[String]>([])
    let done = DispatchSemaphore(value: 0)
    for number in 0..<20 {
      let commandBuffer = try makeCommandBuffer()
      commandBuffer.addCompletedHandler { buffer in
        log.withLock { $0.append("\(number) ended \(buffer.status)") }
      }
      commandBuffer.addScheduledHandler { _ in log.withLock { $0.append("\(number) scheduled") } }
      commandBuffer.addCompletedHandler { _ in
        log.withLock { $0.append("\(number) again") }
        done.signal()
      }
      commandBuffer.commit()
    }
    for _ in 0..<20 { done.wait() }
    let entries = log.withLock { $0 }
    for number in 0..<20 {
      let own = entries.filter { $0.hasPrefix("\(number) ") }
      #expect(own == ["\(number) scheduled", "\(number) ended completed", "\(number) again"])
    }
    #expect(entries.filter { $0.hasSuffix("again") } == (0..<20).map { "\($0) again" })
  }

  @Test(
    "Completed handlers of one queue run one after another, in its order",
    arguments: [nil, 1, 2] as [UInt64?])
  func handlersAreSerial(seed: UInt64?) throws {
    let queue = try #require(makeDevice { $0.seed = seed }.makeCommandQueue())
    for round in 0..<60 {
      let seen = Mutex<(inside: Int, numbers: [Int], overlaps: Int)>((0, [], 0))
      for number in 0..<8 {
        let commandBuffer = try #require(queue.makeCommandBuffer())
        commandBuffer.addCompletedHandler { _ in
          seen.withLock { seen in
            seen.inside += 1
            if seen.inside > 1 { seen.overlaps += 1 }
          }
          usleep(UInt32(round % 3) * 20)
          seen.withLock { seen in
            seen.inside -= 1
            seen.numbers.append(number)
          }
        }
        commandBuffer.commit()
        if number == 7 { commandBuffer.waitUntilCompleted() }
      }
      let (numbers, overlaps) = seen.withLock { ($0.numbers, $0.overlaps) }
      try #require(numbers == Array(0..<8) && overlaps == 0, "round \(round)")
    }
  }

  @Test func handlersRunOnAnotherThread() throws {
    let handlerThread = Mutex<UInt>(0)
    let commandBuffer = try makeCommandBuffer()
    commandBuffer.addCompletedHandler { _ in handlerThread.withLock { $0 = UInt(pthread_self()) } }
    commandBuffer.commit()
    commandBuffer.waitUntilCompleted()
    let thread = handlerThread.withLock { $0 }
    #expect(thread != 0 && thread != UInt(pthread_self()))
  }

  @Test("A handler may wait for work of another queue")
  func handlerMayBlock() throws {
    nonisolated(unsafe) let other = try #require(device.makeCommandQueue())
    let status = Mutex(MTLCommandBufferStatus.notEnqueued)
    let commandBuffer = try makeCommandBuffer()
    commandBuffer.addCompletedHandler { _ in
      guard let inner = other.makeCommandBuffer() else { return }
      inner.commit()
      inner.waitUntilCompleted()
      status.withLock { $0 = inner.status }
    }
    commandBuffer.commit()
    commandBuffer.waitUntilCompleted()
    #expect(status.withLock { $0 } == .completed)
  }

  @Test("Handlers of a command buffer that is dropped run with the status it had")
  func droppedCommandBuffer() throws {
    let status = Mutex<MTLCommandBufferStatus?>(nil)
    try makeCommandBuffer().addCompletedHandler { buffer in status.withLock { $0 = buffer.status } }
    #expect(status.withLock { $0 } == .notEnqueued)
  }

  @Test func droppedCommandBuffersGiveTheirSlotsBack() throws {
    for _ in 0..<200 { _ = try makeCommandBuffer() }
  }

  @Test("With all slots taken makeCommandBuffer blocks until one is free")
  func slotsBlock() throws {
    nonisolated(unsafe) let queue = try #require(device.makeCommandQueue(maxCommandBufferCount: 2))
    let first = try #require(queue.makeCommandBuffer())
    let second = try #require(queue.makeCommandBuffer())
    let third = Mutex(false)
    let made = DispatchSemaphore(value: 0)
    DispatchQueue.global().async {
      third.withLock { $0 = queue.makeCommandBuffer() != nil }
      made.signal()
    }
    #expect(made.wait(timeout: .now() + .milliseconds(30)) == .timedOut)
    first.commit()
    #expect(made.wait(timeout: .now() + .seconds(10)) == .success)
    #expect(third.withLock { $0 })
    second.commit()
    second.waitUntilCompleted()
  }

  @Test("Retained resources live until the handlers have run")
  func retainsResources() throws {
    let released = Mutex(false)
    let releasedInHandler = Mutex(true)
    let commandBuffer = try makeCommandBuffer()
    let pages = UnsafeMutableRawPointer.allocate(byteCount: 16384, alignment: 16384)
    defer { pages.deallocate() }
    try fill(commandBuffer, pages: pages) { released.withLock { $0 = true } }
    commandBuffer.addCompletedHandler { _ in releasedInHandler.withLock { $0 = released.withLock { $0 } } }
    #expect(!released.withLock { $0 })
    commandBuffer.commit()
    commandBuffer.waitUntilCompleted()
    #expect(!releasedInHandler.withLock { $0 })
    #expect(released.withLock { $0 })
    #expect(pages.load(as: UInt8.self) == 7)
  }

  private func fill(
    _ commandBuffer: any MTLCommandBuffer, pages: UnsafeMutableRawPointer,
    _ released: @escaping @Sendable () -> Void
  ) throws {
    let buffer = try #require(
      device.makeBuffer(bytesNoCopy: pages, length: 16384, options: []) { _, _ in released() })
    let encoder = try #require(commandBuffer.makeBlitCommandEncoder())
    encoder.fill(buffer: buffer, range: 0..<16384, value: 7)
    encoder.endEncoding()
  }

  @Test func unretainedReferencesAreNotRetained() throws {
    let commandBuffer = try #require(queue.makeCommandBufferWithUnretainedReferences())
    #expect(!commandBuffer.retainedReferences)
    weak var gone: SoftwareBuffer?
    do {
      let buffer = try #require(device.makeBuffer(length: 64) as? SoftwareBuffer)
      gone = buffer
      let encoder = try #require(commandBuffer.makeComputeCommandEncoder())
      encoder.setBuffer(buffer, offset: 0, index: 0)
      encoder.endEncoding()
    }
    #expect(gone == nil)
    commandBuffer.commit()
    commandBuffer.waitUntilCompleted()
  }

  @Test("Bindings stay for later dispatches of an encoder, and inline bytes are copied at the call")
  func bindingsPersist() throws {
    let buffer = try #require(device.makeBuffer(length: 64))
    let commandBuffer = try makeCommandBuffer()
    let encoder = try #require(commandBuffer.makeComputeCommandEncoder())
    encoder.encodeAffine(device.makeAffine(), buffer, 10, 1)
    encoder.dispatch(16)
    encoder.setBufferOffset(32, index: 0)
    encoder.dispatch(8)
    var term: UInt32 = 5
    encoder.setBytes(&term, length: 4, index: 2)
    term = 9
    encoder.dispatch(8)
    encoder.endEncoding()
    commandBuffer.commit()
    commandBuffer.waitUntilCompleted()
    #expect(Array(buffer.words) == Array(repeating: 11, count: 8) + Array(repeating: 1115, count: 8))
  }

  @Test func indirectDispatchReadsItsSizeWhenItRuns() throws {
    let (data, size) = (
      try #require(device.makeBuffer(length: 64)), try #require(device.makeBuffer(length: 64))
    )
    let commandBuffer = try makeCommandBuffer()
    let blit = try #require(commandBuffer.makeBlitCommandEncoder())
    for (word, count) in [2, 1, 1].enumerated() { size.words[8 + word] = UInt32(count) }
    blit.copy(from: size, sourceOffset: 32, to: size, destinationOffset: 4, size: 12)
    blit.endEncoding()
    let encoder = try #require(commandBuffer.makeComputeCommandEncoder())
    encoder.setComputePipelineState(device.makeAffine())
    encoder.setBuffer(data, offset: 0, index: 0)
    encoder.setWord(0, index: 1)
    encoder.setWord(3, index: 2)
    encoder.dispatchThreadgroups(
      indirectBuffer: size, indirectBufferOffset: 4, threadsPerThreadgroup: MTLSizeMake(4, 1, 1))
    // A grid of nothing is nothing.
    encoder.dispatchThreadgroups(
      indirectBuffer: size, indirectBufferOffset: 48, threadsPerThreadgroup: MTLSizeMake(4, 1, 1))
    encoder.endEncoding()
    commandBuffer.commit()
    commandBuffer.waitUntilCompleted()
    #expect(commandBuffer.error == nil)
    #expect(Array(data.words) == Array(repeating: 3, count: 8) + Array(repeating: 0, count: 8))
  }

  @Test func manyThreadsMayCommitToOneQueue() throws {
    let affine = device.makeAffine()
    let buffers = try (0..<4).map { _ in try #require(device.makeBuffer(length: 64)) }
    nonisolated(unsafe) let (queue, targets) = (queue, buffers)
    DispatchQueue.concurrentPerform(iterations: 4) { thread in
      for step in 1...50 as ClosedRange<UInt32> {
        guard let commandBuffer = queue.makeCommandBuffer(),
          let encoder = commandBuffer.makeComputeCommandEncoder()
        else { return }
        encoder.encodeAffine(affine, targets[thread], 3, step)
        encoder.endEncoding()
        commandBuffer.commit()
        if step % 10 == 0 { commandBuffer.waitUntilCompleted() }
      }
    }
    let expected = (1...50 as ClosedRange<UInt32>).reduce(0) { $0 &* 3 &+ $1 }
    #expect(buffers.allSatisfy { $0.words[0] == expected })
  }

  @Test("The threads of a device end with it")
  func threadsEndWithTheDevice() async {
    await #expect(processExitsWith: .success) {
      func threads() throws -> Int {
        try FileManager.default.contentsOfDirectory(atPath: "/proc/self/task").count { task in
          (try? String(contentsOfFile: "/proc/self/task/\(task)/comm", encoding: .utf8)) == "metal-device\n"
        }
      }
      for seed in [nil, 4] as [UInt64?] {
        let device = try makeDevice { $0.seed = seed }
        let queue = try #require(device.makeCommandQueue())
        for _ in 0..<20 {
          let commandBuffer = try #require(queue.makeCommandBuffer())
          commandBuffer.addCompletedHandler { _ in usleep(100) }
          commandBuffer.commit()
          wait(for: commandBuffer)
        }
        #expect(try threads() > 0)
      }
      for _ in 0..<1000 where try threads() > 0 { usleep(1000) }
      #expect(try threads() == 0)
    }
  }
}

/// Waiting is not for async functions.
private func wait(for commandBuffer: any MTLCommandBuffer) { commandBuffer.waitUntilCompleted() }
