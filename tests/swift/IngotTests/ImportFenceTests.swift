#if os(Linux)
  import Testing

  @testable import Ingot
  @testable import Metal

  /// The software device permutes by a seed what Metal leaves unordered: here all that nothing but a fence orders.
  @Suite("Untracked buffers are ordered by a fence") struct ImportFenceTests {
    private static let source = """
      kernel void step(device uint *x, constant uint &term, uint i [[thread_position_in_grid]]) {
        x[i] = x[i] * 3 + term;
      }
      """
    private static let terms = 1...6 as ClosedRange<UInt32>
    private static var inOrder: UInt32 { terms.reduce(0) { $0 &* 3 &+ $1 } }

    /// What is there at the end, by the seeds, if `encode` gives an encoder one step and commits it.
    private func outcomes(
      _ options: MTLResourceOptions, _ encode: (Device, Ingot.Kernel, Ingot.Buffer) throws -> Void
    ) throws -> Set<UInt32> {
      try Set(
        (1...24 as ClosedRange<UInt64>).map { seed in
          let device = try Device.seeded(seed)
          let metal = try #require(device.metalDevice.makeBuffer(length: 64, options: options))
          let buffer = try device.adopt(metal, shape: [16], dtype: .uint32)
          let step = try device.kernel("step", of: Self.source)
          let gate = try Gate(device)
          try encode(device, step, buffer)
          gate.open()
          try buffer.wait()
          return try buffer.values(of: UInt32.self)[0]
        })
    }

    @Test("from one encoder to the next")
    func encoders() throws {
      let ends = try outcomes(.hazardTrackingModeUntracked) { device, step, buffer in
        for term in Self.terms {
          let encoder = device.encoder()
          try encoder.dispatch(step, buffer, term, grid: 16)
          try encoder.commit()
        }
      }
      #expect(ends == [Self.inOrder])
    }

    @Test("also between encoders that were begun together, in the order of their commits")
    func together() throws {
      let ends = try outcomes(.hazardTrackingModeUntracked) { device, step, buffer in
        let encoders = Self.terms.map { _ in device.encoder() }
        for (encoder, term) in zip(encoders, Self.terms).reversed() {
          try encoder.dispatch(step, buffer, term, grid: 16)
        }
        for encoder in encoders { try encoder.commit() }
      }
      #expect(ends == [Self.inOrder])
    }

    @Test("within an encoder by barriers, with others between")
    func within() throws {
      let ends = try outcomes(.hazardTrackingModeUntracked) { device, step, buffer in
        let discarded = device.encoder()
        try discarded.dispatch(step, buffer, UInt32(9), grid: 16)
        for terms in [1...2, 3...4, 5...6] as [ClosedRange<UInt32>] {
          let encoder = device.encoder()
          try encoder.dispatch(step, device.zeros([16], .uint32), UInt32(7), grid: 16)
          for term in terms { try encoder.dispatch(step, buffer, term, grid: 16) }
          try encoder.commit()
        }
      }
      #expect(ends == [Self.inOrder])
    }

    @Test("of private memory, too")
    func privateMemory() throws {
      let device = try Device.seeded(1)
      let metal = try #require(
        device.metalDevice.makeBuffer(
          length: 64, options: [.hazardTrackingModeUntracked, .storageModePrivate]))
      let buffer = try device.adopt(metal, shape: [16], dtype: .uint32)
      #expect(try buffer.storage.hold().allocation.origin?.fence != nil)
    }

    @Test("a tracked one needs none")
    func tracked() throws {
      let device = try Device.seeded(1)
      let metal = try #require(device.metalDevice.makeBuffer(length: 64))
      let buffer = try device.adopt(metal, shape: [16], dtype: .uint32)
      #expect(try buffer.storage.hold().allocation.origin?.fence == nil)
    }

    @Test("a device that is not the buffer's refuses it")
    func otherDevice() throws {
      let (device, other) = try (Device.seeded(1), Device.seeded(2))
      let metal = try #require(other.metalDevice.makeBuffer(length: 64))
      let error = try failure { _ = try device.adopt(metal, shape: [16], dtype: .uint32) }
      #expect(error.kind == .argument && error.message.contains("another device"))
    }
  }
#endif
