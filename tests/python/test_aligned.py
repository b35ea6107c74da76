"""Arrays that can be wrapped, and the pages that an array has to itself."""

from __future__ import annotations

import array
import gc
import itertools
import mmap
import weakref
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_buffer import ALL_DTYPES

import ingot
from ingot.aligned import PAGE, Span, pages_of

if TYPE_CHECKING:
    from pathlib import Path


def pages(values: np.ndarray[Any, Any], most: int = 0) -> Span:
    """By default only the pages that the array lies in."""
    return pages_of(values, most)


def address(values: np.ndarray[Any, Any]) -> int:
    return int(values.ctypes.data)


@pytest.mark.parametrize("dtype", ALL_DTYPES)
def test_aligned_arrays_have_pages_of_their_own(dtype: str) -> None:
    for shape in (1, (3, 5), (), (PAGE,), (1, PAGE + 1)):
        values = ingot.aligned_empty(shape, dtype)
        assert values.shape == ((shape,) if isinstance(shape, int) else shape)
        assert values.dtype.name == dtype
        assert values.flags.c_contiguous
        assert values.flags.writeable
        assert address(values) % PAGE == 0
        span = pages(values)
        assert span.start == address(values)
        assert (span.end - span.start) % PAGE == 0
        assert 0 <= span.end - span.start - values.nbytes < PAGE


def test_default_dtype_is_float32() -> None:
    assert ingot.aligned_empty(4).dtype == np.float32


def test_aligned_arrays_do_not_share_pages() -> None:
    spans = sorted(pages(ingot_array) for ingot_array in [ingot.aligned_empty(n) for n in (1, 5000, 4096, 3)])
    assert all(first.end <= second.start for first, second in itertools.pairwise(spans))


def test_all_of_an_aligned_array_can_be_written() -> None:
    values = ingot.aligned_empty(3 * PAGE + 1, np.uint8)
    values[:] = 7
    whole = np.ndarray(4 * PAGE, np.uint8, values.base.base, address(values) - address(np.asarray(values.base.base)))
    whole[:] = 9
    assert (values == 9).all()


def test_aligned_memory_goes_with_the_last_view() -> None:
    values = ingot.aligned_empty((100, 100))
    mapping = weakref.ref(values.base)
    assert isinstance(values.base.base, mmap.mmap)
    part = values[3:5]
    del values
    gc.collect()
    part[:] = 1
    assert mapping() is not None
    del part
    gc.collect()
    assert mapping() is None


@pytest.mark.parametrize("shape", [0, (3, 0), -1, (1,) * 33, "4", 1.5, None, 1 << 64])
def test_impossible_shapes(shape: Any) -> None:
    with pytest.raises(ingot.ArgumentError, match="shape"):
        ingot.aligned_empty(shape)


@pytest.mark.parametrize("dtype", ["float64", np.complex64, "no such dtype", object, ">i4"])
def test_impossible_dtypes(dtype: Any) -> None:
    with pytest.raises(ingot.ArgumentError):
        ingot.aligned_empty(4, dtype)


@pytest.mark.parametrize("shape", [1 << 55, 1 << 62, (1 << 40, 1 << 40)])
def test_more_than_there_is(shape: Any) -> None:
    with pytest.raises(ingot.OutOfMemoryError, match=r"no memory for \d+ bytes"):
        ingot.aligned_empty(shape, np.uint8)


@given(st.data())
def test_any_part_of_an_aligned_array_has_its_pages(data: st.DataObject) -> None:
    values = ingot.aligned_empty((5, 3, PAGE // 4), np.uint16)
    whole = pages(values)
    for axis in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, values.shape[0] - 1))
        values = values[start : data.draw(st.integers(start + 1, values.shape[0]))]
        if values.shape[0] == 1 and values.ndim > 1 and axis < 2:
            values = values[0]
    span = pages(values)
    assert whole.start <= span.start <= address(values) < span.start + PAGE
    assert span.end - PAGE < address(values) + values.nbytes <= span.end <= whole.end
    assert not span.start % PAGE
    assert not span.end % PAGE
    assert pages(values, 1 << 40) == whole


def big(length: int) -> mmap.mmap:
    return mmap.mmap(-1, length)


@pytest.mark.parametrize(
    "view",
    [
        lambda memory, start: np.ndarray(100, np.uint8, memory, start),
        lambda memory, start: np.frombuffer(memory, np.uint8, 100, start),
        lambda memory, start: np.asarray(memoryview(memory)[start : start + 100]),
        lambda memory, start: np.frombuffer(memory, np.float32)[start // 4 :][:25].view(np.int16)[None, ..., ::-1],
        lambda memory, start: np.frombuffer(memoryview(memory)[start:][:100].toreadonly(), np.int8),
    ],
)
def test_memory_of_the_root_counts(view: Any) -> None:
    memory = big(4 * PAGE)
    start = -address(np.frombuffer(memory, np.uint8)) % PAGE + PAGE + 60
    values = view(memory, start)
    span = pages(values)
    assert span.end - span.start == PAGE
    assert span.start == address(np.frombuffer(memory, np.uint8)) + start - 60
    assert (whole := pages(values, 1 << 30)).end - whole.start >= PAGE * 3
    assert whole.holds(span)


class Lent:
    """Memory by NumPy's interface; how far it goes beyond, nobody knows."""

    def __init__(self, values: np.ndarray[Any, Any]) -> None:
        self.values = values
        self.__array_interface__ = values.__array_interface__


@pytest.mark.parametrize(
    "values",
    [
        np.zeros(10),
        np.frombuffer(bytes(100), np.uint8),
        np.asarray(array.array("f", [1, 2])),
        np.asarray(Lent(ingot.aligned_empty(4))),
        ingot.aligned_empty(PAGE, np.uint8)[:100].copy(),
        np.from_dlpack(ingot.aligned_empty(4)),
    ],
)
def test_others_have_a_part_of_the_pages(values: np.ndarray[Any, Any]) -> None:
    with pytest.raises(ingot.ArgumentError, match="whole pages of 16384 bytes") as caught:
        pages(values)
    assert f"0x{address(values):x}" in str(caught.value)
    assert "ingot.aligned_empty" in str(caught.value)


def test_a_file_that_ends_within_a_page(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(PAGE + 1))
    with pytest.raises(ingot.ArgumentError, match="whole pages"):
        pages(np.memmap(tmp_path / "file", mode="r"))
