"""What memory a device has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from ingot import _native
from ingot._native import lib


@dataclass(frozen=True, slots=True)
class MemoryUse:
    """How many there are, and of how many bytes."""

    count: int
    bytes: int


class MemoryStats(NamedTuple):
    """The memory of one device object, exact after each operation.

    An allocation is an `MTLBuffer`. A block is a part of one, or the whole. A storage is what was handed out: it is on
    one block, as many bytes of it as were asked for, and buffers are windows on it.
    """

    pooled: MemoryUse
    """Allocations that pools made, which use them again."""
    exact: MemoryUse
    """Allocations made for one buffer, which go with it: `exact=True`."""
    wrapped: MemoryUse
    """Memory of somebody else's that Metal was told to use."""
    mapped: MemoryUse
    """Parts of files."""
    adopted: MemoryUse
    """Somebody else's `MTLBuffer`s."""
    storages: MemoryUse
    """Storages that have memory, and the bytes that were asked for."""
    resident: MemoryUse
    """Allocations in the device's own residency sets, with what the next commit changes."""
    total_bytes: int
    """Bytes of all allocations."""
    used_bytes: int
    """Bytes of the blocks that a buffer, an encoder, an unfinished submission or an array holds."""
    free_bytes: int
    """The rest: bytes that pools keep to use again."""
    peak_total_bytes: int
    """The most that `total_bytes` was since the device was opened, or `Device.reset_peak()`."""
    peak_used_bytes: int
    """The most that `used_bytes` was since the device was opened, or `Device.reset_peak()`."""


class PoolStatistics(NamedTuple):
    """What a pool holds and has done. Bytes are those of whole blocks, which are rounded up."""

    used_bytes: int
    """Of blocks that somebody uses: a buffer, an array, an encoder or an unfinished submission."""
    free_bytes: int
    """Of the other blocks; a slab of small ones counts as a whole."""
    cached_bytes: int
    """Of the free ones, those of allocations in which nothing is used: what `trim()` gives back."""
    total_bytes: int
    """Of all allocations: used and free."""
    free_blocks: int
    """How many blocks are free."""
    hits: int
    """Requests that memory of the pool served."""
    misses: int
    """Requests that took a new allocation."""
    high_water: int
    """The most bytes that were used at a time."""
    quarantined: int
    """Blocks that a reset or release took back while something used them, which goes on."""
    used_blocks: int
    """How many blocks somebody uses."""


def memory_stats(device: _native.Handle) -> MemoryStats:
    """The figures of a device."""
    native = _native.struct("memory_stats", lib.ingot_device_get_memory_stats, device)
    return MemoryStats(
        MemoryUse(native.pooled_count, native.pooled_bytes),
        MemoryUse(native.exact_count, native.exact_bytes),
        MemoryUse(native.wrapped_count, native.wrapped_bytes),
        MemoryUse(native.mapped_count, native.mapped_bytes),
        MemoryUse(native.adopted_count, native.adopted_bytes),
        MemoryUse(native.storage_count, native.storage_bytes),
        MemoryUse(native.resident_count, native.resident_bytes),
        native.total_bytes,
        native.used_bytes,
        native.free_bytes,
        native.peak_total_bytes,
        native.peak_used_bytes,
    )
