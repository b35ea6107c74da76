import Dispatch
import Synchronization
import Testing

@testable import Metal

@Suite struct EventTests {
  private let device: SoftwareDevice
  private let event: any MTLSharedEvent

  init() throws {
    device = try makeDevice()
    event = try #require(device.makeSharedEvent())
  }

  @Test func valueOnlyGrows() {
    #expect(event.signaledValue == 0)
    event.signaledValue = 5
    event.signaledValue = 3
    #expect(event.signaledValue == 5)
    event.signaledValue = 1 << 63
    event.signaledValue = 6
    #expect(event.signaledValue == 1 << 63)
    event.signaledValue = .max
    #expect(event.signaledValue == .max)
    event.label = "steps"
    #expect(event.label == "steps" && event.device === device)
  }

  @Test func waitTellsWhetherTheValueWasReached() {
    event.signaledValue = 2
    #expect(event.wait(untilSignaledValue: 2, timeoutMS: 0))
    #expect(!event.wait(untilSignaledValue: 3, timeoutMS: 5))
    nonisolated(unsafe) let event = event
    DispatchQueue.global().asyncAfter(deadline: .now() + .milliseconds(5)) { event.signaledValue = 3 }
    #expect(event.wait(untilSignaledValue: 3, timeoutMS: .max))
  }

  @Test func notificationsComeOnTheListenersQueue() throws {
    let queue = DispatchQueue(label: "listener")
    let key = DispatchSpecificKey<Bool>()
    queue.setSpecific(key: key, value: true)
    let listener = MTLSharedEventListener(dispatchQueue: queue)
    let seen = Mutex<[UInt64]>([])
    let done = DispatchSemaphore(value: 0)
    for value in [4, 2] as [UInt64] {
      event.notify(listener, atValue: value) { _, reached in
        if DispatchQueue.getSpecific(key: key) == true { seen.withLock { $0.append(reached) } }
        done.signal()
      }
    }
    event.signaledValue = 2
    done.wait()
    #expect(seen.withLock { $0 } == [2])
    event.signaledValue = 7
    done.wait()
    event.notify(listener, atValue: 1) { _, _ in done.signal() }
    done.wait()
    #expect(seen.withLock { $0 } == [2, 7])
  }

  @Test("A command buffer waits for the host, and the host for it", arguments: [nil, 11])
  func ordersHostAndQueue(seed: UInt64?) throws {
    let device = try makeDevice { $0.seed = seed }
    let queue = try #require(device.makeCommandQueue())
    let (input, output) = (try #require(device.makeSharedEvent()), try #require(device.makeSharedEvent()))
    let buffer = try #require(device.makeBuffer(length: 64))
    let affine = device.makeAffine()
    for step in 1...20 as ClosedRange<UInt64> {
      let commandBuffer = try #require(queue.makeCommandBuffer())
      commandBuffer.encodeWaitForEvent(input, value: step)
      let encoder = try #require(commandBuffer.makeComputeCommandEncoder())
      encoder.encodeAffine(affine, buffer, 2, 1)
      encoder.endEncoding()
      commandBuffer.encodeSignalEvent(output, value: step)
      commandBuffer.commit()
    }
    for step in 1...20 as ClosedRange<UInt64> {
      #expect(output.signaledValue == step - 1)
      buffer.words[0] += 1
      input.signaledValue = step
      #expect(output.wait(untilSignaledValue: step, timeoutMS: 10000))
    }
    #expect(buffer.words[0] == (0..<20).reduce(0) { word, _ in (word + 1) * 2 + 1 })
  }

  @Test("A queue that waits holds up no other")
  func waitingQueueHoldsUpNoOther() throws {
    let (waiting, free) = (try #require(device.makeCommandQueue()), try #require(device.makeCommandQueue()))
    let held = try #require(waiting.makeCommandBuffer())
    held.encodeWaitForEvent(event, value: 1)
    held.commit()
    for _ in 0..<10 {
      let commandBuffer = try #require(free.makeCommandBuffer())
      commandBuffer.commit()
      commandBuffer.waitUntilCompleted()
    }
    #expect(held.status.rawValue < MTLCommandBufferStatus.completed.rawValue)
    event.signaledValue = 1
    held.waitUntilCompleted()
    #expect(held.status == .completed)
  }
}
