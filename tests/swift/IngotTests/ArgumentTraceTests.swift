#if os(Linux)
  import Testing

  @testable import Ingot

  /// How often Metal is told what it knows, as the software device sees it.
  @Suite struct ArgumentTraceTests {
    @Test("A text is compiled once, whatever the number of kernels asked of it by name") func compiledOnce()
      throws
    {
      let lines = try softwareTrace(of: ["device makeLibrary", "device makeComputePipelineState"]) { device in
        for _ in 0..<2 {
          for name in ["copy", "increment", "twice", "positions"] {
            _ = try device.kernel(name, of: Sources.steps)
          }
        }
        _ = try device.prepare(["copy", "twice"].map { KernelRequest($0, of: Sources.steps) })
      }
      #expect(lines.filter { $0.hasPrefix("device makeLibrary") }.count == 1)
      #expect(lines.filter { $0.hasPrefix("device makeComputePipelineState") }.count == 4)
    }

    @Test("A bound kernel that is dispatched again and again is bound once") func boundOnce() throws {
      let lines = try softwareTrace(of: ["encoder"]) { device in
        let saxpy = try device.kernel("saxpy", of: Sources.saxpy)
        let (x, y) = try (device.zeros([4], .float32), device.zeros([4], .float32))
        let bound = try saxpy.bind(x, y, .float(2))
        let encoder = device.encoder()
        for _ in 0..<3 { try encoder.dispatch(bound, grid: 4) }
        try encoder.dispatch(saxpy, x, y, .float(3), grid: 4)
        try encoder.dispatch(bound, grid: 4)
        try encoder.commitAndWait()
      }
      func count(_ what: String) -> Int { lines.filter { $0.hasPrefix("encoder \(what)") }.count }
      #expect(count("setComputePipelineState") == 1)
      #expect(count("setBuffer ") == 2)
      // Bound, given at a dispatch, and bound again.
      #expect(count("setBytes") == 3)
      #expect(count("dispatchThreads") == 5 && count("memoryBarrier") == 4)
    }

    @Test("What kernels reach through pointers is declared once, and again when more is done to it")
    func declaredOnce() throws {
      let lines = try softwareTrace(of: ["encoder useResource"]) { device in
        let kernel = try device.kernel("copy", of: Sources.steps)
        let (x, y, z) = try (
          device.zeros([4], .int32), device.zeros([4], .int32), device.exact.zeros([4], .int32)
        )
        let encoder = device.encoder()
        for access in [Access.read, .read, .readWrite, .write, .read] {
          try encoder.dispatch(kernel, x, y, grid: 4, uses: [BufferUse(z, access)])
        }
        try encoder.commitAndWait()
      }
      #expect(lines == ["encoder useResource buffer usage=1", "encoder useResource buffer usage=3"])
    }
  }
#endif
