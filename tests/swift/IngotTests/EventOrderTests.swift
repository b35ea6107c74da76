#if os(Linux)
  import Testing

  @testable import Ingot
  @testable import Metal

  /// The software device permutes by a seed what Metal leaves unordered: between queues everything that no event orders.
  @Suite("Events order what several queues do") struct EventOrderTests {
    private static let source = """
      kernel void step(device uint *x, constant uint &term, uint i [[thread_position_in_grid]]) {
        x[i] = x[i] * 3 + term;
      }
      """
    private static let terms = 1...6 as ClosedRange<UInt32>
    private static var inOrder: UInt32 { terms.reduce(0) { $0 &* 3 &+ $1 } }

    private struct Scene {
      let device: Device
      let queues: [Queue]
      let step: Ingot.Kernel
      let buffer: Ingot.Buffer
      let event: Event

      init(seed: UInt64, _ options: MTLResourceOptions) throws {
        device = try Device.seeded(seed)
        queues = try [device.defaultQueue, device.queue(), device.queue()]
        step = try device.kernel("step", of: EventOrderTests.source)
        let metal = try #require(device.metalDevice.makeBuffer(length: 64, options: options))
        buffer = try device.adopt(metal, shape: [16], dtype: .uint32)
        event = try device.event()
      }

      func encode(_ term: UInt32, in encoder: CommandEncoder) throws {
        try encoder.dispatch(step, buffer, term, grid: 16)
      }
    }

    /// What is there at the end, by the seeds.
    private func outcomes(
      _ options: MTLResourceOptions = .hazardTrackingModeTracked, seeds: ClosedRange<UInt64> = 1...16,
      _ encode: (Scene) throws -> Void
    ) throws -> Set<UInt32> {
      try Set(
        seeds.map { seed in
          let scene = try Scene(seed: seed, options)
          try encode(scene)
          try scene.device.synchronize(timeout: .seconds(60))
          return try scene.buffer.values(of: UInt32.self)[0]
        })
    }

    @Test(
      "A chain over three queues",
      arguments: [MTLResourceOptions.hazardTrackingModeTracked, .hazardTrackingModeUntracked])
    func chain(_ options: MTLResourceOptions) throws {
      let ends = try outcomes(options) { scene in
        for term in Self.terms {
          let encoder = scene.queues[Int(term) % 3].encoder()
          try encoder.wait(for: scene.event, value: UInt64(term) - 1)
          try scene.encode(term, in: encoder)
          try encoder.signal(scene.event, value: UInt64(term))
          try encoder.commit()
        }
      }
      #expect(ends == [Self.inOrder])
    }

    @Test("Waits that are committed before the signals are")
    func waitsFirst() throws {
      let ends = try outcomes { scene in
        let gate = try scene.device.event()
        for term in Self.terms.reversed() {
          // Of one queue they would wait for what comes after them.
          let encoder = try scene.device.queue().encoder()
          try encoder.wait(for: gate, value: 1)
          try encoder.wait(for: scene.event, value: UInt64(term) - 1)
          try scene.encode(term, in: encoder)
          try encoder.signal(scene.event, value: UInt64(term))
          try encoder.commit()
        }
        gate.signal(1)
      }
      #expect(ends == [Self.inOrder])
    }

    @Test("Two encoders that wait for each other in turn, in one submission each")
    func pingPong() throws {
      let ends = try outcomes { scene in
        let encoders = [scene.queues[0].encoder(), scene.queues[1].encoder()]
        for term in Self.terms {
          let encoder = encoders[Int(term) % 2]
          try encoder.wait(for: scene.event, value: UInt64(term) - 1)
          try scene.encode(term, in: encoder)
          try encoder.signal(scene.event, value: UInt64(term))
        }
        for encoder in encoders { try encoder.commit() }
      }
      #expect(ends == [Self.inOrder])
    }

    @Test(
      "What an event parts within an encoder is in order, also in memory that a fence orders, and with later encoders",
      arguments: [MTLResourceOptions.hazardTrackingModeTracked, .hazardTrackingModeUntracked])
    func parted(_ options: MTLResourceOptions) throws {
      for ordering in Ordering.allCases {
        let ends = try outcomes(options) { scene in
          for (first, count) in [(1, 3), (4, 2), (6, 1)] as [(UInt32, UInt32)] {
            let encoder = scene.device.encoder(ordering: ordering)
            for term in first..<first + count {
              try scene.encode(term, in: encoder)
              try encoder.signal(scene.event, value: UInt64(term))
            }
            try encoder.commit()
          }
        }
        #expect(ends == [Self.inOrder])
      }
    }

    @Test("Stages of sessions that wait for one another")
    func sessions() throws {
      let ends = try outcomes { scene in
        let sessions = scene.queues.map { $0.session() }
        for term in Self.terms {
          let (session, before) = (sessions[Int(term) % 3], sessions[Int(term - 1) % 3])
          let encoder = try session.beginStage()
          if let event = before.event { try encoder.wait(for: event, value: before.fenceValue) }
          try scene.encode(term, in: encoder)
          try session.fenceStage()
        }
      }
      #expect(ends == [Self.inOrder])
    }

    @Test("Without events some seed orders queues otherwise than they were committed")
    func unordered() throws {
      let ends = try outcomes(seeds: 1...24) { scene in
        let gate = try scene.device.event()
        for term in 1...3 as ClosedRange<UInt32> {
          let encoder = scene.queues[Int(term) - 1].encoder()
          try encoder.wait(for: gate, value: 1)
          try scene.encode(term, in: encoder)
          try encoder.commit()
        }
        gate.signal(1)
      }
      #expect(ends.count > 1, "the software device promises more than Metal does")
    }
  }
#endif
