import Metal
import Testing

@testable import Ingot

/// Kernels that the tests share.
enum Sources {
  static let saxpy = """
    #include <metal_stdlib>
    using namespace metal;
    kernel void saxpy(device const float *x [[buffer(0)]], device float *y [[buffer(1)]],
                      constant float &a [[buffer(2)]], uint i [[thread_position_in_grid]]) {
      y[i] = a * x[i] + y[i];
    }
    """

  static let steps = """
    #include <metal_stdlib>
    using namespace metal;
    kernel void copy(device const int *x [[buffer(0)]], device int *y [[buffer(1)]],
                     uint i [[thread_position_in_grid]]) { y[i] = x[i]; }
    kernel void increment(device int *x [[buffer(0)]], uint i [[thread_position_in_grid]]) { x[i] += 1; }
    kernel void twice(device int *x [[buffer(0)]], uint i [[thread_position_in_grid]]) { x[i] *= 2; }
    kernel void positions(device int *x [[buffer(0)]], uint2 i [[thread_position_in_grid]],
                          uint2 n [[threads_per_grid]]) { x[i.y * n.x + i.x] = int(i.y * 1000 + i.x); }
    """

  static let kinds = """
    #include <metal_stdlib>
    using namespace metal;
    struct Pair { float first; int second; };
    kernel void structs(constant Pair &pair [[buffer(0)]], device float *out [[buffer(1)]],
                        uint i [[thread_position_in_grid]]) { out[i] = pair.first * float(pair.second); }
    kernel void vectors(device const float4 *x [[buffer(0)]], device float *out [[buffer(1)]],
                        uint i [[thread_position_in_grid]]) { out[i] = x[i].x + x[i].w; }
    kernel void raw(device const uchar *x [[buffer(0)]], device uchar *out [[buffer(1)]],
                    uint i [[thread_position_in_grid]]) { out[i] = x[i]; }
    kernel void unused(device float *x [[buffer(0)]], device float *spare [[buffer(3)]],
                       uint i [[thread_position_in_grid]]) { x[i] = 1; }
    kernel void scalars(constant int &a [[buffer(0)]], constant uchar &b [[buffer(1)]],
                        constant float2 &c [[buffer(2)]], device float *out [[buffer(3)]],
                        uint i [[thread_position_in_grid]]) { out[i] = float(a) + float(b) + c.x + c.y; }
    """

  static let weigh = """
    #include <metal_stdlib>
    using namespace metal;
    struct Wide { long first; int second; };
    kernel void weigh(constant float *weights [[buffer(0)]], device float *out [[buffer(1)]],
                      uint i [[thread_position_in_grid]]) { out[i] = weights[i]; }
    kernel void wide(constant Wide *wide [[buffer(0)]], device int *out [[buffer(1)]],
                     uint i [[thread_position_in_grid]]) { out[i] = int(wide[i].first) + wide[i].second; }
    """

  static let pointers = """
    #include <metal_stdlib>
    using namespace metal;
    struct Node { device const float *from; device float *to; };
    kernel void follow(constant Node &node [[buffer(0)]], uint i [[thread_position_in_grid]]) {
      node.to[i] = 2 * node.from[i];
    }
    kernel void number(constant ulong &address [[buffer(0)]], device float *out [[buffer(1)]],
                       uint i [[thread_position_in_grid]]) {
      out[i] = reinterpret_cast<device const float *>(address)[i];
    }
    kernel void bump(device float *x [[buffer(0)]], uint i [[thread_position_in_grid]]) { x[i] += 1; }
    """

  static let faults = """
    #include <metal_stdlib>
    using namespace metal;
    kernel void stray(device int *x [[buffer(0)]], uint i [[thread_position_in_grid]]) {
      x[i + (1ul << 50)] = 1;  // no address at all, so nobody else's memory is hit
    }
    kernel void fine(device int *x [[buffer(0)]], uint i [[thread_position_in_grid]]) { x[i] = 1; }
    """

  static let threadgroups = """
    #include <metal_stdlib>
    using namespace metal;
    kernel void reverse(device int *x [[buffer(0)]], threadgroup int *tile [[threadgroup(0)]],
                        uint i [[thread_position_in_grid]], uint l [[thread_position_in_threadgroup]],
                        uint n [[threads_per_threadgroup]]) {
      tile[l] = x[i];
      threadgroup_barrier(mem_flags::mem_threadgroup);
      x[i] = tile[n - 1 - l];
    }
    kernel void own(device int *x [[buffer(0)]], uint i [[thread_position_in_grid]],
                    uint l [[thread_position_in_threadgroup]], uint n [[threads_per_threadgroup]]) {
      threadgroup int tile[256];
      tile[l] = x[i];
      threadgroup_barrier(mem_flags::mem_threadgroup);
      x[i] = tile[n - 1 - l];
    }
    """
}

extension Trait where Self == ConditionTrait {
  /// For tests of what a GPU need not do, such as notice a stray pointer.
  static var softwareDevice: Self { .enabled(if: Platform.isSoftwareMetal, "needs the software device") }
}

/// Holds back everything that is committed on a device's queue, until it is opened.
final class Gate: @unchecked Sendable {
  // Unchecked: events may be used from any thread.
  private let event: any MTLSharedEvent

  init(_ device: Device) throws {
    event = try #require(device.metalDevice.makeSharedEvent())
    let commandBuffer = try #require(device.metalQueue.makeCommandBuffer())
    commandBuffer.encodeWaitForEvent(event, value: 1)
    commandBuffer.commit()
  }

  deinit { open() }

  func open() { event.signaledValue = 1 }
}

/// A device with saxpy and two buffers of four elements, a common start of a suite.
func saxpyOnItsOwnDevice() throws -> (device: Device, saxpy: Kernel, x: Buffer, y: Buffer) {
  let device = try Device.isolated()
  return try (
    device, device.kernel("saxpy", of: Sources.saxpy), device.array([1, 2, 3, 4] as [Float]),
    device.array([10, 20, 30, 40] as [Float])
  )
}

extension Device {
  /// The buffer `values` of ints, a common start of a test.
  func ints(_ values: Range<Int32>, label: String? = nil) throws -> Buffer {
    try array(Array(values), label: label)
  }

  func kernel(_ name: String, of source: String) throws -> Kernel { try compile(source).kernel(name) }
}
