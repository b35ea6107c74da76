"""Shapes as users write them, and which part of a buffer an index means."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from types import EllipsisType
from typing import TYPE_CHECKING, Any, Final, SupportsIndex, TypeAlias

import numpy as np

from ingot._native import lib
from ingot.errors import ArgumentError, OutOfBoundsError, OutOfMemoryError, shown

if TYPE_CHECKING:
    import numpy.typing as npt

Shape: TypeAlias = SupportsIndex | Sequence[SupportsIndex]
"""The shape of a buffer: a number of elements, or one for each dimension."""

Key: TypeAlias = SupportsIndex | slice | EllipsisType | None
"""What stands between the brackets, alone or in a tuple: NumPy's basic indexing."""

_MAX_DIMENSIONS: Final = lib.INGOT_MAX_DIMENSIONS
_LIMIT: Final = 1 << 64
_SEQUENCES: Final = (tuple, list, range, np.ndarray)
_NOWHERE: Final = 1 << 20
_ADVICE: Final = "a copy can be had of it: buffer.copy(np.s_[...])"


def extents(shape: Shape) -> tuple[int, ...]:
    """A shape as numbers that ingot.h can take; whether they make sense is for Ingot to say."""
    if type(shape) is int and 0 <= shape < _LIMIT:
        return (shape,)
    numbers = integers(shape)
    if len(numbers) > _MAX_DIMENSIONS or not all(0 <= number < _LIMIT for number in numbers):
        message = f"shape {shown(shape)}: up to {_MAX_DIMENSIONS} dimensions, each of 1 to {(1 << 64) - 1} elements"
        raise ArgumentError(message)
    return numbers


def integers(shape: Shape) -> tuple[int, ...]:
    """The numbers of a shape, of which one may be negative where that means something."""
    try:
        return tuple(map(operator.index, shape if isinstance(shape, _SEQUENCES) else (shape,)))
    except TypeError as error:
        message = f"{shown(shape)} is no shape; it is a number of elements or a tuple of them"
        raise ArgumentError(message) from error


Part: TypeAlias = "tuple[int, tuple[int, ...]]"
"""Of a buffer: where it begins, in bytes, and its shape."""


def leading(shape: tuple[int, ...], nbytes: int, keys: tuple[object, ...]) -> Part | None:
    """The part that numbers for the first axes and then at most one slice mean; None for all that is not as simple."""
    if len(keys) > len(shape):
        return None
    offset = 0
    for axis, key in enumerate(keys):
        extent = shape[axis]
        nbytes //= extent
        if type(key) is int and -extent <= key < extent:
            offset += nbytes * (key % extent)
        elif type(key) is slice and axis == len(keys) - 1:
            try:
                start, stop, step = key.indices(extent)
            except (TypeError, ValueError):
                return None
            if step != 1 or stop <= start:
                return None
            return offset + nbytes * start, (stop - start, *shape[axis + 1 :])
        else:
            return None
    return offset, shape[len(keys) :]


def part(array: npt.NDArray[Any], keys: tuple[Any, ...]) -> Part:
    """The part that any index means: NumPy reckons, on an array that is never read.

    What is not contiguous memory, or none at all, is refused.
    """
    text = f"[{', '.join(map(_text, keys))}]"
    for key in keys:
        if not (key is None or key is Ellipsis or isinstance(key, slice) or _is_number(key)):
            raise ArgumentError(f"{text}: a window is taken by numbers and slices; {_ADVICE}")
    try:
        # With an ellipsis the result of numbers alone is an array too, not a copied scalar.
        view = array[keys if any(key is Ellipsis for key in keys) else (*keys, Ellipsis)]
    except IndexError as error:
        raise OutOfBoundsError(f"{text} of shape {array.shape}: {error}") from None
    except (OverflowError, TypeError, ValueError) as error:
        raise ArgumentError(f"{text} of shape {array.shape}: {error}") from None
    if view.size == 0:
        raise ArgumentError(f"{text} of shape {array.shape} has no elements; Metal has no buffers of zero bytes")
    if not view.flags.c_contiguous:
        raise ArgumentError(f"{text} of shape {array.shape} is not contiguous, as windows are; {_ADVICE}")
    return _address(view) - _address(array), view.shape


def picked(array: npt.NDArray[Any], key: Any) -> npt.NDArray[Any]:
    """The elements that any index means, in C order."""
    text = f"[{', '.join(map(_text, key if type(key) is tuple else (key,)))}] of shape {array.shape}"
    try:
        found = np.asarray(array[key], order="C")
    except IndexError as error:
        raise OutOfBoundsError(f"{text}: {error}") from None
    except (OverflowError, TypeError, ValueError) as error:
        raise ArgumentError(f"{text}: {error}") from None
    except MemoryError as error:
        raise OutOfMemoryError(f"{text}: {error}") from None
    if found.size == 0:
        raise ArgumentError(f"{text} has no elements; Metal has no buffers of zero bytes")
    return found


class _Reckoned:
    """Tells NumPy of an array that is nowhere."""

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        place = (_NOWHERE, True)
        kind = f"|V{dtype.itemsize}"
        self.__array_interface__ = {"version": 3, "shape": shape, "typestr": kind, "data": place}


def reckoned(shape: tuple[int, ...], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """An array to reckon with: its elements have the size of the dtype, and are never read."""
    return np.asarray(_Reckoned(shape, dtype))


def _is_number(key: object) -> bool:
    """NumPy takes True for a mask, and arrays for lists of indices."""
    return not isinstance(key, bool | np.bool_ | np.ndarray) and hasattr(key, "__index__")


def _address(array: npt.NDArray[Any]) -> int:
    address: int = array.__array_interface__["data"][0]
    return address


def _text(key: object) -> str:
    """A key as it is written."""
    if isinstance(key, slice):
        ends = ["" if end is None else shown(end) for end in (key.start, key.stop, key.step)]
        return ":".join(ends if ends[2] else ends[:2])
    return "..." if key is Ellipsis else shown(key)
