import Ingot

let source = """
  #include <metal_stdlib>
  kernel void saxpy(device const float *x, device float *y, constant float &a,
                    uint i [[thread_position_in_grid]]) { y[i] += a * x[i]; }
  """
let device = try Device.default()
let saxpy = try device.compile(source).kernel("saxpy")
let x = try device.array((0..<(1 << 20)).map(Float.init))
let y = try device.zeros([x.count], .float32)
let encoder = device.encoder(label: "saxpy")
try encoder.dispatch(saxpy, x, y, .float(2), grid: x.count)
try encoder.commitAndWait()
try y.withUnsafe(of: Float.self) { print($0[0], $0[1], $0[2], $0[3]) }
