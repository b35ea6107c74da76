// Prints the nanoseconds of one dispatch of 3 arguments from Swift alone: given at each dispatch, and bound ahead.
import Ingot

let source = """
  #include <metal_stdlib>
  using namespace metal;
  kernel void saxpy(device const float *x [[buffer(0)]], device float *y [[buffer(1)]],
                    constant float &a [[buffer(2)]], uint i [[thread_position_in_grid]])
  { y[i] = a * x[i] + y[i]; }
  """
let dispatches = 1000
let rounds = 41

/// The median over some encoders of the time that `encode` takes, which encodes all dispatches of one.
func median(of encode: (CommandEncoder) throws -> Void, on device: Device) throws -> Double {
  var times: [Double] = []
  for _ in 0..<rounds {
    let encoder = device.encoder()
    let duration = try ContinuousClock().measure { try encode(encoder) }
    try encoder.commitAndWait()
    times.append(duration / .nanoseconds(1) / Double(dispatches))
  }
  return times.sorted()[rounds / 2]
}

let device = try Device.default()
let saxpy = try device.compile(source).kernel("saxpy")
let x = try device.zeros([16], .float32)
let y = try device.zeros([16], .float32)
let bound = try saxpy.bind(x, y, .float(2))

let given = try median(
  of: { encoder in
    for _ in 0..<dispatches { try encoder.dispatch(saxpy, x, y, .float(2), grid: 1) }
  }, on: device)
let ahead = try median(
  of: { encoder in for _ in 0..<dispatches { try encoder.dispatch(bound, grid: 1) } }, on: device)
print(given, ahead)
