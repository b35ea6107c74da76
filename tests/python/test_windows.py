"""Windows: parts of buffers, on the same memory."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any

import ml_dtypes
import numpy as np
import pytest
from kernels import ADD, SAXPY, Spinner

import ingot
from ingot import _native

if TYPE_CHECKING:
    from collections.abc import Callable

VALUES = np.arange(2 * 3 * 4, dtype=np.int32).reshape(2, 3, 4)

VECTORS = """
#include <metal_stdlib>
using namespace metal;
kernel void sum(device const float4 *x [[buffer(0)]], device float *out [[buffer(1)]],
                uint i [[thread_position_in_grid]]) { out[i] = x[i].x + x[i].y + x[i].z + x[i].w; }
kernel void bytes(device uchar *x [[buffer(0)]], uint i [[thread_position_in_grid]]) { x[i] = uchar(i + 1); }
"""


@pytest.fixture
def b(device: ingot.Device) -> ingot.Buffer:
    return device.array(VALUES, label="b")


def ellipsis(array: np.ndarray[Any, Any], key: Any) -> np.ndarray[Any, Any]:
    """NumPy's view for an index, also where numbers alone would give a scalar."""
    view: np.ndarray[Any, Any] = array[(*(key if isinstance(key, tuple) else (key,)), ...)]
    return view


KEYS = [0, 1, -1, -2, np.int8(1), slice(None), slice(0, 1), slice(1, None), slice(-1, None), slice(None, -1),
        slice(0, 2, 1), slice(-100, 100), slice(np.int64(1), None), (), (1,), (0, 1), (0, -1), (-1, 2, 3),
        (1, slice(1, 3)), (0, 2, slice(1, -1)), (slice(1, 2), slice(1, 3)), (0, slice(None)), (0, slice(2, 3)),
        (slice(0, 1), slice(1, 2), slice(1, 3)), (slice(None), slice(None), slice(None)), None, (None, 1), (1, None),
        slice(1, None, 2), slice(0, 1, 5), slice(1, 0, -1),
        (0, slice(2, None, 2)), (0, 0, slice(3, 2, -1))]  # fmt: skip


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_indices_mean_what_they_mean_to_numpy(b: ingot.Buffer, key: Any) -> None:
    expected = ellipsis(b.numpy(), key)
    window = b[key]
    view = window.numpy()
    assert view.shape == window.shape == expected.shape
    assert view.__array_interface__["data"][0] == expected.__array_interface__["data"][0]
    assert np.array_equal(view, expected)
    assert (window.size, window.nbytes) == (expected.size, expected.nbytes)


def test_ellipsis_alone_and_within(b: ingot.Buffer) -> None:
    assert b[...].shape == (2, 3, 4)
    assert np.array_equal(b[1, ...].numpy(), VALUES[1])
    assert np.array_equal(b[1, ..., :].numpy(), VALUES[1])


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        (slice(None, None, -1), "[::-1] of shape (2, 3, 4) is not contiguous"),
        ((slice(None), 1), "[:, 1] of shape (2, 3, 4) is not contiguous"),
        ((slice(None), slice(0, 2)), "not contiguous"),
        ((0, slice(None), slice(0, 2)), "not contiguous"),
        ((Ellipsis, 0), "[..., 0]"),
        ([0, 1], "numbers and slices"),
        (np.array([0, 1]), "numbers and slices"),
        (np.array(1), "numbers and slices"),
        (np.zeros((2, 3, 4), bool), "numbers and slices"),
        (True, "numbers and slices"),
        ((0, np.bool_(1)), "numbers and slices"),
        ("x", "numbers and slices"),
        (1.0, "numbers and slices"),
        (slice(0.5, 2), "slice indices must be integers"),
        (slice("a", None), "slice indices must be integers"),
        (slice(0, 2, 0), "zero"),
        ((Ellipsis, Ellipsis), "ellipsis"),
        (slice(2, 2), "[2:2] of shape (2, 3, 4) has no elements; Metal has no buffers of zero bytes"),
        (slice(5, None), "zero bytes"),
        (slice(1, 0), "zero bytes"),
        ((0, slice(3, None)), "zero bytes"),
        (2, "out of bounds"),
        (-3, "out of bounds"),
        (1 << 70, "of shape (2, 3, 4)"),
        ((0, 3), "out of bounds"),
        ((0, 0, 0, 0), "too many indices"),
    ],
)
def test_what_is_no_window_is_refused_with_advice(b: ingot.Buffer, key: Any, reason: str) -> None:
    with pytest.raises(ingot.ArgumentError) as caught:
        b[key]
    assert reason in str(caught.value)
    if "contiguous" in str(caught.value) or "numbers and slices" in str(caught.value):
        assert "buffer.copy(np.s_[...])" in str(caught.value)


