"""Values in place of buffers, as NumPy has them."""

from __future__ import annotations

import numpy as np
import pytest

import ingot


def test_threadgroup_memory_in_numbers_of_numpy(device: ingot.Device) -> None:
    source = """
    kernel void k(device float *y, threadgroup float *tile [[threadgroup(0)]],
                  uint i [[thread_position_in_grid]], uint l [[thread_position_in_threadgroup]]) {
      tile[l] = 2; y[i] = tile[l];
    }
    """
    kernel, y = device.compile(source).kernel("k"), device.zeros(4)
    for tile in (np.int64(16), ingot.threadgroup(np.prod((4, 4)))):
        with device.encoder() as encoder:
            encoder.dispatch(kernel, y, tile, grid=np.array([4]), group=4)
            encoder.commit_and_wait()
        assert (y.numpy() == 2).all()
    for wrong in (True, 0, 16.0, "16", None, -1, 1 << 32):
        with pytest.raises(ingot.ArgumentError, match="threadgroup memory of"):
            ingot.threadgroup(wrong)  # type: ignore[arg-type]


def test_an_array_of_three_numbers_is_a_float3(device: ingot.Device) -> None:
    source = """
    kernel void k(device float *y, constant float3 &v, uint i [[thread_position_in_grid]]) { y[i] = v[i]; }
    """
    kernel, y = device.compile(source).kernel("k"), device.zeros(3)
    with device.encoder() as encoder:
        encoder.dispatch(kernel, y, np.array([1, 2, 3], np.float32), grid=3)
        with pytest.raises(ingot.ArgumentError, match="16 bytes"):
            encoder.dispatch(kernel, y, np.array([1, 2], np.float32), grid=3)
        encoder.commit_and_wait()
    assert y.numpy().tolist() == [1, 2, 3]


def test_arrays_of_python_objects_are_no_values(device: ingot.Device) -> None:
    source = "struct S { ulong a; }; kernel void k(device ulong *y, constant S &s) { y[0] = s.a; }"
    kernel, y = device.compile(source).kernel("k"), device.zeros(1, np.uint64)
    with device.encoder() as encoder:
        with pytest.raises(ingot.ArgumentError, match="objects"):
            encoder.dispatch(kernel, y, np.array([None]), grid=1)
        encoder.discard()
