import Synchronization
import Testing

@testable import Metal

@Suite("Buffers of the caller's pages: given back once, and only when nothing uses them")
struct NoCopyTests {
  /// Two pages, and how often each deallocator was called.
  private final class Pages: Sendable {
    let address: UInt
    let calls = Mutex<[Int]>([])

    init() {
      address = UInt(bitPattern: UnsafeMutableRawPointer.allocate(byteCount: 32768, alignment: 16384))
    }

    deinit { pointer.deallocate() }

    var pointer: UnsafeMutableRawPointer { UnsafeMutableRawPointer(bitPattern: address)! }

    func buffer(_ device: SoftwareDevice, _ options: MTLResourceOptions = []) throws -> any MTLBuffer {
      let buffer = device.makeBuffer(bytesNoCopy: pointer, length: 32768, options: options) {
        pointer, length in
        self.calls.withLock { $0.append(UInt(bitPattern: pointer) == self.address ? length : -1) }
      }
      return try #require(buffer)
    }
  }

  @Test("A buffer that is dropped under way is given back once, after its last command buffer")
  func afterTheLastCommandBuffer() throws {
    for seed in [nil, 1, 2, 3] as [UInt64?] {
      let pages = Pages()
      let stage = try Stage(seed: seed)
      var buffer: (any MTLBuffer)? = try pages.buffer(stage.device)
      buffer!.words[0] = 0
      for term in 1...3 as ClosedRange<UInt32> {
        try stage.commit { commandBuffer in
          let encoder = try #require(commandBuffer.makeComputeCommandEncoder())
          encoder.encodeAffine(stage.affine, buffer!, 3, term)
          encoder.endEncoding()
        }
      }
      buffer = nil
      #expect(pages.calls.withLock { $0 } == [])
      _ = try stage.run()
      #expect(pages.calls.withLock { $0 } == [32768])
      #expect(pages.pointer.load(as: UInt32.self) == Stage.inOrder(1...3))
    }
  }

  @Test("A command buffer that is never committed gives it back when it goes")
  func uncommitted() throws {
    let pages = Pages()
    let device = try makeDevice()
    let queue = try #require(device.makeCommandQueue())
    do {
      let commandBuffer = try #require(queue.makeCommandBuffer())
      let encoder = try #require(commandBuffer.makeComputeCommandEncoder())
      encoder.setBuffer(try pages.buffer(device), offset: 0, index: 0)
      #expect(pages.calls.withLock { $0 } == [])
      encoder.endEncoding()
    }
    #expect(pages.calls.withLock { $0 } == [32768])
  }

  @Test("A residency set holds it until the removal is committed")
  func residency() throws {
    let pages = Pages()
    let device = try makeDevice()
    let set = try device.makeResidencySet(descriptor: MTLResidencySetDescriptor())
    var buffer: (any MTLBuffer)? = try pages.buffer(device)
    set.addAllocation(buffer!)
    set.commit()
    set.removeAllocation(buffer!)
    buffer = nil
    #expect(pages.calls.withLock { $0 } == [])
    set.commit()
    #expect(pages.calls.withLock { $0 } == [32768])
  }

  @Test("Where no buffer is made nothing is given back")
  func failure() throws {
    let pages = Pages()
    let device = try makeDevice { $0.failAllocation = 1 }
    let buffer = device.makeBuffer(bytesNoCopy: pages.pointer, length: 32768, options: []) {
      [pages] _, length in
      pages.calls.withLock { $0.append(length) }
    }
    #expect(buffer == nil)
    #expect(pages.calls.withLock { $0 } == [])
  }

  @Test("Addresses without memory make no buffer")
  func noMemory() throws {
    let device = try makeDevice()
    let pages = Pages()
    #expect(device.makeBuffer(bytesNoCopy: pages.pointer, length: 1 << 33) == nil)
    #expect(
      device.makeBuffer(bytesNoCopy: UnsafeMutableRawPointer(bitPattern: 1 << 46)!, length: 16384) == nil)
    #expect(device.currentAllocatedSize == 0)
  }

  @Test("Two buffers of the same pages are not ordered, however tracked each of them is")
  func aliases() throws {
    let pages = Pages()
    let outcomes = try Set(
      Permutations.seeds.map { seed in
        let stage = try Stage(seed: seed)
        let aliases = [try pages.buffer(stage.device), try pages.buffer(stage.device)]
        aliases[0].words[0] = 0
        for term in 1...6 as ClosedRange<UInt32> {
          try stage.commit { commandBuffer in
            let encoder = try #require(commandBuffer.makeComputeCommandEncoder())
            encoder.encodeAffine(stage.affine, aliases[Int(term % 2)], 3, term)
            encoder.endEncoding()
          }
        }
        _ = try stage.run()
        return aliases[0].words[0]
      })
    #expect(outcomes.count > 3)
  }

  @Test("An untracked one is ordered by fences alone; a wait for one that nobody has updated orders nothing")
  func untracked() throws {
    func outcomes(_ encode: (any MTLComputeCommandEncoder, any MTLFence, () -> Void) -> Void) throws -> Set<
      UInt32
    > {
      let pages = Pages()
      return try Set(
        Permutations.seeds.map { seed in
          let stage = try Stage(seed: seed)
          let buffer = try pages.buffer(stage.device, .hazardTrackingModeUntracked)
          let fence = try #require(stage.device.makeFence())
          buffer.words[0] = 0
          for term in 1...6 as ClosedRange<UInt32> {
            try stage.commit { commandBuffer in
              let encoder = try #require(commandBuffer.makeComputeCommandEncoder(dispatchType: .concurrent))
              encode(encoder, fence) { encoder.encodeAffine(stage.affine, buffer, 3, term) }
              encoder.endEncoding()
            }
          }
          _ = try stage.run()
          return buffer.words[0]
        })
    }
    let fenced = try outcomes { encoder, fence, step in
      encoder.waitForFence(fence)
      step()
      encoder.updateFence(fence)
    }
    let onlyWaiting = try outcomes { encoder, fence, step in
      encoder.waitForFence(fence)
      step()
    }
    let onlyUpdating = try outcomes { encoder, fence, step in
      step()
      encoder.updateFence(fence)
    }
    #expect(fenced == [Stage.inOrder(1...6)])
    #expect(onlyWaiting.count > 10)
    #expect(onlyUpdating.count > 10)
  }
}
