import Testing

@testable import Ingot

@Suite("Kernels that are called as functions")
struct KernelCallTests {
  let device: Device
  let saxpy: Kernel
  let x: Buffer
  let y: Buffer

  init() throws {
    (device, saxpy, x, y) = try saxpyOnItsOwnDevice()
    try y.fill(Float(0))
  }

  @Test("C65: a call has run when it returns, and gives its submission, labelled with the kernel's name")
  func calls() throws {
    let submission = try saxpy(x, y, .float(2), grid: 4)
    #expect(submission.isDone && submission.label == "saxpy" && submission.dispatches == 1)
    #expect(try y.values(of: Float.self) == [2, 4, 6, 8])
    try saxpy(x, y, .float(1), grid: [2], group: 2)
    try saxpy(x, y, .float(1), groups: 1, group: 1)
    let bound = try saxpy.bind(x, y, .float(1))
    try bound(grid: 4)
    #expect(try bound(groups: 2, group: 2).label == "saxpy")
    #expect(try y.values(of: Float.self) == [6, 10, 12, 16])
  }

  @Test("A call can be awaited") func awaits() async throws {
    let submission = try await saxpy(x, y, .float(2), grid: 4)
    #expect(submission.isDone)
    try await saxpy(x, y, .float(2), groups: 1, group: 4)
    let bound = try saxpy.bind(x, y, .float(1))
    try await bound(grid: 4)
    try await bound(groups: 1, group: 4)
    #expect(try y.values(of: Float.self) == [6, 12, 18, 24])
  }

  @Test("A call that is refused leaves nothing behind") func refused() throws {
    #expect(try failure { try saxpy(x, y, grid: 4) }.message.contains("'a' not given"))
    #expect(try failure { try saxpy(x, y, .float(1), grid: 0) }.kind == .argument)
    #expect(device.queue.counts.submissions == 0)
  }

  @Test("A kernel does not hold its device, and says so when that is gone") func gone() throws {
    var device: Device? = try Device.isolated()
    let kernel = try #require(device).kernel("none", of: "kernel void none() {}")
    try kernel(grid: 1)
    device = nil
    #expect(try failure { try kernel(grid: 1) }.kind == .closed)
    #expect(try failure { _ = try kernel.bind() }.message.contains("'none' is gone"))
  }
}
