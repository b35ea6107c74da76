"""Buffers: typed memory that CPU and GPU share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from ingot import _native
from ingot._native import buffer_get_contents, lib
from ingot.errors import ClosedError, Unpicklable

if TYPE_CHECKING:
    from types import TracebackType

    import numpy.typing as npt

    from ingot.device import Device

_READ = lib.INGOT_ACCESS_READ
_IN_FLIGHT = lib.INGOT_ERROR_IN_FLIGHT
_NULL = _native.NULL
_ndarray = np.ndarray


class Buffer(Unpicklable):
    """Typed memory that CPU and GPU share (`MTLBuffer`, `storageModeShared`). Devices make them.

    `shape`, `dtype`, `size`, `nbytes` and `len` mean what they mean for a NumPy array, and `numpy()` is one on the same
    memory. The memory goes away when the last buffer, array and submission that uses it is gone; `close()`, or the end
    of a `with` block, gives up this one's part early. Buffers may be used from any thread.

    Example:
        with device.zeros((480, 640), np.uint8, label="mask") as mask:
            ...
            print(mask.numpy().mean())
    """

    __slots__ = ("_buffer", "_contents", "_device", "_dtype", "_label", "_memory", "_nbytes", "_shape", "_size")

    def __init__(  # noqa: PLR0913, PLR0917, called by Device only
        self,
        device: Device,
        dtype: np.dtype[Any],
        code: int,
        shape: tuple[int, ...],
        initial: Any,
        label: str | None,
    ) -> None:
        self._buffer, self._contents = _native.create_buffer(device._handle, code, shape, initial, label)
        self._device = device
        self._dtype = dtype
        self._shape = shape
        self._label = label
        size = 1
        for extent in shape:
            size *= extent
        self._size = size
        self._nbytes = size * dtype.itemsize
        self._memory = _native.memory(self._contents, self._nbytes)

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
    def label(self) -> str | None:
        """What errors and Metal's tools call it."""
        return self._label

    @property
    def id(self) -> int:
        """A number that no other buffer of this process ever has."""
        return int(_native.buffer_info(self._open()).id)

    @property
    def storage_id(self) -> int:
        """A number that all buffers on the same memory share; never reused."""
        return int(_native.buffer_info(self._open()).storage_id)

    @property
    def is_closed(self) -> bool:
        """Whether `close()` was called."""
        return self._contents is None

    def numpy(self, *, wait: bool = False) -> npt.NDArray[Any]:
        """The memory as a NumPy array: no copy, and writable.

        The array keeps the memory alive, whatever else is closed or deleted. It is live memory: what a later submission
        does to it is seen, so read it after a wait. `wait=True` waits for the submissions that write it; whether one of
        them failed, which leaves the contents undefined, `Submission.wait` says.

        Raises:
            InFlightError: A submission that writes the buffer is not done; the text names it.
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
        return _ndarray(self._shape, self._dtype, memory)

    def __array__(
        self,
        dtype: npt.DTypeLike | None = None,
        copy: bool | None = None,  # noqa: FBT001, NumPy's protocol
    ) -> npt.NDArray[Any]:
        """What `np.asarray(buffer)` is: `numpy()`, or a copy where a dtype or a copy is asked for."""
        return np.array(self.numpy(), dtype, copy=copy)

    def close(self) -> None:
        """Gives up the memory, which goes when no array and no submission uses it any more. Twice is once."""
        self._buffer = _NULL
        self._memory = self._contents = None

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
        return f"<ingot.Buffer shape={self._shape}, dtype={self._dtype}{label}{closed}>"

    def _open(self) -> _native.Handle:
        if self.is_closed:
            raise self._closed()
        return self._buffer

    def _closed(self) -> ClosedError:
        return ClosedError(f"{self!r} was closed")

    def _failure(self, status: int) -> Exception:
        return self._closed() if self.is_closed else _native.failure(status)
