import Glibc
import Testing

@testable import Metal

@Suite("A file that becomes shorter under a buffer")
struct TruncatedFileTests {
  @Test("A kernel that touches the missing pages fails, and the device goes on")
  func faults() throws {
    let size = 4 * 16384
    var template = Array("/tmp/ingot-truncated-XXXXXX".utf8CString)
    let file = mkstemp(&template)
    try #require(file >= 0)
    defer { close(file) }
    unlink(template)
    try #require(ftruncate(file, size) == 0)
    let pages = try #require(mmap(nil, size + 16384, PROT_READ, MAP_SHARED, file, 0))
    try #require(pages != MAP_FAILED)
    defer { munmap(pages, size + 16384) }

    let device = try makeDevice()
    let queue = try #require(device.makeCommandQueue())
    let start = pages.alignedUp(toMultipleOf: 16384)
    let buffer = try #require(device.makeBuffer(bytesNoCopy: start, length: 2 * 16384))
    #expect(try copy(buffer, device, queue) == .completed)
    try #require(ftruncate(file, 0) == 0)
    #expect(try copy(buffer, device, queue) == .error)
    try #require(ftruncate(file, size) == 0)
    #expect(try copy(buffer, device, queue) == .completed)
  }

  private func copy(
    _ buffer: any MTLBuffer, _ device: SoftwareDevice, _ queue: any MTLCommandQueue
  ) throws -> MTLCommandBufferStatus {
    let commandBuffer = try #require(queue.makeCommandBuffer())
    let encoder = try #require(commandBuffer.makeComputeCommandEncoder())
    encoder.setComputePipelineState(device.makeCopy())
    encoder.setBuffer(buffer, offset: 0, index: 0)
    encoder.setBuffer(device.makeBuffer(length: buffer.length), offset: 0, index: 1)
    encoder.dispatch(buffer.length / 4)
    encoder.endEncoding()
    commandBuffer.commit()
    commandBuffer.waitUntilCompleted()
    if let error = commandBuffer.error as? MTLCommandBufferError { #expect(error.code == .pageFault) }
    return commandBuffer.status
  }
}
