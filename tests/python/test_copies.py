"""Elements that the host moves: item, fill, copy_from, copy_to, copy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ml_dtypes
import numpy as np
import pytest
from kernels import ADD, Spinner
from test_buffer import ALL_DTYPES

import ingot

if TYPE_CHECKING:
    from collections.abc import Callable

VALUES = np.arange(24, dtype=np.int32).reshape(2, 3, 4)


@pytest.fixture
def b(device: ingot.Device) -> ingot.Buffer:
    return device.array(VALUES, label="b")


# ---- item ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ALL_DTYPES)
def test_item_is_a_python_number(device: ingot.Device, dtype: str) -> None:
    for shape in ((), (1,), (1, 1, 1)):
        item = device.full(shape, 1, dtype).item()
        assert item == 1
        assert type(item) in {bool, int, float}


def test_item_of_a_window(b: ingot.Buffer) -> None:
    assert [b[1, n, 3].item() for n in range(3)] == [15, 19, 23]
    assert b.view(np.uint8).flat.window(13, (), np.int32).item() == 4 << 24 | 3 >> 8  # any byte will do


@pytest.mark.parametrize("count", [2, 24])
def test_item_of_many_elements_is_an_error(b: ingot.Buffer, count: int) -> None:
    with pytest.raises(ingot.ArgumentError, match=f"{count} elements"):
        b.flat[:count].item()
    with pytest.raises(ValueError, match="item"):  # as NumPy's
        b.item()


# ---- fill ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ALL_DTYPES)
@pytest.mark.parametrize("offset", [0, 1, 3, 8])
def test_fill_fills_the_window_and_no_more(device: ingot.Device, dtype: str, offset: int) -> None:
    whole = device.full(100_000, 0xAB, np.uint8)
    itemsize = device.zeros(1, dtype).itemsize
    count = 90_000 // itemsize
    part = whole.window(offset, count, dtype)
    part.fill(1)
    assert np.all(part.numpy() == 1)
    expected = np.full(100_000, 0xAB, np.uint8)
    expected[offset : offset + part.nbytes] = part.numpy().tobytes() and np.frombuffer(part.numpy().tobytes(), np.uint8)
    assert np.array_equal(whole.numpy(), expected)


@pytest.mark.parametrize("count", [1, 2, 3, 5, 1000])
def test_fill_of_misaligned_windows(device: ingot.Device, count: int) -> None:
    whole = device.zeros(8 * count + 3, np.uint8)
    for value in (0x0102030405060708, 3):
        whole.window(3, count, np.int64).fill(value)
        assert whole.numpy()[3:].tobytes() == np.int64(value).tobytes() * count


@pytest.mark.parametrize("value", [1.5, 300, -1, "1", None, 1j, [1], np.float64(0.5)])
def test_fill_takes_what_the_dtype_holds(device: ingot.Device, value: Any) -> None:
    b = device.full(4, 7, np.uint8)
    with pytest.raises(ingot.ArgumentError, match="uint8"):
        b.fill(value)
    assert b.numpy().tolist() == [7] * 4
    b.fill(np.int64(255))
    assert b.numpy().tolist() == [255] * 4


# ---- copy_from, copy_to ----------------------------------------------------------------------------------------------


def test_copies_from_arrays_and_lists(b: ingot.Buffer) -> None:
    b.copy_from(VALUES + 1)
    assert np.array_equal(b.numpy(), VALUES + 1)
    b.copy_from((VALUES * 2)[::-1, ::-1, ::-1])
    assert np.array_equal(b.numpy(), VALUES[::-1, ::-1, ::-1] * 2)
    b.copy_from(VALUES.tolist())
    assert np.array_equal(b.numpy(), VALUES)
    b[0, 0, 0].copy_from(99)
    b[0, 1].copy_from([1, 2, 3, 4])
    assert b[0, 0, 0].item() == 99
    assert b[0, 1].numpy().tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("values", "dtype"),
    [([1, 2], np.uint8), ([1, 2], np.float16), ([1, 2], "bfloat16"), ([1.5, 2], np.float32), ([True, False], np.bool_),
     ([0, 1 << 63], np.uint64), ((1, 2), np.int64), ([True, False], np.float32)],
)  # fmt: skip
def test_python_numbers_become_elements(device: ingot.Device, values: Any, dtype: Any) -> None:
    b = device.zeros(2, dtype)
    b.copy_from(values)
    assert b.numpy().tolist() == list(values)


@pytest.mark.parametrize(
    ("values", "dtype", "reason"),
    [
        ([1.5, 2], np.int32, "float64 and int32 differ"),
        ([1, 300], np.uint8, "no uint8 holds"),
        ([1, -1], np.uint32, "no uint32 holds"),
        ([1, 2], np.bool_, "differ"),
        (["a", "b"], np.int32, "differ"),
        ([1, 1 << 70], np.int64, "no int64 holds"),
        ([[1, 2], [3]], np.int32, "NumPy makes no array"),
        ([1j, 1], np.float32, "differ"),
        (np.zeros(2), np.float32, "float64 and float32 differ"),
        (np.zeros(2, np.int64), np.int32, "nothing is converted"),
        ([1e39, 0], np.float32, "numbers that no float32 holds"),
        ([-70000, 0], np.float16, "numbers that no float16 holds"),
        (np.zeros(2, ">f4"), np.float32, "differ"),
        (np.zeros(2, np.float16), "bfloat16", "differ"),
        (np.zeros(1, np.float32), np.float32, "nothing is repeated"),
        (np.float32(1), np.float32, "shapes () and (2,) differ"),
        (1.0, np.float32, "fill"),
        (np.zeros((2, 1), np.float32), np.float32, "shapes (2, 1) and (2,)"),
        ([], np.float32, "shapes (0,)"),
        (None, np.float32, "differ"),
        pytest.param(object(), np.float32, "differ", id="object"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused(device: ingot.Device, values: Any, dtype: Any, reason: str) -> None:
    b = device.full(2, 1, dtype)
    with pytest.raises(ingot.ArgumentError) as caught:
        b.copy_from(values)
    assert reason in str(caught.value)
    assert b.numpy().tolist() == [1, 1]


KINDS: dict[str, Callable[[ingot.Device, Any], ingot.Buffer]] = {
    "pooled": lambda device, values: device.array(values),
    "exact": lambda device, values: device.array(values, exact=True),
    "of a pool": lambda device, values: ingot.Pool(device).array(values),
    "lazy": lambda device, values: device.buffer(values.shape, values.dtype, lazy=True),
    "window": lambda device, values: device.zeros((3, values.size), values.dtype)[1].reshape(values.shape),
    "misaligned": lambda device, values: device.zeros(values.nbytes + 5, np.uint8).window(
        5, values.shape, values.dtype
    ),
    "another device's": lambda _, values: ingot.Device.new(0).array(values),
}


@pytest.mark.parametrize("source", KINDS)
@pytest.mark.parametrize("target", KINDS)
@pytest.mark.parametrize("values", [VALUES, np.arange(50_000, dtype=np.float32)], ids=["small", "large"])
def test_d11_copies_between_all_kinds_of_memory_come_back_whole(
    device: ingot.Device, source: str, target: str, values: Any
) -> None:
    first, second = KINDS[source](device, values), KINDS[target](device, np.zeros_like(values))
    first.copy_from(values)
    second.copy_from(first)
    first.fill(0)
    assert np.array_equal(second.numpy(), values)
    second.copy_to(first)
    back = np.empty_like(values)
    first.copy_to(back)
    assert np.array_equal(back, values)


@pytest.mark.parametrize(("to", "start"), [(0, 1), (1, 0), (0, 5), (5, 0), (3, 3)])
@pytest.mark.parametrize("dtype", [np.int32, np.uint8])
def test_copies_between_overlapping_windows(device: ingot.Device, to: int, start: int, dtype: Any) -> None:
    expected = np.arange(100).astype(dtype)
    b = device.array(expected)
    moved = expected.copy()
    moved[to : to + 90] = expected[start : start + 90]
    b[to : to + 90].copy_from(b[start : start + 90])
    assert np.array_equal(b.numpy(), moved)
    b.copy_from(expected)
    b[to : to + 90].copy_from(b[start : start + 90].numpy())
    assert np.array_equal(b.numpy(), moved)
    b.copy_from(expected)
    b[start : start + 90].copy_to(b.numpy()[to : to + 90])
    assert np.array_equal(b.numpy(), moved)


def test_buffers_that_do_not_fit(device: ingot.Device, b: ingot.Buffer) -> None:
    for other in (b[0], b.reshape(6, 4), b.view(np.float32), device.zeros((2, 3, 4), np.uint32)):
        with pytest.raises(ingot.ArgumentError, match="does not fit"):
            b.copy_from(other)
        with pytest.raises(ingot.ArgumentError, match="does not fit"):
            b.copy_to(other)
    b.reshape(6, 4).copy_to(device.zeros((6, 4), np.int32))


def test_targets_that_do_not_fit(b: ingot.Buffer) -> None:
    read_only = np.zeros((2, 3, 4), np.int32)
    read_only.flags.writeable = False
    for target, reason in (
        (np.zeros((2, 3, 4)), "differ"),
        (np.zeros(24, np.int32), "nothing is repeated"),
        (read_only, "read-only"),
        ([0] * 24, "list"),
        (bytearray(96), "bytearray"),
    ):
        with pytest.raises(ingot.ArgumentError, match=reason):
            b.copy_to(target)  # type: ignore[arg-type]
    strided = np.zeros((2, 3, 8), np.int32)[:, :, ::2]
    b.copy_to(strided)
    assert np.array_equal(strided, VALUES)


# ---- copy(key) -------------------------------------------------------------------------------------------------------

KEYS: list[Any] = [
    np.s_[::2], np.s_[::-1], np.s_[:, 1], np.s_[..., 0], np.s_[:, ::2, 1:3], np.s_[1, 2, 3], np.s_[None, 0], [1, 0, 1],
    np.array([[0, 1], [1, 0]]), VALUES % 2 == 0, np.s_[:, [0, 2]], (), ..., 1,
]  # fmt: skip


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_copies_of_any_index_are_what_numpy_gives(b: ingot.Buffer, key: Any) -> None:
    copy = b.copy(key)
    assert (copy.shape, copy.dtype, copy.label) == (np.shape(VALUES[key]), VALUES.dtype, "b")
    assert np.array_equal(copy.numpy(), VALUES[key])
    copy.fill(0)
    assert np.array_equal(b.numpy(), VALUES)


@pytest.mark.parametrize(
    "key", [2, [0, 2], np.s_[:, 3], (0, 0, 0, 0), "x", 1.5, np.s_[2:], [], np.zeros(3, bool)], ids=str
)
def test_indices_that_are_none(b: ingot.Buffer, key: Any) -> None:
    with pytest.raises(ingot.ArgumentError):
        b.copy(key)


# ---- Checks ----------------------------------------------------------------------------------------------------------

WRITES: dict[str, Callable[[ingot.Buffer], object]] = {
    "fill": lambda b: b.fill(1),
    "copy_from a buffer": lambda b: b.copy_from(b.device.zeros(b.shape, b.dtype)),
    "copy_from an array": lambda b: b.copy_from(np.zeros(b.shape, b.dtype)),
    "copy_to it": lambda b: b.device.zeros(b.shape, b.dtype).copy_to(b),
}
READS: dict[str, Callable[[ingot.Buffer], object]] = {
    "item": lambda b: b.flat[0].item(),
    "copy": lambda b: b.copy(),
    "copy(key)": lambda b: b.copy([0]),
    "copy_to a buffer": lambda b: b.copy_to(b.device.zeros(b.shape, b.dtype)),
    "copy_to an array": lambda b: b.copy_to(np.zeros(b.shape, b.dtype)),
    "copy_from it": lambda b: b.device.zeros(b.shape, b.dtype).copy_from(b),
}


@pytest.mark.parametrize("use", [*WRITES, *READS])
def test_what_submissions_write_is_left_alone(device: ingot.Device, use: str) -> None:
    spinner = Spinner(device)
    submission = spinner.commit(0.2, label="busy")
    with pytest.raises(ingot.InFlightError, match="busy"):
        (WRITES | READS)[use](spinner.out)
    submission.wait()
    (WRITES | READS)[use](spinner.out)


READING = """
#include <metal_stdlib>
using namespace metal;
kernel void add(device const int *x [[buffer(0)]], device int *y [[buffer(1)]]) { y[0] += x[0]; }
"""


@pytest.mark.parametrize("use", [*WRITES, *READS])
def test_what_submissions_read_may_be_read(device: ingot.Device, use: str) -> None:
    spinner = Spinner(device)
    x, y = device.full(1, 1, np.int32), device.zeros(1, np.int32)
    with device.encoder("reader") as encoder:
        encoder.dispatch(device.compile(READING).kernel("add"), x, y, grid=1)
        encoder.dispatch(spinner.kernel, spinner.out, spinner.steps(0.2), grid=1)
        submission = encoder.commit()
    if use in READS:
        READS[use](x)
        assert not submission.done()
    else:
        with pytest.raises(ingot.InFlightError, match="reader"):
            WRITES[use](x)
    submission.wait()


@pytest.mark.parametrize("use", [*WRITES, *READS])
def test_closed_buffers(device: ingot.Device, use: str) -> None:
    b = device.zeros(1, np.int32)
    if use in {"copy_to it", "copy_from it"}:
        other = device.zeros(1, np.int32)
        b.close()
        with pytest.raises(ingot.ClosedError):
            other.copy_to(b) if use == "copy_to it" else other.copy_from(b)
        return
    b.close()
    with pytest.raises(ingot.ClosedError):
        (WRITES | READS)[use](b)


def test_what_is_copied_is_seen_by_kernels(device: ingot.Device) -> None:
    b = device.zeros(1000, np.int32)
    b.copy_from(np.arange(1000, dtype=np.int32))
    b[500:].fill(7)
    with device.encoder() as encoder:
        encoder.dispatch(device.compile(ADD).kernel("add_int32"), b, 1, grid=1000)
        encoder.commit_and_wait()
    assert b.numpy().tolist() == [*range(1, 501), *[8] * 500]
    assert ml_dtypes.bfloat16(b[0].item()) == 1
