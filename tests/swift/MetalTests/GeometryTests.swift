import Metal
import Testing

@Test func sizeOfNothingIsZero() {
  let size = MTLSize()
  #expect(size.width == 0 && size.height == 0 && size.depth == 0)
}
