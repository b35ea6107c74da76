import Synchronization
import Testing

@testable import Ingot

@Suite("Kernels made ahead of their use")
struct PrepareTests {
  private let device: Device
  private static let source = """
    constant int n [[function_constant(0)]];
    kernel void plus(device int *x [[buffer(0)]], uint i [[thread_position_in_grid]]) { x[i] += n; }
    kernel void twice(device int *x [[buffer(0)]], uint i [[thread_position_in_grid]]) { x[i] *= 2; }
    """

  init() throws { device = try Device.isolated() }

  @Test("Each is there afterwards, and a source is compiled once") func prepared() throws {
    var requests = (1...6).map { KernelRequest("plus", of: Self.source, constants: ["n": $0]) }
    requests.append(KernelRequest("twice", of: Self.source))
    let seen = Mutex<[(Int, Int)]>([])
    let kernels = try device.prepare(requests) { done, count in seen.withLock { $0.append((done, count)) } }
    #expect(kernels.map(\.label) == (1...6).map { "plus|0:i\($0)" } + ["twice"])
    #expect(seen.withLock { $0.map(\.0) } == Array(1...7))
    #expect(seen.withLock { $0.allSatisfy { $0.1 == 7 } })
    #expect(device.libraries.count == 1)
    let library = try device.compile(Self.source)
    #expect(try library.kernel("plus", constants: ["n": 3]) === kernels[2])
    #expect(try library.kernel("twice") === kernels[6])
  }

  @Test("One that cannot be made stops no other, and the first is told") func failures() throws {
    let count = Mutex(0)
    let error = try failure {
      try device.prepare([
        KernelRequest("twice", of: Self.source), KernelRequest("plus", of: Self.source),
        KernelRequest("k", of: "kernel void k() { oops; }"),
        KernelRequest("plus", of: Self.source, constants: ["n": 9]),
      ]) { done, _ in count.withLock { $0 = done } }
    }
    #expect(error.kind == .argument && error.message.contains("needs values"))
    #expect(count.withLock { $0 } == 4)
    let library = try device.compile(Self.source)
    let before = library.variants.count
    _ = try library.kernel("plus", constants: ["n": 9])
    #expect(library.variants.count == before)
    #expect(try device.prepare([]).isEmpty)
  }

  @Test("A suggested threadgroup is the one that a dispatch would take") func groups() throws {
    let kernel = try device.compile(Self.source).kernel("twice")
    for grid in [
      Extent(1), Extent(1000), Extent(640, 480), Extent(7, 3, 5), Extent(1, 100_000), Extent(1 << 32 - 1),
    ] {
      let group = try kernel.suggestedGroup(for: grid)
      #expect(
        group
          == Threadgroup.choose(
            for: grid, width: kernel.threadExecutionWidth, maxThreads: kernel.maxThreadsPerThreadgroup))
      #expect(group.x * group.y * group.z <= kernel.maxThreadsPerThreadgroup)
    }
    #expect(try kernel.suggestedGroup(for: 8) == Extent(8))
    for grid in [Extent(0), Extent(-1), Extent(1, 0), Extent(1 << 32)] {
      #expect(try failure { _ = try kernel.suggestedGroup(for: grid) }.kind == .argument)
    }
    #expect(try failure { _ = try kernel.suggestedGroup(for: [1, 1, 1, 1]) }.kind == .argument)
  }
}
