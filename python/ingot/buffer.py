"""Buffers: typed memory that CPU and GPU share."""

from __future__ import annotations

import math
import operator
from typing import TYPE_CHECKING, Any, Self, SupportsIndex

import numpy as np

from ingot import _native, dtypes
from ingot._native import buffer_get_contents, create_window, lib
from ingot.errors import ArgumentError, ClosedError, Unpicklable, shown
from ingot.shapes import extents, integers, leading, part

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    import numpy.typing as npt

    from ingot.device import Device
    from ingot.shapes import Key, Shape

_READ = lib.INGOT_ACCESS_READ
_IN_FLIGHT = lib.INGOT_ERROR_IN_FLIGHT
_NULL = _native.NULL
_ndarray = np.ndarray
_bare = object.__new__


class Buffer(Unpicklable):
    """Typed memory that CPU and GPU share (`MTLBuffer`, `storageModeShared`). Devices make them.

    A buffer is a window on a storage: `shape`, `dtype`, `size`, `nbytes` and `len` mean what they mean for a NumPy
    array, `numpy()` is one on the same memory, and a kernel is given this window and no more. `b[i]`, `b[i:j]`,
    `reshape`, `view`, `window` and `flat` make more windows on the same storage: no copy, contiguous, and relative to
    the buffer they are taken of. The memory goes away when the last buffer, array and submission that uses it is gone;
    `close()`, or the end of a `with` block, gives up this one's part early. Buffers may be used from any thread.

    Example:
        with device.zeros((480, 640), np.uint8, label="mask") as mask:
            upper = mask[:240]
            ...
            print(upper.numpy().mean())
    """

    __slots__ = ("_buffer", "_device", "_dtype", "_label", "_memory", "_nbytes", "_offset", "_shape", "_size")

    def __init__(  # noqa: PLR0913, PLR0917, called by Device only
        self,
        device: Device,
        dtype: np.dtype[Any],
        code: int,
        shape: tuple[int, ...],
        initial: Any,
        label: str | None,
    ) -> None:
        self._buffer, contents = _native.create_buffer(device._handle, code, shape, initial, label)
        self._device = device
        self._dtype = dtype
        self._shape = shape
        self._label = label
        self._offset = 0
        self._size = math.prod(shape)
        self._nbytes = self._size * dtype.itemsize
        # Of the whole storage; all its windows and arrays hold it, and so what it is freed by.
        self._memory = _native.memory(contents, self._nbytes)

    @property
    def device(self) -> Device:
        """The device that made it."""
        return self._device

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of its elements."""
        return self._dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """Elements along each dimension."""
        return self._shape

    @property
    def ndim(self) -> int:
        """How many dimensions it has."""
        return len(self._shape)

    @property
    def size(self) -> int:
        """How many elements it has."""
        return self._size

    @property
    def itemsize(self) -> int:
        """Bytes of one element."""
        return self._dtype.itemsize

    @property
    def nbytes(self) -> int:
        """Bytes of all elements."""
        return self._nbytes

    @property
    def offset(self) -> int:
        """Where it begins in its storage, in bytes."""
        return self._offset

    @property
    def total_nbytes(self) -> int:
        """Bytes of its storage, of which it is `nbytes` at `offset`."""
        return len(self._whole())

    @property
    def label(self) -> str | None:
        """What errors and Metal's tools call it; windows inherit it."""
        return self._label

    @property
    def id(self) -> int:
        """A number that no other buffer of this process ever has, nor another window on the same memory."""
        return int(_native.buffer_info(self._open()).id)

    @property
    def storage_id(self) -> int:
        """A number that all buffers on the same memory share; never reused."""
        return int(_native.buffer_info(self._open()).storage_id)

    @property
    def is_closed(self) -> bool:
        """Whether `close()` was called."""
        return self._memory is None

    def numpy(self, *, wait: bool = False) -> npt.NDArray[Any]:
        """The memory as a NumPy array: no copy, and writable.

        The array is exactly this window, and keeps the memory alive, whatever else is closed or deleted. It is live
        memory: what a later submission does to it is seen, so read it after a wait. `wait=True` waits for the
        submissions that write it; whether one of them failed, which leaves the contents undefined, `Submission.wait`
        says.

        Raises:
            InFlightError: A submission that writes these bytes is not done; the text names it.
            ClosedError: The buffer was closed.

        Example:
            submission.wait()
            total = buffer.numpy().sum()
        """
        memory = self._memory  # first: another thread may close the buffer during the call
        status = buffer_get_contents(self._buffer, _READ, _NULL)
        if status == _IN_FLIGHT and wait:
            status = _native.settle(self._buffer)
        if status:
            raise self._failure(status)
        return _ndarray(self._shape, self._dtype, memory, self._offset)

    def __array__(
        self,
        dtype: npt.DTypeLike | None = None,
        copy: bool | None = None,  # noqa: FBT001, NumPy's protocol
    ) -> npt.NDArray[Any]:
        """What `np.asarray(buffer)` is: `numpy()`, or a copy where a dtype or a copy is asked for."""
        return np.array(self.numpy(), dtype, copy=copy)

    def copy(self, *, label: str | None = None) -> Buffer:
        """A buffer of its own with the same elements, copied by the host; `label` is this one's unless given.

        Raises:
            InFlightError: A submission that writes these bytes is not done.
            OutOfMemoryError: Metal has no memory for it.
        """
        data = self.numpy().reshape(-1).view(np.uint8)
        name = self._label if label is None else label
        return Buffer(self._device, self._dtype, dtypes.code(self._dtype), self._shape, data, name)

    def __getitem__(self, key: Key | tuple[Key, ...]) -> Buffer:
        """A window, as a NumPy index would take a view: numbers, slices of step 1, `...` and None.

        A number alone leaves a buffer with one dimension less, down to none; it is never a scalar.

        Raises:
            OutOfBoundsError: There is no such index (also an `IndexError`).
            ArgumentError: What is asked for is not contiguous memory, or has no elements, which Metal has no buffers
                for; or is asked for by an array or a mask.

        Example:
            head, last = buffer[:16], buffer[-1]
        """
        keys = key if type(key) is tuple else (key,)
        offset, shape = leading(self._shape, self._nbytes, keys) or part(self._array(), keys)
        return self._window(offset, shape, math.prod(shape))

    def __iter__(self) -> Iterator[Buffer]:
        return (self[index] for index in range(len(self)))

    __contains__ = None  # a search through windows would find nothing, ever

    def reshape(self, *shape: Shape) -> Buffer:
        """The same elements in another shape, `reshape(2, 3)` or `reshape((2, 3))`; one extent may be -1."""
        numbers = integers(shape[0] if len(shape) == 1 else shape)  # type: ignore[arg-type]
        try:
            if min(numbers, default=0) >= -1:
                return self._window(0, self._array().reshape(numbers).shape, self._size)
        except (OverflowError, ValueError):
            pass
        raise ArgumentError(f"shape {shown(numbers)} does not fit {self!r}, which has {self._size} elements")

    @property
    def flat(self) -> Buffer:
        """The same elements along one dimension."""
        return self._window(0, (self._size,), self._size)

    def view(self, dtype: npt.DTypeLike) -> Buffer:
        """The same bytes as elements of another dtype; the last dimension becomes longer or shorter, as in NumPy."""
        resolved = dtypes.resolve(dtype)
        code = dtypes.code(resolved)
        try:
            view = self._array().view(resolved)
        except ValueError as error:
            raise ArgumentError(f"no view of {self!r} as {resolved}: {error}") from None
        return self._window(0, view.shape, view.size, resolved, code)

    def window(self, offset: SupportsIndex, shape: Shape, dtype: npt.DTypeLike | None = None) -> Buffer:
        """A buffer on a part of this one: `offset` is in bytes from its beginning; `dtype` its own unless given.

        Any offset will do here; what a kernel's argument needs is checked by the dispatch.

        Raises:
            ArgumentError: The part is not inside this buffer, wherever the storage ends.

        Example:
            weights = blob.window(header.offset, (64, 128), np.float16)
        """
        resolved = self._dtype if dtype is None else dtypes.resolve(dtype)
        try:
            start = operator.index(offset)
        except TypeError:
            raise ArgumentError(f"the offset {shown(offset)} is no number of bytes") from None
        if not 0 <= start <= self._nbytes:
            raise ArgumentError(f"a window at byte {shown(start)} of {self!r}, which has {self._nbytes}")
        numbers = extents(shape)
        return self._window(start, numbers, math.prod(numbers), resolved, dtypes.code(resolved))

    def _window(
        self, offset: int, shape: tuple[int, ...], size: int, dtype: np.dtype[Any] | None = None, code: int = 0
    ) -> Buffer:
        """A buffer on a part of this one. Ingot checks that it is one."""
        memory = self._memory  # first: another thread may close the buffer during the call
        if memory is None:
            raise self._closed()
        window = _bare(Buffer)
        window._buffer = create_window(self._buffer, offset, code, shape)
        window._memory = memory
        window._offset = self._offset + offset
        window._device = self._device
        window._dtype = dtype = self._dtype if dtype is None else dtype
        window._shape = shape
        window._size = size
        window._nbytes = size * dtype.itemsize
        window._label = self._label
        return window

    def _array(self) -> npt.NDArray[Any]:
        """For reckoning only: nothing is read, so no submission is in the way."""
        return _ndarray(self._shape, self._dtype, self._whole(), self._offset)

    def _whole(self) -> Any:
        """The memory of the storage."""
        memory = self._memory
        if memory is None:
            raise self._closed()
        return memory

    def close(self) -> None:
        """Gives up the memory, which goes when no array and no submission uses it any more. Twice is once."""
        self._buffer = _NULL
        self._memory = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __len__(self) -> int:
        if not self._shape:
            message = "a buffer without dimensions has no len()"
            raise TypeError(message)
        return self._shape[0]

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        label = "" if self._label is None else f", label={self._label!r}"
        closed = ", closed" if self.is_closed else ""
        memory = self._memory
        is_part = memory is not None and self._nbytes < len(memory)
        place = f", bytes {self._offset}:{self._offset + self._nbytes} of {len(memory)}" if is_part else ""
        return f"<ingot.Buffer shape={self._shape}, dtype={self._dtype}{place}{label}{closed}>"

    def _open(self) -> _native.Handle:
        if self.is_closed:
            raise self._closed()
        return self._buffer

    def _closed(self) -> ClosedError:
        return ClosedError(f"{self!r} was closed")

    def _failure(self, status: int) -> Exception:
        return self._closed() if self.is_closed else _native.failure(status)
