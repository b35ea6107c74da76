"""Dispatches: arguments by position and by name, values of every dtype, grids, and everything that is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ml_dtypes
import numpy as np
import pytest
from kernels import ADD, SAXPY
from test_buffer import ALL_DTYPES

import ingot

if TYPE_CHECKING:
    from collections.abc import Callable

MIXED = """
#include <metal_stdlib>
using namespace metal;

struct Parameters { float scale; uint offset; };

kernel void vectors(device float4 *out, constant float3 &three, constant int2 &two,
                    constant Parameters &parameters, constant packed_float3 &packed) {
  out[0] = float4(three, 1);
  out[1] = float4(float2(two), parameters.scale, float(parameters.offset));
  out[2] = float4(packed[0], packed[1], packed[2], 0);
}

kernel void reverse(device int *data, threadgroup int *tile, uint i [[thread_position_in_threadgroup]],
                    uint n [[threads_per_threadgroup]]) {
  tile[i] = data[i];
  threadgroup_barrier(mem_flags::mem_threadgroup);
  data[i] = tile[n - 1 - i];
}

kernel void positions(device uint *out, uint3 p [[thread_position_in_grid]], uint3 n [[threads_per_grid]]) {
  out[(p.z * n.y + p.y) * n.x + p.x] = p.x + 100 * p.y + 10000 * p.z + 1;
}