def test_out_of_bounds_is_an_index_error_too(b: ingot.Buffer) -> None:
    digits = 10**5000  # more than Python prints
    for key in (2, -3, (1, 3), digits, (0, -digits)):
        with pytest.raises(IndexError):
            b[key]
    with pytest.raises(ingot.ArgumentError, match="zero bytes"):
        b[digits:]
    assert issubclass(ingot.OutOfBoundsError, ingot.ArgumentError)


def test_iteration_and_membership(b: ingot.Buffer, device: ingot.Device) -> None:
    assert [row.shape for row in b] == [(3, 4)] * 2
    assert np.array_equal([row.numpy() for row in b], VALUES)
    with pytest.raises(TypeError):
        iter(device.array(np.float32(1)))
    with pytest.raises(TypeError):
        3 in b  # noqa: B015
    with pytest.raises(TypeError):
        b[0] = 1  # type: ignore[index]


def test_d02_windows_know_offset_and_size(b: ingot.Buffer) -> None:
    row = b[1, 2]
    assert (row.offset, row.nbytes, row.total_nbytes, row.size, len(row), row.ndim) == (80, 16, 96, 4, 4, 1)
    assert (b.offset, b.nbytes, b.total_nbytes) == (0, 96, 96)
    assert (row.label, row.device, row.dtype, row.itemsize) == ("b", b.device, b.dtype, 4)
    assert repr(row) == (
        f"<ingot.Buffer shape=(4,), dtype=int32, 16 bytes at 80 of 96, label='b', device={b.device.name!r}>"
    )
    info = _native.buffer_info(row._buffer)
    assert (info.offset, info.nbytes, info.total_nbytes, info.dtype, list(info.shape[0:1])) == (80, 16, 96, 6, [4])


def test_d03_windows_past_the_end_are_refused(b: ingot.Buffer) -> None:
    middle = b[0, 1]
    assert middle.window(12, 1).numpy() == [7]
    for offset, shape in ((0, 5), (4, 4), (16, 1), (17, 1), (-4, 1), (1 << 62, 1), ((1 << 64) - 4, 1), (1 << 64, 1),
                          (10**5000, 1),
                          (0, 1 << 62), (0, (1 << 32, 1 << 32)), (4, (1 << 61) + 1), (0, 1 << 64)):  # fmt: skip
        with pytest.raises(ingot.ArgumentError):
            middle.window(offset, shape)
    with pytest.raises(ingot.ArgumentError, match="20 bytes.*not inside the 16 bytes"):
        middle.window(0, 5)
    for bad in (None, "0", 1.5):
        with pytest.raises(ingot.ArgumentError, match="number of bytes"):
            middle.window(bad, 1)  # type: ignore[arg-type]
    for shape in (None, "4", 1.5, -1, 0, (1, 0), (1,) * 33):
        with pytest.raises(ingot.ArgumentError):
            middle.window(0, shape)  # type: ignore[arg-type]


def test_d04_d05_ids(b: ingot.Buffer, device: ingot.Device) -> None:
    windows = [b, b[:], b[0], b[0], b.flat, b.reshape(24), b.view(np.uint8), b.window(0, 1), b[0][0][0]]
    assert len({window.id for window in windows}) == len(windows)
    assert {window.storage_id for window in windows} == {b.storage_id}
    assert b.copy().storage_id != b.storage_id != device.zeros(1).storage_id


def test_reshape(b: ingot.Buffer) -> None:
    for shape in ((24,), (-1,), (4, 6), (4, -1), (-1, 1), (2, 3, 4), (1,) * 30 + (4, 6)):
        assert b.reshape(shape).shape == b.numpy().reshape(shape).shape
        assert b.reshape(*shape).shape == b.numpy().reshape(shape).shape
    assert b.flat.shape == (24,)
    assert b[1].reshape(2, -1)[1].numpy().tolist() == [18, 19, 20, 21, 22, 23]
    assert b[1, 1, 1].reshape(()).shape == b[1, 1, 1].reshape().shape == ()
    for shape in (
        (5,),
        (-1, 5),
        (-1, -1),
        (0, -1),
        (-2, 12),
        (),
        (25, -1),
        (1 << 62, -1),
        (1 << 70,),
        (1,) * 40 + (24,),
    ):
        with pytest.raises(ingot.ArgumentError):
            b.reshape(shape)
    for bad in ("24", 24.0, None, [[24]]):
        with pytest.raises(ingot.ArgumentError, match="no shape"):
            b.reshape(bad)  # type: ignore[arg-type]


