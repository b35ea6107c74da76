import Testing

@testable import Ingot

@Suite struct ThreadgroupTests {
  @Test(arguments: [
    (Extent(1_000_000), 1024, Extent(256)), (Extent(1_000_000), 64, Extent(64)), (Extent(1), 1024, Extent(1)),
    (Extent(5), 1024, Extent(8)), (Extent(640, 480), 1024, Extent(32, 8)), (Extent(640, 480), 1, Extent(1)),
    (Extent(3, 1000), 1024, Extent(4, 64)), (Extent(1000, 2), 1024, Extent(128, 2)),
    (Extent(64, 64, 64), 1024, Extent(32, 8)),
    (Extent(2, 2, 100), 1024, Extent(2, 2, 64)), (Extent(100, 1, 3), 1024, Extent(64, 1, 4)),
  ])
  func choice(grid: Extent, maxThreads: Int, expected: Extent) {
    #expect(Threadgroup.choose(for: grid, width: 32, maxThreads: maxThreads) == expected)
  }

  @Test func everyChoiceKeepsTheLimits() {
    let extents = [1, 2, 3, 7, 31, 32, 33, 100, 255, 256, 257, 4096, Int(UInt32.max)]
    for x in extents {
      for y in extents {
        for z in extents {
          for maxThreads in [1, 16, 32, 100, 384, 1024] {
            let group = Threadgroup.choose(for: Extent(x, y, z), width: 32, maxThreads: maxThreads)
            #expect(group.x >= 1 && group.y >= 1 && group.z >= 1)
            #expect(group.x * group.y * group.z <= maxThreads)
          }
        }
      }
    }
  }

  @Test(arguments: [(1, 16), (16, 16), (17, 32), (32768, 32768)]) func memoryIsRounded(
    nbytes: Int, rounded: Int
  ) {
    #expect(Threadgroup.roundedMemory(nbytes) == rounded)
  }
}