kernel void keywords(device float *in, constant float &lambda, constant float &unused,
                     uint i [[thread_position_in_grid]]) {
  in[i] += lambda;
}
"""


class Saxpy:
    """A device with the kernel and its buffers."""

    def __init__(self, device: ingot.Device) -> None:
        self.device = device
        self.kernel = device.compile(SAXPY).kernel("saxpy")
        self.x = device.array(np.arange(8, dtype=np.float32))
        self.y = device.zeros(8)

    def run(self, *args: Any, **named: Any) -> list[float]:
        """Dispatches and returns y."""
        self.y.numpy()[:] = 0
        named = {"grid": 8} | named if "groups" not in named else named
        with self.device.encoder("saxpy") as encoder:
            encoder.dispatch(self.kernel, *args, **named)
            encoder.commit_and_wait()
        return list(self.y.numpy())

    def refuses(self, *args: Any, match: str, error: type[Exception] = ingot.ArgumentError, **named: Any) -> None:
        """Expects an error, after which the same encoder works as before."""
        named = {"grid": 8} | named if "groups" not in named else named
        self.y.numpy()[:] = 0
        with self.device.encoder("refusing") as encoder:
            with pytest.raises(error, match=match):
                encoder.dispatch(self.kernel, *args, **named)
            encoder.dispatch(self.kernel, self.x, self.y, 1.0, grid=8)
            with pytest.raises(error, match=match):
                encoder.dispatch(self.kernel, *args, **named)
            assert encoder.commit_and_wait().dispatches == 1
        assert list(self.y.numpy()) == list(range(8))


@pytest.fixture
def saxpy(device: ingot.Device) -> Saxpy:
    return Saxpy(device)


def doubled(factor: float = 2) -> list[float]:
    return [factor * i for i in range(8)]


def test_by_position_and_by_name(saxpy: Saxpy) -> None:
    x, y = saxpy.x, saxpy.y
    for _ in range(3):  # the first call of a shape takes another way than the next
        assert saxpy.run(x, y, 2.0) == doubled()
        assert saxpy.run(x, y, a=2.0) == doubled()
        assert saxpy.run(x=x, y=y, a=2.0) == doubled()
        assert saxpy.run(a=2.0, y=y, x=x) == doubled()
        assert saxpy.run(x, a=2.0, y=y) == doubled()


@pytest.mark.parametrize(
    "a", [3, 3.0, True, np.float32(3), np.array([3], np.float32), np.array(3, np.float32), b"\0\0@@"]
)
def test_spellings_of_a_value(saxpy: Saxpy, a: Any) -> None:
    for _ in range(2):
        assert saxpy.run(saxpy.x, saxpy.y, a) == doubled(1 if a is True else 3)


def test_a_buffer_in_place_of_a_value(saxpy: Saxpy) -> None:
    a = saxpy.device.full(1, 5)
    for _ in range(2):
        assert saxpy.run(saxpy.x, saxpy.y, a) == doubled(5)
        assert saxpy.run(saxpy.x, saxpy.y, 2.0) == doubled()
        assert saxpy.run(np.ones(8, np.float32), saxpy.y, a) == [5.0] * 8


def test_shapes_of_calls_may_alternate(saxpy: Saxpy) -> None:
    a = saxpy.device.full(1, 4)
    for number in range(20):
        value: Any = [2, 3.0, np.float32(5), a][number % 4]
        assert saxpy.run(saxpy.x, saxpy.y, a=value) == doubled([2, 3, 5, 4][number % 4])


@pytest.mark.parametrize("grid", [8, (8,), [8], (8, 1), (8, 1, 1), np.int64(8), (np.uint8(8),)])
def test_spellings_of_a_grid(saxpy: Saxpy, grid: Any) -> None:
    assert saxpy.run(saxpy.x, saxpy.y, 2.0, grid=grid) == doubled()


def test_groups_count_threadgroups(saxpy: Saxpy) -> None:
    assert saxpy.run(saxpy.x, saxpy.y, 2.0, groups=2, group=4) == doubled()
    assert saxpy.run(saxpy.x, saxpy.y, 2.0, groups=(1, 1), group=(4,)) == [*doubled()[:4], 0, 0, 0, 0]
    assert saxpy.run(saxpy.x, saxpy.y, 2.0, grid=6, group=4) == [*doubled()[:6], 0, 0]


def test_grids_of_three_dimensions(device: ingot.Device) -> None:
    kernel = device.compile(MIXED).kernel("positions")
    out = device.zeros((4, 3, 5), np.uint32)
    with device.encoder() as encoder:
        encoder.dispatch(kernel, out, grid=(5, 3, 4), group=(2, 2, 2))
        encoder.commit_and_wait()
    z, y, x = np.mgrid[0:4, 0:3, 0:5]
    assert np.array_equal(out.numpy(), x + 100 * y + 10000 * z + 1)


@pytest.mark.parametrize("dtype", [dtype for dtype in ALL_DTYPES if dtype != "bool"])
def test_values_of_every_dtype(device: ingot.Device, dtype: str) -> None:
    kernel = device.compile(ADD).kernel(f"add_{dtype}")
    resolved = np.dtype(getattr(ml_dtypes, dtype, dtype))
    for value in (3, resolved.type(3), np.array([3], resolved)):
        out = device.full(100, 4, dtype)
        with device.encoder() as encoder:
            for _ in range(2):
                encoder.dispatch(kernel, out, value, grid=out.size)
            encoder.commit_and_wait()
        assert (out.numpy() == 10).all()


def test_bool_values(device: ingot.Device) -> None:
    kernel = device.compile(ADD).kernel("flip")
    out = device.array([True, False, True])
    with device.encoder() as encoder:
        for value in (True, False, np.True_, 1, 0):
            encoder.dispatch(kernel, out, value, grid=3)
        encoder.commit_and_wait()
    assert out.numpy().tolist() == [False, True, False]
    with device.encoder() as encoder:
        for wrong in (2, 1.0, "x", np.uint8(1)):
            with pytest.raises(ingot.ArgumentError, match="bool"):
                encoder.dispatch(kernel, out, wrong, grid=3)
        encoder.discard()


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"])
def test_integers_beyond_the_range_are_refused(device: ingot.Device, dtype: str) -> None:
    kernel = device.compile(ADD).kernel(f"add_{dtype}")
    limits = np.iinfo(dtype)
    out = device.zeros(1, dtype)
    with device.encoder() as encoder:
        encoder.dispatch(kernel, out, int(limits.max), grid=1)
        encoder.dispatch(kernel, out, int(limits.max), grid=1)
        for wrong in (int(limits.max) + 1, int(limits.min) - 1, 1 << 80, 1.0, 1.5, float("nan")):
            with pytest.raises(ingot.ArgumentError, match=f"value.*{limits.min} to {limits.max}"):
                encoder.dispatch(kernel, out, wrong, grid=1)
        encoder.commit_and_wait()


def test_vectors_and_structs(device: ingot.Device) -> None:
    kernel = device.compile(MIXED).kernel("vectors")
    parameters = np.array((0.5, 7), dtype=[("scale", "f4"), ("offset", "u4")])
    packed = np.array([4, 5, 6], np.float32)
    out = device.zeros((3, 4))
    for given in (parameters, parameters[()], parameters.tobytes()):
        with device.encoder() as encoder:
            encoder.dispatch(kernel, out, (1, 2.0, 3), (8, np.int32(-9)), given, packed, grid=1)
            encoder.commit_and_wait()
        assert out.numpy().tolist() == [[1, 2, 3, 1], [8, -9, 0.5, 7], [4, 5, 6, 0]]
    with device.encoder() as encoder:
        for three, two, struct in [
            ((1, 2), (8, 9), parameters), ((1, 2, 3, 4), (8, 9), parameters), (1.0, (8, 9), parameters),
            ((1, 2, "3"), (8, 9), parameters), ((1, 2, 3), (8, 9.5), parameters), ((1, 2, 3), (8, 1 << 31), parameters),
            ((1, 2, 3), (8, 9), b"short"), ((1, 2, 3), (8, 9), 5), ((1, 2, 3), (8, 9), {"scale": 1}),
            ((1, 2, 3), np.array([8, 9]), parameters),
        ]:  # fmt: skip
            with pytest.raises(ingot.ArgumentError, match="vectors"):
                encoder.dispatch(kernel, out, three, two, struct, packed, grid=1)
        encoder.discard()


def test_threadgroup_memory(device: ingot.Device) -> None:
    kernel = device.compile(MIXED).kernel("reverse")
    assert [argument.kind for argument in kernel.arguments] == ["buffer", "threadgroup"]
    for tile in (ingot.threadgroup(64 * 4), 64 * 4):
        data = device.array(np.arange(64, dtype=np.int32))
        with device.encoder() as encoder:
            for _ in range(3):
                encoder.dispatch(kernel, data, tile=tile, grid=64, group=64)
            encoder.commit_and_wait()
        assert np.array_equal(data.numpy(), np.arange(64)[::-1])


def test_threadgroup_memory_that_is_refused(device: ingot.Device) -> None:
    kernel = device.compile(MIXED).kernel("reverse")
    data = device.zeros(64, np.int32)
    for nbytes in (0, -1, 1 << 32, 1.5, "4"):
        with pytest.raises(ingot.ArgumentError, match="threadgroup memory"):
            ingot.threadgroup(nbytes)  # type: ignore[arg-type]
    with device.encoder() as encoder:
        for tile in (0, -4, True, 4.0, "4", b"4", device, 1 << 40):
            with pytest.raises(ingot.ArgumentError, match="threadgroup"):
                encoder.dispatch(kernel, data, tile, grid=64, group=64)
        most = device.max_threadgroup_memory
        for tile in (ingot.threadgroup(most + 16), data, None):
            with pytest.raises(ingot.ArgumentError, match="tile|threadgroup memory"):
                encoder.dispatch(kernel, data, tile, grid=64, group=64)
        with pytest.raises(ingot.ArgumentError, match="group"):
            encoder.dispatch(kernel, data, 256, grid=64)
        with pytest.raises(ingot.ArgumentError):
            encoder.dispatch(kernel, ingot.threadgroup(16), 256, grid=64, group=64)
        encoder.discard()
    assert repr(ingot.threadgroup(64)) == "ingot.threadgroup(64)"
    assert ingot.threadgroup(64).nbytes == 64


def test_names_that_are_keywords_of_python_and_unused_arguments(device: ingot.Device) -> None:
    kernel = device.compile(MIXED).kernel("keywords")
    data = device.zeros(4)
    with device.encoder() as encoder:
        for _ in range(3):
            encoder.dispatch(kernel, **{"in": data, "lambda": 1.0}, grid=4)
            encoder.dispatch(kernel, data, 1.0, grid=4)
            encoder.dispatch(kernel, data, 1.0, None, grid=4)
            encoder.dispatch(kernel, data, 1.0, unused=5.0, grid=4)
        encoder.commit_and_wait()
    assert data.numpy().tolist() == [12] * 4
    unused = device.zeros(1)
    with device.encoder() as encoder:
        for _ in range(3):
            encoder.dispatch(kernel, data, 1.0, unused, grid=4)
        unused.close()
        for _ in range(2):
            with pytest.raises(ingot.ClosedError):
                encoder.dispatch(kernel, data, 1.0, unused, grid=4)
        encoder.commit_and_wait()
    assert data.numpy().tolist() == [15] * 4


def test_missing_and_extra_arguments(saxpy: Saxpy) -> None:
    x, y = saxpy.x, saxpy.y
    saxpy.refuses(match="'x', 'y', 'a' not given.*saxpy")
    saxpy.refuses(x, y, match="'a' not given")
    saxpy.refuses(y=y, match="'x', 'a' not given")
    saxpy.refuses(x, y, None, match="'a' not given")
    saxpy.refuses(x, y, 1.0, 2.0, match="takes 3 arguments")
    saxpy.refuses(x, y, 1.0, b=2.0, match=r"no argument 'b'.*x, y, a")
    saxpy.refuses(x, y, 1.0, a=2.0, match="'a' twice")


def test_wrongly_typed_arguments(saxpy: Saxpy) -> None:
    device, x, y = saxpy.device, saxpy.x, saxpy.y
    saxpy.refuses(device.zeros(8, np.int32), y, 1.0, match="float32.*int32")
    saxpy.refuses(x, np.zeros(8, np.float32), 1.0, match=r"'y'.*NumPy array of float32.*device\.array")
    saxpy.refuses(x, 1.0, 1.0, match="'y'.*float")
    for wrong in (np.float64(1), np.float16(1), np.int32(1), np.array([1.0]), "1", None.__class__, [1.0], 1j, x.numpy):
        saxpy.refuses(x, y, wrong, match="'a'|float32")
    saxpy.refuses(x, y, 1e39, match="'a'.*float32")
    saxpy.refuses(x, y, b"12345", match="'a'.*5")
    saxpy.refuses(saxpy.kernel, y, 1.0, match="'x'")
    saxpy.refuses(device, y, 1.0, match="'x'")


def test_foreign_device_arguments(saxpy: Saxpy) -> None:
    other = ingot.Device.new(0)
    saxpy.refuses(other.zeros(8), saxpy.y, 1.0, match="'x'.*another device")
    foreign = other.compile(SAXPY).kernel("saxpy")
    with saxpy.device.encoder() as encoder:
        with pytest.raises(ingot.ArgumentError, match="saxpy.*another device"):
            encoder.dispatch(foreign, saxpy.x, saxpy.y, 1.0, grid=8)
        encoder.discard()


def test_closed_buffers(saxpy: Saxpy) -> None:
    closed = saxpy.device.zeros(8, label="gone")
    closed.close()
    saxpy.refuses(closed, saxpy.y, 1.0, match="gone", error=ingot.ClosedError)
    saxpy.refuses(saxpy.x, saxpy.y, a=closed, match="gone", error=ingot.ClosedError)


def test_c91_short_buffers_are_refused(device: ingot.Device) -> None:
    kernel = device.compile(MIXED).kernel("vectors")
    good: list[Any] = [device.zeros(12), (1, 2, 3), (1, 2), bytes(8), np.zeros(3, np.float32)]
    for position, short in ((0, device.zeros(3)), (1, device.zeros(3)), (3, device.zeros(1)), (4, device.zeros(2))):
        arguments = list(good)
        arguments[position] = short
        with device.encoder() as encoder:
            with pytest.raises(ingot.ArgumentError, match="bytes"):
                encoder.dispatch(kernel, *arguments, grid=1)
            encoder.dispatch(kernel, *good, grid=1)
            encoder.commit_and_wait()


@pytest.mark.parametrize(
    "grid",
    [0, (0,), (8, 0), (1, 1, 0), -1, (1, -1), (), (1, 1, 1, 1), "8", 8.0, (8.0,), 1 << 63, 1 << 64, 1 << 70, {8}, None],
)
def test_c90_impossible_grids(saxpy: Saxpy, grid: Any) -> None:
    saxpy.refuses(saxpy.x, saxpy.y, 1.0, grid=grid, match="grid")


def test_grid_and_groups_exclude_each_other(saxpy: Saxpy) -> None:
    saxpy.refuses(saxpy.x, saxpy.y, 1.0, grid=8, groups=1, match="either grid")
    saxpy.refuses(saxpy.x, saxpy.y, 1.0, groups=None, match="either grid")
    saxpy.refuses(saxpy.x, saxpy.y, 1.0, groups=0, group=1, match="groups")


def test_groups_beyond_the_limit_of_the_pipeline(saxpy: Saxpy) -> None:
    most = saxpy.kernel.max_threads_per_group
    for group in (most + 1, (most, 2), (1, 1, 1 << 40), (1 << 31, 1 << 31, 1 << 31)):
        saxpy.refuses(saxpy.x, saxpy.y, 1.0, group=group, match=str(most))
    for group in (0, (1, 0), -1, "x", (1, 1, 1, 1)):
        saxpy.refuses(saxpy.x, saxpy.y, 1.0, group=group, match="group")


def test_what_is_no_kernel(saxpy: Saxpy) -> None:
    with saxpy.device.encoder() as encoder:
        for wrong in (None, "saxpy", saxpy.kernel.library, saxpy.x):
            with pytest.raises(ingot.ArgumentError, match=r"library\.kernel"):
                encoder.dispatch(wrong, saxpy.x, saxpy.y, 1.0, grid=8)  # type: ignore[arg-type]
        encoder.discard()


def test_many_dispatches_in_one_encoder(saxpy: Saxpy) -> None:
    with saxpy.device.encoder() as encoder:
        for _ in range(1000):
            encoder.dispatch(saxpy.kernel, saxpy.x, saxpy.y, a=1.0, grid=8)
        submission = encoder.commit_and_wait()
    assert submission.dispatches == 1000
    assert submission.barriers == 999
    assert list(saxpy.y.numpy()) == doubled(1000)


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 1, 0], [1, 2, 0]])
def test_named_values_reach_their_argument(device: ingot.Device, order: list[int]) -> None:
    source = """
#include <metal_stdlib>
using namespace metal;

kernel void f(device float *out, constant float &a, constant int &b, constant uchar &c) {
  out[0] = a; out[1] = b; out[2] = c;
}"""
    kernel = device.compile(source).kernel("f")
    out = device.zeros(3)
    names: list[tuple[str, Any]] = [("a", 1.5), ("b", -2), ("c", 255)]
    dispatch: Callable[..., None]
    with device.encoder() as encoder:
        dispatch = encoder.dispatch
        for _ in range(2):
            dispatch(kernel, out, grid=1, **dict(names[n] for n in order))
        encoder.commit_and_wait()
    assert out.numpy().tolist() == [1.5, -2, 255]