def test_view(b: ingot.Buffer) -> None:
    for dtype in (np.uint8, np.float16, ml_dtypes.bfloat16, np.float32, np.uint64, "bool"):
        window = b[1].view(dtype)
        expected = b.numpy()[1].view(np.dtype(dtype))
        assert (window.shape, window.dtype, window.nbytes) == (expected.shape, expected.dtype, expected.nbytes)
        assert window.numpy().tobytes() == expected.tobytes()
    assert b.view("bfloat16").shape == (2, 3, 8)
    with pytest.raises(ingot.ArgumentError, match="last axis"):
        b.flat[:3].view(np.int64)
    with pytest.raises(ingot.ArgumentError, match="0d"):
        b[0, 0, 0].view(np.uint8)
    for dtype, reason in (
        (np.float64, "no double"),
        ("f4,f4", "view"),
        (object, "Ingot has"),
        ("nonsense", "no dtype"),
    ):
        with pytest.raises(ingot.ArgumentError, match=reason):
            b.view(dtype)


def test_copy(b: ingot.Buffer, device: ingot.Device) -> None:
    copy = b[1].copy()
    copy.numpy()[:] = -1
    assert np.array_equal(b.numpy(), VALUES)
    assert (copy.offset, copy.total_nbytes, copy.label, copy.dtype) == (0, 48, "b", b.dtype)
    assert b.copy(label="other").label == "other"
    for dtype in ("bfloat16", "bool"):
        assert device.full((), 1, dtype).copy().numpy() == 1
    odd = b.window(3, (2, 2), np.float32)
    assert odd.copy().numpy().tobytes() == odd.numpy().tobytes() == VALUES.tobytes()[3:19]


def test_numpy_copes_with_misaligned_windows(b: ingot.Buffer) -> None:
    odd = b.window(1, 5, np.int64)
    view = odd.numpy()
    assert not view.flags.aligned
    view[2] = 0x0102030405060708
    assert b.numpy().tobytes()[17:25] == bytes(range(8, 0, -1))
    assert odd.numpy()[2] == 0x0102030405060708


# ---- Lifetime ------------------------------------------------------------------------------------------------------


def test_a_window_keeps_the_memory_and_nothing_else_is_needed(device: ingot.Device) -> None:
    b = device.array(np.arange(1000, dtype=np.int32), exact=True)
    window = b[10:20][5]
    b.close()
    del b
    gc.collect()
    junk = [device.full(1000, 7, np.int32) for _ in range(20)]
    assert window.numpy() == 15
    assert window.reshape(1).numpy() == [15]
    del junk
    view = window.numpy()
    window.close()
    del window
    device.encoder().commit_and_wait()
    allocated = device.current_allocated
    assert view == 15
    del view
    device.encoder().commit_and_wait()
    assert device.current_allocated <= allocated - 4000


def test_closing_a_window_closes_no_other(b: ingot.Buffer) -> None:
    with b[1] as window:
        inner = window[0]
    assert window.is_closed
    assert "closed" in repr(window)
    assert inner.numpy().tolist() == [12, 13, 14, 15]
    assert b.numpy().sum() == VALUES.sum()
    uses: list[Callable[[], object]] = [window.numpy, window.copy, lambda: window[0], lambda: window[0, ...],
        lambda: window.reshape(12), lambda: window.flat, lambda: window.view(np.uint8), lambda: window.window(0, 1),
        lambda: window.total_nbytes, lambda: window.id]  # fmt: skip
    for use in uses:
        with pytest.raises(ingot.ClosedError):
            use()
    assert (window.shape, window.offset, window.nbytes) == ((3, 4), 48, 48)


def test_windows_leave_no_handles(b: ingot.Buffer) -> None:
    before = _native.live_objects()["handles"]
    for _ in range(3000):
        b[1][0].reshape(2, 2).view(np.uint8)
    for _ in range(100):
        with pytest.raises(ingot.ArgumentError):
            b.window(90, 100)
    assert _native.live_objects()["handles"] == before


# ---- Kernels -------------------------------------------------------------------------------------------------------


