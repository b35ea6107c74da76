"""Kernels that are bound ahead of their dispatches, and kernels that are called as functions."""

from __future__ import annotations

import gc
import pickle
from typing import Any

import numpy as np
import pytest
from kernels import SAXPY

import ingot

ARRAYS = """
#include <metal_stdlib>
using namespace metal;
kernel void weigh(constant float *weights, device float *out, uint i [[thread_position_in_grid]]) {
  out[i] = weights[i];
}
kernel void reverse(device int *data, threadgroup int *tile, uint i [[thread_position_in_threadgroup]],
                    uint n [[threads_per_threadgroup]]) {
  tile[i] = data[i];
  threadgroup_barrier(mem_flags::mem_threadgroup);
  data[i] = tile[n - 1 - i];
}
"""


class Saxpy:
    """A kernel with its buffers."""

    def __init__(self, device: ingot.Device) -> None:
        self.kernel = device.compile(SAXPY).kernel("saxpy")
        self.x = device.array(np.arange(8, dtype=np.float32))
        self.y = device.zeros(8)


@pytest.fixture
def saxpy(device: ingot.Device) -> Saxpy:
    return Saxpy(device)


def test_a_bound_kernel_does_what_a_dispatch_with_arguments_does(device: ingot.Device, saxpy: Saxpy) -> None:
    by_position, by_name = saxpy.kernel.bind(saxpy.x, saxpy.y, 2.0), saxpy.kernel.bind(a=1, x=saxpy.x, y=saxpy.y)
    with device.encoder() as encoder:
        for _ in range(3):
            encoder.dispatch(by_position, grid=8)
            encoder.dispatch(by_name, grid=(8,), group=4)
        encoder.dispatch(saxpy.kernel, saxpy.x, saxpy.y, 1.0, grid=8)
        encoder.dispatch(by_name, groups=2, group=4)
        submission = encoder.commit_and_wait()
    assert saxpy.y.numpy().tolist() == [11 * n for n in range(8)]
    assert (submission.dispatches, submission.barriers) == (8, 7)
    assert by_name.kernel is saxpy.kernel
    assert by_name.device is device
    assert repr(by_name) == "<ingot.BoundKernel saxpy>"
    with pytest.raises(TypeError):
        pickle.dumps(by_name)


def test_everything_is_checked_when_it_is_bound(device: ingot.Device, saxpy: Saxpy) -> None:
    def refuses(*args: Any, match: str, **named: Any) -> None:
        with pytest.raises(ingot.ArgumentError, match=match):
            saxpy.kernel.bind(*args, **named)

    x, y = saxpy.x, saxpy.y
    refuses(match="'x', 'y', 'a' not given")
    refuses(x, y, match="'a' not given")
    refuses(x, y, 1.0, 2.0, match="takes 3 arguments")
    refuses(x, y, b=1.0, match="no argument 'b'")
    refuses(x, y, 1.0, a=1.0, match="'a' twice")
    refuses(x, 1.0, 1.0, match="'y'")
    refuses(x, y, np.int32(1), match="float32")
    refuses(x, y, 1e39, match="float32")
    refuses(device.zeros(8, np.int32), y, 1.0, match="float32.*int32")
    refuses(ingot.Device.new(0).zeros(8), y, 1.0, match="another device")
    refuses(device.zeros(9).window(2, 8), y, 1.0, match=r"copy\(\)")
    closed = device.zeros(8)
    closed.close()
    with pytest.raises(ingot.ClosedError):
        saxpy.kernel.bind(closed, y, 1.0)


def test_a_bound_kernel_has_all_its_arguments(device: ingot.Device, saxpy: Saxpy) -> None:
    bound = saxpy.kernel.bind(saxpy.x, saxpy.y, 1.0)
    wrong: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
        ((saxpy.x,), {"grid": 8}), ((), {"grid": 8, "a": 2.0}), ((), {"grid": (8,), "a": 2.0}),
        ((), {"grid": 8, "uses": [(saxpy.x, "r")]}),
    ]  # fmt: skip
    with device.encoder() as encoder:
        for args, named in wrong:
            with pytest.raises(ingot.ArgumentError, match="its arguments and uses already"):
                encoder.dispatch(bound, *args, **named)
        for grid in (0, -1, 1 << 64, "8", None, (1, 2, 3, 4)):
            with pytest.raises(ingot.ArgumentError, match="grid"):
                encoder.dispatch(bound, grid=grid)  # type: ignore[arg-type]
        with pytest.raises(ingot.ArgumentError, match="threadgroup"):
            encoder.dispatch(bound, grid=8, group=1 << 20)
        encoder.dispatch(bound, grid=8)
        assert encoder.commit_and_wait().dispatches == 1
    with pytest.raises(ingot.StateError):
        encoder.dispatch(bound, grid=8)
    with ingot.Device.new(0).encoder() as foreign:
        with pytest.raises(ingot.ArgumentError, match="another device"):
            foreign.dispatch(bound, grid=8)
        foreign.discard()


