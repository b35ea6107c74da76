"""What devices and pools have in common: they make buffers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from ingot import _native, dtypes
from ingot._native import buffer_release
from ingot._native_owners import owners, release_owners
from ingot._native_places import owned
from ingot.buffer import NOT_YET, Buffer
from ingot.errors import ArgumentError, OutOfMemoryError
from ingot.shapes import extents
from ingot.storage_memory import UNUSED

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from ingot.device import Device
    from ingot.shapes import Shape

Source: TypeAlias = "tuple[Device, Callable[..., int], Callable[..., _native.Handle], _native.Handle]"
"""Where memory comes from: of which device, by which functions (any buffer, and temporaries), their first argument."""

_MOST = 1 << 63
_bare = object.__new__


class BufferMaker:
    """Makes buffers with memory of a pool: a `Pool` with its own, a `Device` with that of the current one."""

    __slots__ = ()

    def _source(self, *, exact: bool = False) -> Source:
        raise NotImplementedError

    def array(
        self,
        values: npt.ArrayLike,
        dtype: npt.DTypeLike | None = None,
        *,
        label: str | None = None,
        exact: bool = False,
    ) -> Buffer:
        """A buffer with a copy of `values`, which is anything that NumPy makes an array of.

        It has the dtype and shape that NumPy gives it, or the `dtype` given. float64 and complex numbers, which MSL
        does not have, are refused. Arrays that are not contiguous are copied in C order. `exact=True` gives it an
        allocation of its own, neither rounded up nor kept when it goes, of no pool: for weights.

        Raises:
            ArgumentError: The dtype has no equal in MSL, or there are no elements, or too many.
            OutOfMemoryError: Metal has no memory for it.

        Example:
            x = device.array([1, 2, 3], np.float32)
        """
        array = _as_array(values, dtype)
        source, code = self._source(exact=exact), dtypes.code(array.dtype)
        if array.nbytes > source[0].max_buffer_length:  # a broadcast array can be, and has no copy
            return Buffer(source, array.dtype, code, array.shape, None, label, exact=exact)
        data = _contiguous(array).reshape(-1).view(np.uint8)
        return Buffer(source, array.dtype, code, array.shape, data, label, exact=exact)

    def zeros(
        self, shape: Shape, dtype: npt.DTypeLike = np.float32, *, label: str | None = None, exact: bool = False
    ) -> Buffer:
        """A buffer of zeros."""
        return self.full(shape, 0, dtype, label=label, exact=exact)

    def buffer(
        self,
        shape: Shape,
        dtype: npt.DTypeLike = np.float32,
        *,
        lazy: bool = False,
        exact: bool = False,
        label: str | None = None,
    ) -> Buffer:
        """A buffer of zeros; with `lazy=True` it gets its memory at its first use, or by `Buffer.ensure_allocated()`.

        What needs the memory is its first use: host access or a dispatch. That raises `OutOfMemoryError` then.
        """
        resolved, code = dtypes.known(dtype)
        zero = bytes(resolved.itemsize)
        return Buffer(self._source(exact=exact), resolved, code, extents(shape), zero, label, exact=exact, lazy=lazy)

    def full(
        self,
        shape: Shape,
        value: Any,
        dtype: npt.DTypeLike = np.float32,
        *,
        label: str | None = None,
        exact: bool = False,
    ) -> Buffer:
        """A buffer in which every element is `value`; a value that the dtype cannot hold is an `ArgumentError`."""
        resolved, code = dtypes.known(dtype)
        element = dtypes.pack(dtypes.plain(value), code)
        return Buffer(self._source(exact=exact), resolved, code, extents(shape), element, label, exact=exact)

    def empty(
        self, shape: Shape, dtype: npt.DTypeLike = np.float32, *, label: str | None = None, exact: bool = False
    ) -> Buffer:
        """A buffer whose contents are undefined until they are written: faster than `zeros`."""
        resolved, code = dtypes.known(dtype)
        if label is None and not exact:
            count = shape[0] if type(shape) is tuple and len(shape) == 1 else shape
            if type(count) is int and 0 < count < _MOST:
                return _temporary(self._source(), resolved, code, count)
        return Buffer(self._source(exact=exact), resolved, code, extents(shape), None, label, exact=exact)


def _as_array(values: npt.ArrayLike, dtype: npt.DTypeLike | None) -> npt.NDArray[Any]:
    try:
        return np.asarray(values, None if dtype is None else dtypes.resolve(dtype))
    except (TypeError, ValueError, OverflowError) as error:
        message = f"NumPy makes no array of this {type(values).__name__}: {error}"
        raise ArgumentError(message) from error
    except MemoryError as error:
        raise OutOfMemoryError(f"NumPy has no memory for the array: {error}") from error


def _contiguous(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    try:
        return np.ascontiguousarray(array)
    except MemoryError as error:
        raise OutOfMemoryError(f"NumPy has no memory for a contiguous copy: {error}") from error


def _temporary(source: Source, dtype: np.dtype[Any], code: int, count: int) -> Buffer:
    """A buffer of one dimension with undefined contents, in as few steps as can be."""
    buffer = _bare(Buffer)
    buffer._device, _, create, maker = source
    handle = create(maker, code, count)
    if not handle:
        raise _native.last_failure()
    buffer._buffer = owned(handle, buffer_release)
    buffer._checked = NOT_YET
    buffer._dtype = dtype
    buffer._shape = (count,)
    buffer._label = None
    buffer._offset = 0
    buffer._size = count
    buffer._nbytes = count * dtype.itemsize
    buffer._memory = buffer._whole = UNUSED
    if owners:
        release_owners()
    return buffer
