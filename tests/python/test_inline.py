"""Values that are structs, and arrays of any length."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import ingot

WEIGH = """
#include <metal_stdlib>
using namespace metal;
kernel void weigh(device float *out, constant float *weights, uint i [[thread_position_in_grid]]) {
  out[i] = weights[i];
}
"""


@pytest.mark.parametrize("count", [1, 9, 1024, 1025, 1 << 18])
def test_arrays_of_any_length(device: ingot.Device, count: int) -> None:
    kernel = device.compile(WEIGH).kernel("weigh")
    weights = np.arange(count, dtype=np.float32) % 1000
    used = device.pool.used_bytes()
    for given in (weights, weights.tobytes(), bytearray(weights), memoryview(weights), np.repeat(weights, 2)[::2]):
        out = device.zeros(count)
        for _ in range(2):
            kernel(out, given, grid=count)
        assert np.array_equal(out.numpy(), weights)
        del out
    assert device.pool.used_bytes() == used


def test_arrays_too_long_for_a_value(device: ingot.Device) -> None:
    kernel = device.compile(WEIGH).kernel("weigh")
    pages = np.broadcast_to(np.float32(0), (1 << 28) + 4)  # no memory behind it
    with device.encoder() as encoder:
        with pytest.raises(ingot.ArgumentError, match="'weights' takes at most 1073741824 bytes.*buffer"):
            encoder.dispatch(kernel, device.zeros(9), pages, grid=9)
        encoder.discard()


def test_long_values_without_memory_leave_the_encoder_as_it_was() -> None:
    isolated = ingot.Device.new(0)
    kernel, out = isolated.compile(WEIGH).kernel("weigh"), isolated.zeros(4)
    with isolated.encoder() as encoder:
        encoder.dispatch(kernel, out, np.arange(4, dtype=np.float32), grid=4)
        isolated.pool.set_limit(isolated.pool.total_bytes())
        with pytest.raises(ingot.OutOfMemoryError):
            encoder.dispatch(kernel, out, np.zeros(1 << 20, np.float32), grid=4)
        assert encoder.commit_and_wait().dispatches == 1
    assert out.numpy().tolist() == [0, 1, 2, 3]


STRUCTS = """
#include <metal_stdlib>
using namespace metal;
struct Step { uchar kind; float size; short count; };
struct Place { float3 position; float weight; };
kernel void steps(device float *out, constant Step *steps, uint i [[thread_position_in_grid]]) {
  out[i] = steps[i].kind * 100 + steps[i].size + steps[i].count;
}
kernel void place(device float *out, constant Place &place) { out[0] = place.position.z + place.weight; }
"""
STEP = [("kind", "u1"), ("size", "f4"), ("count", "i2")]


def test_structs_from_structured_arrays(device: ingot.Device) -> None:
    kernel, out = device.compile(STRUCTS).kernel("steps"), device.zeros(400)
    steps = np.array([(n % 200, n / 4, -n) for n in range(400)], np.dtype(STEP, align=True))
    expected = steps["kind"] * np.float32(100) + steps["size"] + steps["count"]
    for given, count in ((steps, 400), (steps[:3], 3), (steps[1:2], 1), (steps[0], 1), (steps[0].tobytes(), 1)):
        kernel(out, given, grid=count)
        first = 1 if count == 1 and isinstance(given, np.ndarray) else 0
        assert np.array_equal(out.numpy()[:count], expected[first : first + count])


def test_structs_of_another_layout_are_refused(device: ingot.Device) -> None:
    library, out = device.compile(STRUCTS), device.zeros(4)
    place = np.dtype([("position", "f4", 3), ("weight", "f4")], align=True)
    swapped = np.dtype(STEP, align=True).newbyteorder()
    cases: list[tuple[str, Any, str]] = [
        ("steps", np.zeros(1, STEP), "'steps' is a struct of 12 bytes, but a struct of the dtype has 7.*align=True"),
        ("steps", np.zeros(12, STEP)[0], "12 bytes.*has 7"),
        ("place", np.zeros((), place), "'place' is a struct of 32 bytes.*has 16.*as long as one of 4"),
        ("steps", np.zeros(1, swapped), "byte order"),
        ("steps", np.zeros(2, [("a", "O"), ("b", "u4")]), "Python objects"),
        ("steps", bytes(13), "12 bytes, but the value has 13"),
    ]
    with device.encoder() as encoder:
        for name, given, match in cases:
            with pytest.raises(ingot.ArgumentError, match=match):
                encoder.dispatch(library.kernel(name), out, given, grid=1)
        padded = np.dtype(
            {"names": ["position", "weight"], "formats": ["3f4", "f4"], "offsets": [0, 16], "itemsize": 32}
        )
        value = np.zeros((), padded)
        value["position"], value["weight"] = (1, 2, 3), 4
        encoder.dispatch(library.kernel("place"), out, value, grid=1)
        encoder.commit_and_wait()
    assert out.numpy()[0] == 7


@pytest.mark.parametrize("count", [1, 3, 4, 5, 9])
def test_any_number_of_buffers(device: ingot.Device, count: int) -> None:
    names = [f"b{n}" for n in range(count)]
    parameters = ", ".join(f"device const float *{name}" for name in names)
    terms = " + *".join(names)
    source = f"kernel void sum(device float *out, {parameters}, constant float &more) {{ *out = more + *{terms}; }}"
    kernel, out = device.compile(source).kernel("sum"), device.zeros(1)
    buffers = [device.full(1, 10.0**n) for n in range(count)]
    for _ in range(3):  # the first call of a shape takes another way than the next
        kernel(out, *buffers, 0.5, grid=1)
        kernel(out, *buffers[:-1], more=0.5, grid=1, **{names[-1]: buffers[-1]})
        assert out.numpy()[0] == np.float32(0.5 + sum(10.0**n for n in range(count)))


def test_a_memoryview_that_was_released_is_refused(device: ingot.Device) -> None:
    kernel, view = device.compile(WEIGH).kernel("weigh"), memoryview(bytes(16))
    view.release()
    with device.encoder() as encoder:
        with pytest.raises(ingot.ArgumentError, match="released"):
            encoder.dispatch(kernel, device.zeros(4), view, grid=4)
        encoder.discard()
