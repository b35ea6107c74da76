import CMetalRuntime
import Testing

@testable import Metal

@Test func saxpyRuns() throws {
  let pipeline = try KernelBench.pipeline(
    """
    #include <metal_stdlib>
    using namespace metal;
    kernel void saxpy(device const float *x [[buffer(0)]], device float *y [[buffer(1)]],
                      constant float &a [[buffer(2)]], uint i [[thread_position_in_grid]]) {
      y[i] = a * x[i] + y[i];
    }
    """)
  let x = KernelMemory((0..<1000).map(Float.init))
  let y = KernelMemory([Float](repeating: 1, count: 1000))
  let result = pipeline.run([x, y, KernelMemory([Float(2)])], grid: (1000, 1, 1), group: (64, 1, 1))
  #expect(result.fault == 0)
  #expect(y.values(of: Float.self) == (0..<1000).map { Float($0) * 2 + 1 })
  #expect(pipeline.description.arguments.map(\.dataType) == [.float, .float, .float])
}
