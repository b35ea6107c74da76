"""Prints the seconds from source to first result in this process: compile_child.py ENGINE NUMBER [warm].

With `warm` the process has compiled another kernel before, so that the engine's own start is not counted.
"""

from __future__ import annotations

import sys
import time

import numpy as np
from engines import device, opencl

COUNT = 4096
MSL = """
#include <metal_stdlib>
using namespace metal;
kernel void shift(device const float *x [[buffer(0)]], device float *y [[buffer(1)]],
                  constant float &a [[buffer(2)]], uint i [[thread_position_in_grid]])
{ y[i] = a * x[i] + y[i] + %d; }
"""
OPENCL_C = """
kernel void shift(global const float *x, global float *y, float a)
{ size_t i = get_global_id(0); y[i] = a * x[i] + y[i] + %d; }
"""


def ingot_seconds(number: int) -> tuple[float, float]:
    """Ingot: the time, and an element of the result."""
    gpu = device()
    x, y = gpu.full(COUNT, 1, np.float32), gpu.zeros(COUNT, np.float32)
    start = time.perf_counter()
    kernel = gpu.compile(MSL % number).kernel("shift")
    with gpu.encoder() as encoder:
        encoder.dispatch(kernel, x, y, 2.0, grid=COUNT)
        encoder.commit_and_wait()
    return time.perf_counter() - start, float(y.numpy()[-1])


def opencl_seconds(number: int) -> tuple[float, float]:
    """PyOpenCL on PoCL, which compiles when it knows the size of a group."""
    cl, context, queue, _ = opencl()
    host = np.ones(COUNT, np.float32), np.zeros(COUNT, np.float32)
    flags = cl.mem_flags.READ_WRITE | cl.mem_flags.COPY_HOST_PTR
    buffers = [cl.Buffer(context, flags, hostbuf=array) for array in host]
    queue.finish()
    start = time.perf_counter()
    kernel = cl.Kernel(cl.Program(context, OPENCL_C % number).build(), "shift")
    kernel.set_args(*buffers, np.float32(2))
    cl.enqueue_nd_range_kernel(queue, kernel, (COUNT,), (256,))
    queue.finish()
    seconds = time.perf_counter() - start
    cl.enqueue_copy(queue, host[1], buffers[1])
    return seconds, float(host[1][-1])


def main() -> int:
    """Measures once and checks the result."""
    number = int(sys.argv[2])
    measure = ingot_seconds if sys.argv[1] == "ingot" else opencl_seconds
    if sys.argv[3:] == ["warm"]:
        measure(number + 1_000_000)
    seconds, result = measure(number)
    if result != 2 + number:
        raise AssertionError(f"wrong result {result}")
    print(seconds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
