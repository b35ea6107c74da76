"""Buffers: typed memory that CPU and GPU share."""

from __future__ import annotations

import math
import operator
from typing import TYPE_CHECKING, Any, Final, Self, SupportsIndex

import numpy as np

from ingot import _native, dtypes
from ingot._native import buffer_get_contents, create_window, lib
from ingot.errors import ArgumentError, ClosedError, shown
from ingot.exports import Exports
from ingot.host import HostAccess
from ingot.shapes import extents, integers, leading, part, reckoned
from ingot.storage_memory import CLOSED, PART, UNUSED, StorageMemory

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    import numpy.typing as npt

    from ingot.device import Device
    from ingot.maker import Source
    from ingot.pool import Pool
    from ingot.shapes import Key, Shape

_READ = lib.INGOT_ACCESS_READ
_IN_FLIGHT = lib.INGOT_ERROR_IN_FLIGHT
_CLOSED = lib.INGOT_ERROR_CLOSED
_NULL = _native.NULL
_ndarray = np.ndarray
_bare = object.__new__
_product = math.prod
NOT_YET: Final = -1.0
"""No use count."""


class Buffer(Exports, HostAccess):
    """Typed memory that CPU and GPU share (`MTLBuffer`, `storageModeShared`). Devices and pools make them.

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

    __slots__ = (
        "_buffer",
        "_checked",
        "_device",
        "_dtype",
        "_label",
        "_memory",
        "_nbytes",
        "_offset",
        "_shape",
        "_size",
        "_whole",
    )

    def __init__(  # noqa: PLR0913, PLR0917, called by BufferMaker only
        self,
        source: Source,
        dtype: np.dtype[Any],
        code: int,
        shape: tuple[int, ...],
        initial: Any,
        label: str | None,
        *,
        exact: bool = False,
        lazy: bool = False,
    ) -> None:
        flags = (lib.INGOT_BUFFER_EXACT if exact else 0) | (lib.INGOT_BUFFER_LAZY if lazy else 0)
        device, create, _, maker = source
        handle = _native.create_buffer(create, maker, code, shape, initial, label, flags)
        self._adopt(device, handle, dtype, shape, label)

    @classmethod
    def _made(cls, device: Device, handle: _native.Handle, label: str | None) -> Self:
        """A buffer that ingot.h has made in some other way; it owns the handle."""
        info = _native.buffer_info(handle)
        buffer = _bare(cls)
        shape = tuple(int(extent) for extent in info.shape[0 : info.dimensions])
        buffer._adopt(device, handle, dtypes.resolve(dtypes.name(info.dtype)), shape, label)
        if info.nbytes < info.total_nbytes:
            buffer._offset = int(info.offset)
            buffer._memory, buffer._whole = StorageMemory(int(info.total_nbytes)), PART
        return buffer

    @classmethod
    def _own(
        cls, device: Device, handle: _native.Handle, dtype: np.dtype[Any], shape: tuple[int, ...], label: str | None
    ) -> Self:
        """A buffer that is all of a storage; it owns the handle."""
        buffer = _bare(cls)
        buffer._adopt(device, handle, dtype, shape, label)
        return buffer

    def _adopt(
        self, device: Device, handle: _native.Handle, dtype: np.dtype[Any], shape: tuple[int, ...], label: str | None
    ) -> None:
        self._buffer = handle
        self._checked = NOT_YET
        self._device = device
        self._dtype = dtype
        self._shape = shape
        self._label = label
        self._offset = 0
        self._size = size = _product(shape)
        self._nbytes = size * dtype.itemsize
        self._memory = self._whole = UNUSED

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
        self._open()
        return self._storage_memory().nbytes

    @property
    def pool(self) -> Pool | None:
        """The pool whose memory it has, or if it is lazy will have: new buffers of that live where this one does.

        None for exact and imported memory, and when the pool is gone.
        """
        from ingot.pool import pool_of  # noqa: PLC0415, which imports this module

        return pool_of(self)

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
        return self._memory is CLOSED

    def numpy(self, *, wait: bool = False, copy: bool = False) -> npt.NDArray[Any]:
        """The memory as a NumPy array: no copy unless `copy=True`, and writable unless the memory is read-only.

        The array is exactly this window, and keeps the memory alive, whatever else is closed or deleted. It is live
        memory: what a later submission does to it is seen, so read it after a wait. `wait=True` waits for the
        submissions that write it; whether one of them failed, which leaves the contents undefined, `Submission.wait`
        says.

        Raises:
            InFlightError: A submission that writes these bytes is not done; the text names it.
            ClosedError: The buffer was closed, or taken back by a reset of its pool.

        Example:
            submission.wait()
            total = buffer.numpy().sum()
        """
        memory = self._memory
        if memory.use_count[0] != self._checked:
            memory = self._check(wait=wait)
        array = self._whole.array
        array = self._view(memory) if array is None else array[...]
        return array.copy() if copy else array

    def _storage_memory(self) -> StorageMemory:
        """What all windows of the storage share."""
        memory = self._memory
        if memory is UNUSED:
            memory = StorageMemory(self._nbytes)
            with _native.lock:  # another thread may do the same, or close the buffer
                if self._memory is UNUSED:
                    self._memory = self._whole = memory
            memory = self._memory
        return memory

    def _check(self, *, wait: bool) -> StorageMemory:
        """Refuses host access while the GPU writes these bytes; what it grants holds as long as the use count does."""
        memory = self._storage_memory()
        if memory.data is None:
            memory.open(self._open())
        count = memory.use_count[0]
        status = buffer_get_contents(self._buffer, _READ, _NULL)
        if status == _IN_FLIGHT and wait:
            status = _native.settle(self._buffer)
        if status:
            if status == _CLOSED:  # by a reset of the pool, which must not find the memory open
                memory.close()
            raise self._failure(status)
        self._checked = count
        return memory

    def _view(self, memory: StorageMemory) -> npt.NDArray[Any]:
        """An array over this window."""
        data = memory.data
        if data is None:  # closed since the check, for a reset of the pool
            raise self._closed()
        array = _ndarray(self._shape, self._dtype, data, self._offset)
        if self._whole is not memory:
            return array
        memory.keep(data, array)
        return array[...]

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
        offset, shape = leading(self._shape, self._nbytes, keys) or part(reckoned(self._shape, self._dtype), keys)
        return self._window(offset, shape, math.prod(shape))

    def __iter__(self) -> Iterator[Buffer]:
        return (self[index] for index in range(len(self)))

    __contains__ = None  # a search through windows would find nothing, ever

    def reshape(self, *shape: Shape) -> Buffer:
        """The same elements in another shape, `reshape(2, 3)` or `reshape((2, 3))`; one extent may be -1."""
        numbers = integers(shape[0] if len(shape) == 1 else shape)  # type: ignore[arg-type]
        try:
            if min(numbers, default=0) >= -1:
                return self._window(0, reckoned(self._shape, self._dtype).reshape(numbers).shape, self._size)
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
            view = reckoned(self._shape, self._dtype).view(resolved)
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
        memory = self._storage_memory()  # first: another thread may close the buffer during the call
        if memory is CLOSED:
            raise self._closed()
        window = _bare(Buffer)
        window._buffer = create_window(self._buffer, offset, code, shape)
        window._checked = NOT_YET
        window._memory = memory
        window._whole = PART
        window._offset = self._offset + offset
        window._device = self._device
        window._dtype = dtype = self._dtype if dtype is None else dtype
        window._shape = shape
        window._size = size
        window._nbytes = size * dtype.itemsize
        window._label = self._label
        return window

    def close(self) -> None:
        """Gives up the memory, which goes when no array and no submission uses it any more. Twice is once."""
        kept = self._memory, self._whole
        with _native.lock:
            self._memory = CLOSED
            self._whole = PART
        del kept  # what ends with them must not end under the lock
        self._buffer = _NULL

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
        is_part = self._nbytes < memory.nbytes
        place = f" at {self._offset} of {memory.nbytes}" if is_part else ""
        layout = f"shape={self._shape}, dtype={self._dtype}, {self._nbytes} bytes{place}"
        return f"<ingot.Buffer {layout}{label}, device={self._device.name!r}{closed}>"

    def _open(self) -> _native.Handle:
        if self.is_closed:
            raise self._closed()
        return self._buffer

    def _closed(self) -> ClosedError:
        return ClosedError(f"{self!r} was closed")

    def _failure(self, status: int) -> Exception:
        return self._closed() if self.is_closed else _native.failure(status)
