"""The border's part for pools: see `_native`."""

from collections.abc import Callable, Sequence
from typing import Final

from ingot._ingot import ffi
from ingot._native import NULL, Handle, Struct, buffer_release, check, lib, optional, struct
from ingot._native_places import owned, place, taken

TOTAL: Final[int] = lib.INGOT_POOL_LIMIT_TOTAL
CACHED: Final[int] = lib.INGOT_POOL_LIMIT_CACHED
PRESSURES: Final[dict[str, int]] = {
    "warning": lib.INGOT_PRESSURE_WARNING,
    "critical": lib.INGOT_PRESSURE_CRITICAL,
}
NONE: Final = (1 << 64) - 1
"""No limit, or for ever."""


def of_device(device: Handle) -> Handle:
    """A handle of the device's own pool."""
    return _made(lib.ingot_device_get_pool, device)


def create(device: Handle) -> Handle:
    """A pool of the device."""
    return _made(lib.ingot_pool_create, device)


def of_buffer(buffer: Handle) -> Handle | None:
    """A handle of the pool whose memory a buffer has, if there is one."""
    pool = _made(lib.ingot_buffer_get_pool, buffer)
    return pool if pool != NULL else None


def _made(function: Callable[..., int], source: Handle) -> Handle:
    pool = place("pool")
    check(function(source, pool))
    return taken(pool, lib.ingot_pool_release) if pool[0] != NULL else NULL


def create_batch(pool: Handle, requests: Sequence[tuple[int, Sequence[int]]], label: str | None) -> list[Handle]:
    """Buffers of dtypes and shapes, all or none."""
    count = len(requests)
    layouts, buffers = ffi.new("ingot_layout[]", count), ffi.new("ingot_buffer[]", count + 1)
    owner = owned(buffers, lib.release_buffers)  # as a `place`, but for all of them, with NULL at the end
    shapes = [ffi.new("uint64_t[]", shape) for _, shape in requests]
    for layout, shape, (dtype, extents) in zip(layouts, shapes, requests, strict=True):
        layout.dtype, layout.dimensions, layout.shape = dtype, len(extents), shape
    check(lib.ingot_pool_create_batch(pool, layouts, count, optional(label, "the label"), owner))
    made = [owned(buffer, buffer_release) for buffer in buffers[0:count]]
    buffers[0] = NULL
    return made


def release_buffer(pool: Handle, buffer: Handle) -> bool:
    """Takes a buffer back; False if that was done before."""
    was_taken = ffi.new("uint8_t *")
    check(lib.ingot_pool_release_buffer(pool, buffer, was_taken))
    return bool(was_taken[0])


def register_existing(pool: Handle, buffer: Handle) -> None:
    """Makes the memory of a buffer resident."""
    check(lib.ingot_pool_register_existing(pool, buffer))


def number(function: Callable[..., int], *arguments: Handle) -> int:
    """The number that a function gives through its last parameter."""
    result = ffi.new("uint64_t *")
    check(function(*arguments, result))
    return int(result[0])


def reset(pool: Handle) -> int:
    """Takes back all buffers; returns how many blocks are used still."""
    return number(lib.ingot_pool_reset, pool)


def trim(pool: Handle, to: int) -> int:
    """Lets go of cached memory; returns how many bytes."""
    return number(lib.ingot_pool_trim, pool, to)


def relieve(pool: Handle, pressure: int) -> int:
    """The same as under memory pressure."""
    return number(lib.ingot_pool_relieve, pool, pressure)


def set_limit(pool: Handle, limit: int, nbytes: int) -> None:
    """Sets a limit to so many bytes."""
    check(lib.ingot_pool_set_limit(pool, limit, nbytes))


def set_limit_fraction(pool: Handle, limit: int, fraction: float) -> None:
    """Sets a limit to a part of the working set."""
    check(lib.ingot_pool_set_limit_fraction(pool, limit, fraction))


def set_decay(pool: Handle, nanoseconds: int) -> None:
    """Sets how long memory stays cached."""
    check(lib.ingot_pool_set_decay(pool, nanoseconds))


def limits(pool: Handle) -> Struct:
    """The `ingot_pool_limits`."""
    return struct("pool_limits", lib.ingot_pool_get_limits, pool)


def statistics(pool: Handle) -> Struct:
    """The `ingot_pool_statistics`."""
    return struct("pool_statistics", lib.ingot_pool_get_statistics, pool)


def reset_high_water(pool: Handle) -> None:
    """Lets the most that was used begin anew."""
    check(lib.ingot_pool_reset_high_water(pool))
