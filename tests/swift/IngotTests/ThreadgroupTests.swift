import Testing

@testable import Ingot

@Suite struct ThreadgroupTests {
  @Test(arguments: [
    (Size(1_000_000), 1024, Size(256)), (Size(1_000_000), 64, Size(64)), (Size(1), 1024, Size(1)),
    (Size(5), 1024, Size(8)), (Size(640, 480), 1024, Size(32, 8)), (Size(640, 480), 1, Size(1)),
    (Size(3, 1000), 1024, Size(4, 64)), (Size(1000, 2), 1024, Size(128, 2)),
    (Size(64, 64, 64), 1024, Size(32, 8)),
    (Size(2, 2, 100), 1024, Size(2, 2, 64)), (Size(100, 1, 3), 1024, Size(64, 1, 4)),
  ])
  func choice(grid: Size, maxThreads: Int, expected: Size) {
    #expect(Threadgroup.choose(for: grid, width: 32, maxThreads: maxThreads) == expected)
  }

  @Test func everyChoiceKeepsTheLimits() {
    let extents = [1, 2, 3, 7, 31, 32, 33, 100, 255, 256, 257, 4096, Int(UInt32.max)]
    for x in extents {
      for y in extents {
        for z in extents {
          for maxThreads in [1, 16, 32, 100, 384, 1024] {
            let group = Threadgroup.choose(for: Size(x, y, z), width: 32, maxThreads: maxThreads)
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
