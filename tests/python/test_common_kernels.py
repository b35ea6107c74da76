"""What programs commonly do with kernels of their own, against NumPy: strides, casts, rings, partial tiles."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    import ingot

SOURCE = """
#include <metal_stdlib>
using namespace metal;

kernel void strided(device const float *x, device float *y, constant uint4 &strides, constant uint2 &size,
                    uint2 i [[thread_position_in_grid]]) {
  if (i.x < size.x && i.y < size.y) y[i.y * strides.z + i.x * strides.w] = x[i.y * strides.x + i.x * strides.y];
}

kernel void narrow(device const float *x, device half *y, uint i [[thread_position_in_grid]]) { y[i] = half(x[i]); }
kernel void widen(device const half *x, device float *y, uint i [[thread_position_in_grid]]) { y[i] = float(x[i]); }

kernel void append(device const float *x, device float *ring, constant uint2 &place,
                   uint2 i [[thread_position_in_grid]], uint2 size [[threads_per_grid]]) {
  ring[(place.x + i.y) % place.y * size.x + i.x] = x[i.y * size.x + i.x];
}

constant constexpr uint TILE = 16;
kernel void multiply(device const float *a, device const float *b, device float *c, constant uint3 &size,
                     uint2 i [[thread_position_in_grid]], uint2 l [[thread_position_in_threadgroup]]) {
  threadgroup float left[TILE][TILE];
  threadgroup float right[TILE][TILE];
  float sum = 0;
  for (uint k = 0; k < size.z; k += TILE) {
    left[l.y][l.x] = i.y < size.x && k + l.x < size.z ? a[i.y * size.z + k + l.x] : 0.0f;
    right[l.y][l.x] = k + l.y < size.z && i.x < size.y ? b[(k + l.y) * size.y + i.x] : 0.0f;
    threadgroup_barrier(mem_flags::mem_threadgroup);
    for (uint j = 0; j < TILE; ++j) sum += left[l.y][j] * right[j][l.x];
    threadgroup_barrier(mem_flags::mem_threadgroup);
  }
  if (i.y < size.x && i.x < size.y) c[i.y * size.y + i.x] = sum;
}
"""


@pytest.fixture
def library(device: ingot.Device) -> ingot.Library:
    return device.compile(SOURCE)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (7, 13), (33, 17), (64, 96)])
def test_c92_strided_and_transposed_copies(
    device: ingot.Device, library: ingot.Library, height: int, width: int
) -> None:
    strided = library.kernel("strided")
    values = np.random.default_rng(1).random((2 * height, 3 * width), np.float32)
    x = device.array(values)
    part, turned = device.zeros((height, width)), device.zeros((width, height))
    with device.encoder() as encoder:
        # Every second row and third column, from the second row on.
        encoder.dispatch(strided, x[1:].flat, part, (6 * width, 3, width, 1), (width, height), grid=(width, height))
        encoder.dispatch(strided, part, turned, (width, 1, 1, height), (width, height), grid=(width, height))
        assert encoder.commit_and_wait().barriers == 1
    assert (part.numpy() == values[1::2, ::3]).all()
    assert (turned.numpy() == values[1::2, ::3].T).all()


def test_c93_float32_to_float16_and_back(device: ingot.Device, library: ingot.Library) -> None:
    edges = [0.0, -0.0, 1.0, 1 / 3, -1 / 3, 65504.0, -65504.0, 2.0**-14, 1 + 2.0**-11, 1 + 3 * 2.0**-11, 1e4, 3e-3]
    values = np.concatenate([edges, np.random.default_rng(2).normal(0, 100, 1000)]).astype(np.float32)
    x, half, back = device.array(values), device.zeros(values.shape, np.float16), device.zeros(values.shape)
    with device.encoder() as encoder:
        encoder.dispatch(library.kernel("narrow"), x, half, grid=x.size)
        encoder.dispatch(library.kernel("widen"), half, back, grid=x.size)
        encoder.commit_and_wait()
    expected = values.astype(np.float16)  # to the nearest, ties to even, as Metal rounds
    assert (half.numpy().view(np.uint16) == expected.view(np.uint16)).all()
    assert (back.numpy().view(np.uint32) == expected.astype(np.float32).view(np.uint32)).all()


def test_c94_copies_that_wrap_around_a_ring(device: ingot.Device, library: ingot.Library) -> None:
    rows, width = 11, 5
    by_kernel, by_copy = device.zeros((rows, width)), device.zeros((rows, width))
    expected = np.zeros((rows, width), np.float32)
    random = np.random.default_rng(3)
    at = 0
    for count in (4, 5, 6, 11, 1, 7):
        values = random.random((count, width), np.float32)
        x = device.array(values)
        whole = min(count, rows - at)
        with device.encoder() as encoder:
            encoder.dispatch(library.kernel("append"), x, by_kernel, (at, rows), grid=(width, count))
            encoder.copy(x[:whole], by_copy[at : at + whole])
            if whole < count:
                encoder.copy(x[whole:], by_copy[: count - whole])
            assert encoder.commit_and_wait().barriers == 0
        expected[(at + np.arange(count)) % rows] = values
        at = (at + count) % rows
        assert (by_kernel.numpy() == expected).all()
        assert (by_copy.numpy() == expected).all()


@pytest.mark.parametrize("depth", [33, 47, 63, 72, 100])
def test_c95_partial_tiles(device: ingot.Device, library: ingot.Library, depth: int) -> None:
    height, width = 35, 50
    random = np.random.default_rng(depth)
    # Small whole numbers, whose sums are exact in any order.
    a = random.integers(-8, 9, (height, depth)).astype(np.float32)
    b = random.integers(-8, 9, (depth, width)).astype(np.float32)
    c = device.full((height + 1, width), 99.0)
    with device.encoder() as encoder:
        encoder.dispatch(
            library.kernel("multiply"), device.array(a), device.array(b), c[:height], (height, width, depth),
            groups=((width + 15) // 16, (height + 15) // 16), group=(16, 16),
        )  # fmt: skip
        encoder.commit_and_wait()
    assert (c.numpy()[:height] == a @ b).all()
    assert (c.numpy()[height:] == 99).all()
