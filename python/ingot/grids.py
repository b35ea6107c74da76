"""Grids and threadgroups: how many threads a dispatch has, in the numbers of ingot.h."""

from __future__ import annotations

from operator import index
from typing import Final, SupportsIndex, TypeAlias

import numpy as np

from ingot._native import lib
from ingot.errors import ArgumentError, shown

Extent: TypeAlias = SupportsIndex | tuple[SupportsIndex, ...] | list[SupportsIndex]
"""Up to three numbers: along x, y and z. A number alone is along x."""

_THREADS: Final = lib.INGOT_GRID_THREADS
_THREADGROUPS: Final = lib.INGOT_GRID_THREADGROUPS
_NO_GROUP: Final = (0, 0, 0)
_PLANE: Final = 2
_AXES: Final = 3
_LARGEST: Final = (1 << 63) - 1


def extents(grid: Extent | None, groups: Extent | None, group: Extent | None) -> tuple[int, ...]:
    """The last seven parameters of `ingot_encoder_dispatch`."""
    threads = _NO_GROUP if group is None else _extent(group, "group")
    if groups is None and grid is not None:
        return _THREADS, *_extent(grid, "grid"), *threads
    if grid is None and groups is not None:
        return _THREADGROUPS, *_extent(groups, "groups"), *threads
    raise ArgumentError("give either grid, which counts threads, or groups, which counts threadgroups")


def _extent(extent: Extent, what: str) -> tuple[int, int, int]:
    """Three numbers, 1 where none is given."""
    if type(extent) is int and 0 < extent <= _LARGEST:
        return extent, 1, 1
    if type(extent) is tuple and len(extent) == _PLANE:
        x, y = extent
        if type(x) is int and type(y) is int and 0 < x <= _LARGEST and 0 < y <= _LARGEST:
            return x, y, 1
    return _any_extent(extent, what)


def _any_extent(extent: Extent, what: str) -> tuple[int, int, int]:
    try:
        numbers = [index(number) for number in (extent if isinstance(extent, tuple | list | np.ndarray) else (extent,))]
    except TypeError:
        raise ArgumentError(f"{what} is {shown(extent)}; it is a whole number or up to three of them") from None
    if not 1 <= len(numbers) <= _AXES or not all(1 <= number <= _LARGEST for number in numbers):
        raise ArgumentError(f"{what} is {shown(extent)}; it is up to three numbers along x, y and z, each at least 1")
    x, y, z = *numbers, *(1,) * (_AXES - len(numbers))
    return x, y, z
