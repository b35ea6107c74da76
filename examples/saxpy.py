"""A first kernel: y = a x + y. Exits non-zero if the result is wrong, so it serves as a smoke test too."""

from __future__ import annotations

import sys

import numpy as np

import ingot

SOURCE = """
#include <metal_stdlib>
using namespace metal;

kernel void saxpy(device const float *x [[buffer(0)]],
                  device float *y [[buffer(1)]],
                  constant float &a [[buffer(2)]],
                  uint i [[thread_position_in_grid]])
{
    y[i] = a * x[i] + y[i];
}
"""


def main() -> int:
    """Runs saxpy on a million floats and compares the result with NumPy's."""
    device = ingot.Device()
    saxpy = device.compile(SOURCE).kernel("saxpy")
    rng = np.random.default_rng(0)
    first, second = rng.random((2, 1 << 20), dtype=np.float32)

    x, y = device.array(first), device.array(second)
    with device.encoder(label="saxpy") as encoder:
        encoder.dispatch(saxpy, x, y, a=2.0, grid=x.size)
        submission = encoder.commit_and_wait()

    right = np.allclose(y.numpy(), 2 * first + second, atol=1e-6)
    print(f"{device.name}: {submission.gpu_time * 1e3:.3f} ms, {'right' if right else 'WRONG'}")
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
