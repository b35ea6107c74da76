"""Memory that can be wrapped without a copy: whole pages of Metal's size."""

from __future__ import annotations

import math
import mmap
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from ingot import dtypes
from ingot.errors import ArgumentError, OutOfMemoryError, shown
from ingot.shapes import extents

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from ingot.shapes import Shape

_PLAIN: Final = frozenset((np.ndarray, mmap.mmap, memoryview, bytes, bytearray))
PAGE: Final = 16384
"""Bytes of what Metal calls a page, on every system: what runs here runs on Apple silicon."""


def aligned_empty(shape: Shape, dtype: npt.DTypeLike = np.float32) -> npt.NDArray[Any]:
    """A NumPy array that `Device.wrap` always takes without a copy, and so each contiguous part of it.

    It begins at a multiple of 16 KiB and has whole pages of its own, so it is for large arrays. Its contents are
    undefined; the memory goes with the last view of it.

    Raises:
        ArgumentError: The dtype has no equal in MSL, or there are no elements.
        OutOfMemoryError: The system has no memory for it.

    Example:
        samples = ingot.aligned_empty((1024, 1024), np.int16)
        buffer = device.wrap(samples)
    """
    resolved = dtypes.resolve(dtype)
    dtypes.code(resolved)
    numbers = extents(shape)
    nbytes = math.prod(numbers) * resolved.itemsize
    if nbytes == 0:
        raise ArgumentError(f"no elements in shape {shown(numbers)}; Metal has no buffers of zero bytes")
    return _pages(nbytes)[:nbytes].view(resolved).reshape(numbers)


def _pages(nbytes: int) -> npt.NDArray[np.uint8]:
    """So many bytes or more: whole pages, which the system maps for nothing else."""
    length = -(-nbytes // PAGE) * PAGE
    try:
        # The system's own pages may be smaller.
        memory = mmap.mmap(-1, length + PAGE - mmap.PAGESIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    except (MemoryError, OSError, OverflowError, ValueError) as error:
        raise OutOfMemoryError(f"the system has no memory for {nbytes} bytes: {error}") from error
    start = -address(np.ndarray(1, np.uint8, memory)) % PAGE
    return np.ndarray(length, np.uint8, memory, start)


class Span(NamedTuple):
    """Bytes of memory, by address."""

    start: int
    end: int

    def holds(self, other: Span) -> bool:
        """Whether all of `other` is in it."""
        return self.start <= other.start and other.end <= self.end

    def __str__(self) -> str:
        return f"0x{self.start:x} to 0x{self.end:x}"


def pages_of(array: npt.NDArray[Any], most: int) -> Span:
    """The whole pages to share for a contiguous array.

    They are all that surely are its own or that of what it is a view of, so that all parts of one array come to the
    same pages; but if those are more than `most` bytes only the pages that it lies in.

    Raises:
        ArgumentError: Others have a part of the first page that it lies in, or of the last.
    """
    span, owned = _span(array), _owned(array)
    pages = Span(span.start // PAGE * PAGE, -(-span.end // PAGE) * PAGE)
    if not owned.holds(pages):
        raise ArgumentError(
            f"these {array.nbytes} bytes cannot be shared with the GPU as they are: Metal takes whole pages of {PAGE} "
            f"bytes, here {pages}, and the array's memory is {owned}. Make the array by ingot.aligned_empty, or let "
            "it be copied: copy=None"
        )
    whole = Span(-(-owned.start // PAGE) * PAGE, owned.end // PAGE * PAGE)
    return whole if whole.end - whole.start <= most else pages


def root(array: npt.NDArray[Any]) -> object:
    """What an array is a view of in the end; itself if it is none."""
    return list(_owners(array))[-1]


def is_plain(array: npt.NDArray[Any]) -> bool:
    """Whether nobody is told when it goes, so that any view of the same memory keeps that as well as it does."""
    return all(type(owner) in _PLAIN for owner in _owners(array))


def is_writable_elsewhere(array: npt.NDArray[Any]) -> bool:
    """Whether a read-only array is a view of what is not."""
    owner = root(array)
    try:
        return bool(owner.flags.writeable if isinstance(owner, np.ndarray) else not memoryview(owner).readonly)  # type: ignore[arg-type]
    except TypeError:
        return False


def _owned(array: npt.NDArray[Any]) -> Span:
    """What memory surely is there as long as the array: its own, or that of what it is a view of."""
    widest = _span(array)
    for owner in _owners(array):
        span = _span_of(owner)
        if span is not None and span.holds(widest):
            widest = span
    return widest


def _owners(array: npt.NDArray[Any]) -> Iterator[object]:
    """The array, what it is a view of, what that is a view of, and so on."""
    owner: object = array
    while owner is not None:
        yield owner
        owner = owner.base if isinstance(owner, np.ndarray) else owner.obj if isinstance(owner, memoryview) else None


def _span_of(owner: object) -> Span | None:
    """The memory of an owner, if it is of a kind that says so: a DLPack capsule, for example, does not."""
    try:
        return _span(owner if isinstance(owner, np.ndarray) else np.frombuffer(owner, np.uint8))  # type: ignore[call-overload]
    except (BufferError, TypeError, ValueError):
        return None


def _span(array: npt.NDArray[Any]) -> Span:
    """From the first byte to behind the last."""
    start = end = address(array)
    for extent, stride in zip(array.shape, array.strides, strict=True):
        reach = (extent - 1) * stride
        start, end = (start + reach, end) if reach < 0 else (start, end + reach)
    return Span(start, end + array.itemsize)


def address(array: npt.NDArray[Any]) -> int:
    """Of the first element."""
    found: int = array.__array_interface__["data"][0]
    return found
