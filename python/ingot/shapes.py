"""Shapes as users write them, and which part of a buffer an index means."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from types import EllipsisType
from typing import TYPE_CHECKING, Any, Final, SupportsIndex, TypeAlias

import numpy as np

from ingot._native import lib
from ingot.errors import ArgumentError, OutOfBoundsError

if TYPE_CHECKING:
    import numpy.typing as npt

Shape: TypeAlias = SupportsIndex | Sequence[SupportsIndex]
"""The shape of a buffer: a number of elements, or one for each dimension."""

Key: TypeAlias = SupportsIndex | slice | EllipsisType | None
"""What stands between the brackets, alone or in a tuple: NumPy's basic indexing."""

_MAX_DIMENSIONS: Final = lib.INGOT_MAX_DIMENSIONS
_ADVICE: Final = "a copy will do: device.array(buffer.numpy()[...])"


def extents(shape: Shape) -> tuple[int, ...]:
    """A shape as numbers that ingot.h can take; whether they make sense is for Ingot to say."""
    numbers = integers(shape)
    if len(numbers) > _MAX_DIMENSIONS or not all(0 <= number < 1 << 64 for number in numbers):
        message = f"shape {numbers}: up to {_MAX_DIMENSIONS} dimensions, each of 1 or more elements"
        raise ArgumentError(message)
    return numbers


def integers(shape: Shape) -> tuple[int, ...]:
    """The numbers of a shape, of which one may be negative where that means something."""
    try:
        numbers = shape if isinstance(shape, tuple | list) else (shape,)
        return tuple(operator.index(number) for number in numbers)
    except TypeError as error:
        message = f"{shape!r} is no shape; it is a number of elements or a tuple of them"
        raise ArgumentError(message) from error


def part(array: npt.NDArray[Any], key: object) -> tuple[int, tuple[int, ...]]:
    """Where the part that a key means begins, in bytes, and its shape: NumPy reckons, on an array that is never read.

    What is not contiguous memory, or none at all, is refused.
    """
    keys = key if isinstance(key, tuple) else (key,)
    for one in keys:
        if not (one is None or one is Ellipsis or isinstance(one, slice) or _is_number(one)):
            message = f"an index of {one!r}: a window is taken by numbers and slices; {_ADVICE}"
            raise ArgumentError(message)
    try:
        # With an ellipsis the result of numbers alone is an array too, not a copied scalar.
        view = array[keys if any(one is Ellipsis for one in keys) else (*keys, Ellipsis)]
    except IndexError as error:
        message = f"{error} (shape {array.shape})"
        raise OutOfBoundsError(message) from None
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"{error} (shape {array.shape})") from None
    if view.size == 0:
        raise empty(key, array.shape)
    if not view.flags.c_contiguous:
        message = f"[{_text(key)}] of shape {array.shape} is not contiguous, as windows are; {_ADVICE}"
        raise ArgumentError(message)
    return _address(view) - _address(array), view.shape


def empty(key: object, shape: tuple[int, ...]) -> ArgumentError:
    """There is nothing to make a window of."""
    return ArgumentError(f"[{_text(key)}] of shape {shape} has no elements; Metal has no buffers of zero bytes")


def _is_number(key: object) -> bool:
    """NumPy takes True for a mask, and arrays for lists of indices."""
    return not isinstance(key, bool | np.bool_ | np.ndarray) and hasattr(key, "__index__")


def _address(array: npt.NDArray[Any]) -> int:
    address: int = array.__array_interface__["data"][0]
    return address


def _text(key: object) -> str:
    """A key as it is written."""
    if isinstance(key, tuple):
        return ", ".join(map(_text, key)) or "()"
    if isinstance(key, slice):
        ends = ["" if end is None else str(end) for end in (key.start, key.stop, key.step)]
        return ":".join(ends if ends[2] else ends[:2])
    return "..." if key is Ellipsis else str(key)
