import Foundation
import Testing

@testable import Metal

@Suite struct SwitchesTests {
  private func read(_ variables: [String: String]) throws -> Switches {
    try Switches(environment: { variables[$0] })
  }

  @Test func variablesAreRead() throws {
    let none = try read([:])
    #expect(none.seed == nil && none.maxThreads == nil && none.failAllocation == nil)
    #expect(none.failSubmission == nil && none.traceFile == nil && none.timeoutMilliseconds == 10_000)
    let all = try read([
      "INGOT_SOFT_SEED": "18446744073709551615", "INGOT_SOFT_MAX_THREADS": "64",
      "INGOT_SOFT_FAIL_ALLOCATION": "2",
      "INGOT_SOFT_FAIL_SUBMISSION": "3", "INGOT_SOFT_TRACE": "/dev/null", "INGOT_SOFT_TIMEOUT": "250",
    ])
    #expect(all.seed == .max && all.maxThreads == 64 && all.failAllocation == 2)
    #expect(none.hasCounters && all.hasCounters)
    #expect(try !read(["INGOT_SOFT_COUNTERS": "0"]).hasCounters)
    #expect(try read(["INGOT_SOFT_COUNTERS": "1"]).hasCounters)
    #expect(all.failSubmission == 3 && all.traceFile == "/dev/null" && all.timeoutMilliseconds == 250)
  }

  @Test(
    arguments: [
      ("INGOT_SOFT_SEED", "x"), ("INGOT_SOFT_SEED", ""), ("INGOT_SOFT_SEED", "-1"), ("INGOT_SOFT_SEED", "+1"),
      ("INGOT_SOFT_SEED", " 1"), ("INGOT_SOFT_SEED", "18446744073709551616"), ("INGOT_SOFT_MAX_THREADS", "0"),
      ("INGOT_SOFT_MAX_THREADS", "1025"), ("INGOT_SOFT_FAIL_ALLOCATION", "0"),
      ("INGOT_SOFT_FAIL_SUBMISSION", "1e3"),
      ("INGOT_SOFT_TIMEOUT", "0"), ("INGOT_SOFT_TRACE", ""), ("INGOT_SOFT_COUNTERS", "off"),
      ("INGOT_SOFT_COUNTERS", "2"),
    ])
  func nonsenseIsRefused(name: String, value: String) throws {
    let error = #expect(throws: Switches.Invalid.self) { try read([name: value]) }
    #expect(error?.description.contains(name) == true)
  }

  @Test("A variable that means nothing leaves no device, and says why")
  func nonsenseLeavesNoDevice() async {
    let result = await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
      setenv("INGOT_SOFT_SEED", "seven", 1)
      #expect(MTLCreateSystemDefaultDevice() == nil)
      #expect(MTLCopyAllDevices().isEmpty)
    }
    let said = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
    #expect(said.contains("INGOT_SOFT_SEED is \"seven\": it must be a whole number from 0"))
  }

  @Test func seedIsPrinted() async {
    let result = await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
      setenv("INGOT_SOFT_SEED", "42", 1)
      #expect(MTLCreateSystemDefaultDevice() != nil)
      #expect(SoftwareMetal.isPermuting)
    }
    let said = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
    #expect(said.contains("INGOT_SOFT_SEED=42"))
  }

  @Test("The trace has one line for each call, in order")
  func traceListsTheCalls() throws {
    let file = FileManager.default.temporaryDirectory.appending(path: "metal-trace-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: file) }
    let device = try makeDevice { $0.traceFile = file.path }
    let queue = try #require(device.makeCommandQueue())
    let buffer = try #require(device.makeBuffer(length: 64))
    let set = try device.makeResidencySet(descriptor: MTLResidencySetDescriptor())
    set.addAllocation(buffer)
    set.commit()
    queue.addResidencySet(set)
    let commandBuffer = try #require(queue.makeCommandBuffer())
    let encoder = try #require(commandBuffer.makeComputeCommandEncoder(dispatchType: .concurrent))
    encoder.encodeAffine(device.makeAffine(), buffer, 1, 2)
    encoder.memoryBarrier(scope: .buffers)
    encoder.endEncoding()
    commandBuffer.commit()
    commandBuffer.waitUntilCompleted()
    let lines = try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
    let words = [
      "makeCommandQueue", "makeBuffer length=64", "makeResidencySet", "addAllocations", "commit",
      "addResidencySets",
      "makeCommandBuffer", "makeComputeCommandEncoder concurrent", "setComputePipelineState native",
      "setBuffer", "setBytes length=4 index=1", "setBytes length=4 index=2", "dispatchThreads 16 x 1 x 1",
      "memoryBarrier scope=1", "endEncoding", "commit", "waitUntilCompleted",
    ]
    #expect(lines.count == words.count)
    for (line, word) in zip(lines, words) { #expect(line.contains(word)) }
  }

  @Test func traceFileThatCannotBeWrittenIsRefused() {
    #expect(throws: Switches.Invalid.self) { try makeDevice { $0.traceFile = "/dev/null/trace" } }
  }
}

@Test("Every object that is made is released, with and without a seed")
func nothingIsLeft() async {
  await #expect(processExitsWith: .success) {
    for seed in [nil, 9] as [UInt64?] {
      let device = try makeDevice { $0.seed = seed }
      try useEverything(device)
      // The thread that called the last handler may still hold its command buffer.
      for _ in 0..<1000 where SoftwareMetal.liveObjects > 0 { usleep(1000) }
      #expect(SoftwareMetal.liveObjectsByKind.filter { $0.value != 0 } == [:])
    }
  }
}

private func useEverything(_ device: SoftwareDevice) throws {
  let queue = try #require(device.makeCommandQueue())
  let library = try device.makeLibrary(
    source: "kernel void k(device uint* data [[buffer(0)]]) { data[0] = 1; }", options: nil)
  let state = try device.makeComputePipelineState(function: try #require(library.makeFunction(name: "k")))
  let set = try device.makeResidencySet(descriptor: MTLResidencySetDescriptor())
  let (event, fence) = (try #require(device.makeSharedEvent()), try #require(device.makeFence()))
  for value in 1...10 as ClosedRange<UInt64> {
    let buffer = try #require(device.makeBuffer(length: 64))
    set.addAllocation(buffer)
    let commandBuffer = try #require(queue.makeCommandBuffer())
    commandBuffer.useResidencySet(set)
    let encoder = try #require(commandBuffer.makeComputeCommandEncoder())
    encoder.waitForFence(fence)
    encoder.setComputePipelineState(state)
    encoder.setBuffer(buffer, offset: 0, index: 0)
    encoder.dispatch(1)
    encoder.updateFence(fence)
    encoder.endEncoding()
    commandBuffer.encodeSignalEvent(event, value: value)
    if value % 3 != 0 { commandBuffer.commit() }
    #expect(SoftwareMetal.liveObjects > 8)
  }
  #expect(event.wait(untilSignaledValue: 10, timeoutMS: 10000))
}