def test_c89_a_kernel_reads_and_writes_the_window(b: ingot.Buffer, device: ingot.Device) -> None:
    add = device.compile(ADD).kernel("add_int32")
    with device.encoder() as encoder:
        encoder.dispatch(add, b[0, 1], 100, grid=4)
        encoder.dispatch(add, b[1].flat[-2:], -100, grid=2)
        encoder.commit_and_wait()
    expected = VALUES.copy()
    expected[0, 1] += 100
    expected[1, 2, 2:] -= 100
    assert np.array_equal(b.numpy(), expected)


def test_c91_short_windows_are_refused(device: ingot.Device) -> None:
    total = device.compile(VECTORS).kernel("sum")
    x, out = device.full(64, 1), device.zeros(16)
    encoder = device.encoder()
    for window in (x[:3], x[4:9], x[63]):
        with pytest.raises(ingot.ArgumentError, match=f"{window.nbytes} bytes"):
            encoder.dispatch(total, window, out, grid=1)
    encoder.dispatch(total, x[8:16], out[3:5], grid=2)
    encoder.commit_and_wait()
    assert out.numpy().tolist() == [0, 0, 0, 4, 4, *[0] * 11]


def test_alignment_is_what_the_argument_needs(device: ingot.Device) -> None:
    library = device.compile(VECTORS)
    x, out = device.array(np.arange(16, dtype=np.float32)), device.zeros(1)
    encoder = device.encoder()
    with pytest.raises(ingot.ArgumentError, match=r"'x'.*multiple of 16.*byte 4.*\.copy\(\)"):
        encoder.dispatch(library.kernel("sum"), x[1:5], out, grid=1)
    with pytest.raises(ingot.ArgumentError, match=r"multiple of 4 .*byte 2.*\.copy\(\)"):
        encoder.dispatch(device.compile(SAXPY).kernel("saxpy"), x.window(2, 4), out, 1.0, grid=1)
    encoder.dispatch(library.kernel("sum"), x[1:5].copy(), out, grid=1)
    encoder.dispatch(library.kernel("bytes"), x.view(np.uint8)[61:], grid=3)
    encoder.commit_and_wait()
    assert out.numpy() == [10]
    assert x.numpy()[:15].tolist() == list(range(15))
    assert x.view(np.uint8).numpy()[60:].tolist() == [0, 1, 2, 3]


def test_fast_calls_take_windows_of_any_buffer(device: ingot.Device) -> None:
    saxpy = device.compile(SAXPY).kernel("saxpy")
    x, y = device.full((8, 8), 1), device.zeros((8, 8))
    with device.encoder() as encoder:
        for row in range(8):
            encoder.dispatch(saxpy, x[row], y[row], float(row), grid=8)
        assert encoder.commit_and_wait().barriers == 0
    assert np.array_equal(y.numpy(), np.repeat(np.arange(8, dtype=np.float32), 8).reshape(8, 8))


def test_c38_disjoint_windows_need_no_barrier(device: ingot.Device) -> None:
    add = device.compile(ADD).kernel("add_int32")
    x = device.zeros(100, np.int32)
    for step, width, barriers in ((10, 10, 0), (10, 11, 8)):
        with device.encoder() as encoder:
            for start in range(0, 90, step):
                encoder.dispatch(add, x[start : start + width], 1, grid=width)
            assert encoder.commit_and_wait().barriers == barriers


def test_host_access_is_refused_for_the_bytes_that_are_written(device: ingot.Device) -> None:
    spinner = Spinner(device)
    whole = device.zeros((4, 16), np.uint32, label="whole")
    with device.encoder("spinning") as encoder:
        encoder.dispatch(spinner.kernel, whole[2, 4:5], spinner.steps(0.5), grid=1)
        submission = encoder.commit()
    for window in (whole, whole[2], whole[2, 4], whole[2].view(np.uint8)[19:], whole[1:3]):
        with pytest.raises(ingot.InFlightError, match="spinning"):
            window.numpy()
        with pytest.raises(ingot.InFlightError, match="spinning"):
            window.copy()
    free = (whole[:2], whole[3], whole[2, :4], whole[2, 5:], whole[2].view(np.uint8)[20:])
    seen = [window.numpy().sum() for window in free]
    whole[2].flat.reshape(4, 4)  # takes no look
    assert not submission.done()
    assert sum(seen) == 0
    submission.wait()
    assert whole.numpy()[2, 4] != 0