def test_it_keeps_its_buffers(device: ingot.Device, saxpy: Saxpy) -> None:
    x = device.full(8, 3)
    bound = saxpy.kernel.bind(x, saxpy.y, 1.0)
    x.close()
    del x
    gc.collect()
    scratch = [device.full(8, 9) for _ in range(10)]
    bound(grid=8)
    assert saxpy.y.numpy().tolist() == [3] * 8
    del scratch


def test_a_reset_of_the_pool_takes_its_buffers(device: ingot.Device, saxpy: Saxpy) -> None:
    pool = ingot.Pool(device)
    bound = saxpy.kernel.bind(pool.full(8, 3), saxpy.y, 1.0)
    bound(grid=8)
    pool.reset()
    with device.encoder() as encoder:
        for _ in range(2):
            with pytest.raises(ingot.ClosedError, match="pool"):
                encoder.dispatch(bound, grid=8)
        encoder.discard()
        with pytest.raises(ingot.StateError, match="discarded"):
            encoder.dispatch(bound, grid=8)


def test_host_access_waits_for_it(device: ingot.Device, saxpy: Saxpy) -> None:
    bound = saxpy.kernel.bind(saxpy.x, saxpy.y, 1.0)
    with saxpy.y.mapped("r"), device.encoder("bound") as encoder:
        encoder.dispatch(bound, grid=8)
        with pytest.raises(ingot.InFlightError):
            encoder.commit()
        encoder.discard()


def test_threadgroup_memory_and_long_values(device: ingot.Device) -> None:
    library = device.compile(ARRAYS)
    data, out = device.array(np.arange(16, dtype=np.int32)), device.zeros(3000)
    weights = np.arange(3000, dtype=np.float32)
    reverse = library.kernel("reverse").bind(data, ingot.threadgroup(64))
    weigh = library.kernel("weigh").bind(weights, out)
    weights[:] = 0  # it was copied
    for _ in range(3):
        reverse(grid=16, group=16)
        weigh(grid=3000)
    with pytest.raises(ingot.ArgumentError, match="group"):
        reverse(grid=16)
    assert data.numpy().tolist() == list(range(15, -1, -1))
    assert np.array_equal(out.numpy(), np.arange(3000))


def test_c65_a_call_has_run_when_it_returns(saxpy: Saxpy) -> None:
    submission = saxpy.kernel(saxpy.x, saxpy.y, a=2.0, grid=8)
    assert saxpy.y.numpy().tolist() == [2 * n for n in range(8)]
    assert submission.done()
    assert (submission.label, submission.dispatches) == ("saxpy", 1)
    assert saxpy.kernel(saxpy.x, saxpy.y, 1.0, groups=2, group=4).gpu_time >= 0
    bound = saxpy.kernel.bind(saxpy.x, saxpy.y, 1.0)
    assert bound(grid=8).label == "saxpy"
    assert bound(groups=1, group=8).label == "saxpy"
    assert saxpy.y.numpy().tolist() == [5 * n for n in range(8)]


def test_a_call_that_is_refused_runs_nothing(device: ingot.Device, saxpy: Saxpy) -> None:
    before = device.statistics().submissions
    for args, named in (((saxpy.x, saxpy.y), {"grid": 8}), ((saxpy.x, saxpy.y, 1.0), {}), ((), {"grid": 8})):
        with pytest.raises(ingot.ArgumentError):
            saxpy.kernel(*args, **named)  # type: ignore[arg-type]
    assert device.statistics().submissions == before
    with pytest.raises(TypeError):
        saxpy.kernel.bind(saxpy.x, saxpy.y, 1.0)(8)  # type: ignore[call-arg]


@pytest.mark.software
def test_a_call_that_fails_says_so(device: ingot.Device) -> None:
    source = "kernel void stray(device int *x, uint i [[thread_position_in_grid]]) { x[i + (1ul << 50)] = 1; }"
    kernel = device.compile(source).kernel("stray")
    with pytest.raises(ingot.CommandBufferError, match="stray") as caught:
        kernel(device.zeros(4, np.int32), grid=4)
    assert caught.value.label == "stray"


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({"grid": -1}, "grid is -1"),
        ({"grid": 1 << 70}, "grid is"),
        ({"grid": (1, 2, 3, 4)}, "up to three"),
        ({}, "either"),
    ],
)
def test_grids_of_bound_kernels_are_refused_by_name(device: ingot.Device, given: Any, what: str) -> None:
    bound = device.compile(SAXPY).kernel("saxpy").bind(device.zeros(4), device.zeros(4), 1.0)
    with device.encoder() as encoder:
        with pytest.raises(ingot.ArgumentError, match=what):
            encoder.dispatch(bound, **given)
        encoder.discard()


def test_an_argument_may_be_named_as_the_parameters_of_python_are(device: ingot.Device) -> None:
    kernel = device.compile(
        "kernel void f(device float *self, constant float &kernel, uint i [[thread_position_in_grid]])"
        "{ self[i] += kernel; }"
    ).kernel("f")
    y = device.zeros(4)
    kernel(self=y, kernel=1.0, grid=4)
    with device.encoder() as encoder:
        encoder.dispatch(kernel.bind(self=y, kernel=2.0), grid=4)
        encoder.dispatch(kernel, self=y, kernel=4.0, grid=4)
        encoder.commit_and_wait()
    assert (y.numpy() == 7).all()
