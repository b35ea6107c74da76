"""Pools: memory that is used again."""

from __future__ import annotations

import math
import operator
import weakref
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, Literal, Self, SupportsIndex, TypeAlias

from ingot import _native, _native_pool, dtypes
from ingot._native_host import pool_id
from ingot.buffer import Buffer
from ingot.errors import ArgumentError, StateError, Unpicklable, shown
from ingot.maker import BufferMaker
from ingot.memory import PoolStatistics
from ingot.shapes import extents
from ingot.storage_memory import forget_views

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import TracebackType

    import numpy.typing as npt

    from ingot.device import Device
    from ingot.maker import Source
    from ingot.shapes import Shape

Pressure: TypeAlias = Literal["warning", "critical"]
"""How short of memory the system is."""

_Current: TypeAlias = "tuple[Pool, _Current | None]"

_current: Final[ContextVar[_Current | None]] = ContextVar("ingot pools", default=None)
"""The pools whose `with` blocks this thread or task is in, the innermost first."""
get_current: Final = _current.get
"""The first of them, and the rest; None for none."""

_FOR_EVER: Final = 1 << 32
"""Seconds."""

_pools: Final[weakref.WeakValueDictionary[int, Pool]] = weakref.WeakValueDictionary()
"""By their ids."""


class Pool(BufferMaker, Unpicklable):
    """Memory of a device that is used again: what Metal takes microseconds to allocate, a pool has at hand.

    A buffer's memory goes back to its pool by itself, when the last buffer, array, encoder and unfinished submission
    that uses it is gone, so no memory ever has two owners. Every device has a pool, `device.pool`, which its buffers
    come from. `with pool:` makes another one current: `device.zeros` and the like, of this device, take their memory
    from it, unless it is to be `exact`. That holds for this thread or asyncio task, and for tasks that are started in
    the block; blocks nest, and leaving one restores what was current before. Pools may be used from any thread.

    `limit` are the bytes that all of its allocations may have, or `fraction` of the device's working set; unlimited
    without. What nobody uses goes after `decay` seconds, or never for None. Figures are methods, since they are so in
    `cupy.cuda.MemoryPool`, whose names they have.

    Raises:
        ArgumentError: The limit, fraction or decay cannot be meant.

    Example:
        with ingot.Pool(device, limit=1 << 30) as pool:
            for frame in frames:
                scratch = device.empty(frame.shape)
                ...
        print(pool.hits(), pool.total_bytes())
    """

    __slots__ = ("__weakref__", "_device", "_handle", "_maker")

    def __init__(
        self,
        device: Device,
        *,
        limit: SupportsIndex | None = None,
        fraction: float | None = None,
        decay: float | None = 10.0,
    ) -> None:
        if not hasattr(device, "registry_id"):  # Device itself imports this module
            raise ArgumentError(f"{shown(device)} is no ingot.Device, whose memory a pool could have")
        self._device = device
        self._handle = _native_pool.create(device._handle)
        self._register()
        self.set_decay(decay)
        if limit is not None or fraction is not None:
            self.set_limit(limit, fraction)

    @classmethod
    def _of_device(cls, device: Device) -> Self:
        """The device's own."""
        pool = super().__new__(cls)
        pool._device = device
        pool._handle = _native_pool.of_device(device._handle)
        pool._register()
        return pool

    def _register(self) -> None:
        self._maker = self._device, _native.create_in_pool, _native.empty_in_pool, self._handle
        with _native.lock:
            _pools[pool_id(self._handle)] = self

    @property
    def device(self) -> Device:
        """The device whose memory it is."""
        return self._device

    def _source(self, *, exact: bool = False) -> Source:  # noqa: ARG002, which the flags of ingot.h say, too
        return self._maker

    # ---- Buffers -----------------------------------------------------------------------------------------------

    def alloc_batch(self, specs: Iterable[tuple[Shape, npt.DTypeLike]], *, label: str | None = None) -> list[Buffer]:
        """A buffer for each pair of a shape and a dtype, with undefined contents as of `empty`; all, or none of them.

        Raises:
            ArgumentError: What is given are no pairs of shapes and dtypes, or too many.
            OutOfMemoryError: Metal has no memory for all of them, or the pool's limit is too small.

        Example:
            q, k, v = pool.alloc_batch([((64, 128), np.float16)] * 3)
        """
        layouts = [_layout(spec) for spec in _iterable(specs)]
        requests = [(dtypes.code(dtype), shape) for dtype, shape in layouts]
        handles = _native_pool.create_batch(self._handle, requests, label)
        return [
            Buffer._own(self._device, handle, dtype, shape, label)
            for handle, (dtype, shape) in zip(handles, layouts, strict=True)
        ]

    def release(self, buffer: Buffer) -> bool:
        """Takes a buffer back before the last reference to it is gone; False if that was done before.

        All windows on its memory become stale: whatever is done with them raises `ClosedError`. What an array, an
        encoder or an unfinished submission uses goes back when these are done with it.

        Raises:
            ArgumentError: It is no buffer of this pool, or a window on a part of its memory.
            ClosedError: It was closed.
        """
        handle = _handle(buffer)
        buffer._memory.close()  # what it keeps open for its next array is no host access
        try:
            return _native_pool.release_buffer(self._handle, handle)
        finally:
            buffer._memory.close()  # what was opened in between

    def reset(self) -> int:
        """Takes back, in the same way, every buffer that was made and still exists; returns how many are still used.

        These are in quarantine: they go back when the arrays, encoders and unfinished submissions that use them are
        done.
        """
        forget_views(self._handle)
        quarantined = _native_pool.reset(self._handle)
        forget_views(self._handle)
        return quarantined

    def register_existing(self, buffer: Buffer) -> None:
        """Sees to it that a buffer's memory is resident as long as it lives, without owning it.

        That makes a difference for mapped files, which otherwise become resident at their first use on the GPU, and
        for lazy buffers. The pool's `reset`, `trim` and end leave the memory alone; to register twice is once.

        Raises:
            ArgumentError: It is no buffer, or one of another device.
            ClosedError: It was closed, or taken back by its pool.
        """
        _native_pool.register_existing(self._handle, _handle(buffer))

    # ---- How much is kept --------------------------------------------------------------------------------------

    def trim(self, to: SupportsIndex = 0) -> int:
        """Gives memory that nobody uses back to the system, until `to` bytes are left of it; returns how many went.

        The longest unused goes first. A slab of small blocks, one of which is used, stays.
        """
        return _native_pool.trim(self._handle, _bytes(to))

    def free_all_blocks(self) -> None:
        """What cupy calls `trim()`."""
        self.trim()

    def relieve(self, pressure: Pressure) -> int:
        """Gives back what it does under memory pressure: half of what nobody uses on `"warning"`, all on `"critical"`.

        Returns how many bytes went. A Mac tells all pools by itself.
        """
        level = _native_pool.PRESSURES.get(pressure) if isinstance(pressure, str) else None
        if level is None:
            raise ArgumentError(f"{shown(pressure)} is no memory pressure; it is 'warning' or 'critical'")
        return _native_pool.relieve(self._handle, level)

    def set_limit(self, size: SupportsIndex | None = None, fraction: float | None = None) -> None:
        """Sets how many bytes all of its allocations may have, or what part of the device's working set, 0 to 1.

        As in cupy, `size=0` is for no limit, as is neither of both. What is used stays, even if it is more already;
        beyond the limit, what nobody uses goes first, and then new buffers are an `OutOfMemoryError`.
        """
        self._set_limit(_native_pool.TOTAL, size, fraction)

    def get_limit(self) -> int:
        """The limit in bytes; 0 for none, as in cupy."""
        total = int(_native_pool.limits(self._handle).total)
        return 0 if total == _native_pool.NONE else total

    def set_cache_limit(self, size: SupportsIndex | None = None, fraction: float | None = None) -> None:
        """Sets how many bytes may be kept while nobody uses them, or what part of the device's working set, 0 to 1.

        Beyond it, the longest unused go. Neither of both is what it is at first: an eighth of the working set, and no
        more than 2 GiB.
        """
        if size is not None and fraction is None:
            _native_pool.set_limit(self._handle, _native_pool.CACHED, _bytes(size))
        else:
            self._set_limit(_native_pool.CACHED, size, fraction)

    def get_cache_limit(self) -> int:
        """How many bytes may be kept while nobody uses them."""
        return int(_native_pool.limits(self._handle).cached)

    def set_decay(self, seconds: float | None) -> None:
        """Sets after how many seconds memory goes that nobody uses; None for never."""
        number = math.inf if seconds is None else _native.number(seconds)
        if not number > 0:
            raise ArgumentError(f"a decay of {shown(seconds)} seconds; it is more than 0, or None for never")
        nanoseconds = _native_pool.NONE if number >= _FOR_EVER else max(1, int(number * 1e9))
        _native_pool.set_decay(self._handle, nanoseconds)

    def get_decay(self) -> float | None:
        """After how many seconds memory goes that nobody uses; None for never."""
        nanoseconds = int(_native_pool.limits(self._handle).decay)
        return None if nanoseconds == _native_pool.NONE else nanoseconds / 1e9

    def _set_limit(self, limit: int, size: SupportsIndex | None, fraction: float | None) -> None:
        if fraction is None:
            _native_pool.set_limit(self._handle, limit, _bytes(0 if size is None else size) or _native_pool.NONE)
            return
        if size is not None:
            raise ArgumentError(f"a limit is a size ({shown(size)}) or a fraction ({shown(fraction)}), not both")
        number = _native.number(fraction)
        if math.isnan(number):
            raise ArgumentError(f"{shown(fraction)} is no part of the working set, which is a number from 0 to 1")
        _native_pool.set_limit_fraction(self._handle, limit, number)

    # ---- Figures -----------------------------------------------------------------------------------------------

    def statistics(self) -> PoolStatistics:
        """All figures, of one moment."""
        native = _native_pool.statistics(self._handle)
        return PoolStatistics(*(int(getattr(native, field)) for field in PoolStatistics._fields))

    def used_bytes(self) -> int:
        """Bytes of blocks that a buffer, an array, an encoder or an unfinished submission uses."""
        return self.statistics().used_bytes

    def free_bytes(self) -> int:
        """Bytes of the other blocks; a slab of small ones counts as a whole."""
        return self.statistics().free_bytes

    def total_bytes(self) -> int:
        """Bytes of all allocations, used and free."""
        return self.statistics().total_bytes

    def n_free_blocks(self) -> int:
        """How many blocks are free."""
        return self.statistics().free_blocks

    def hits(self) -> int:
        """How many requests memory of the pool has served."""
        return self.statistics().hits

    def misses(self) -> int:
        """How many requests took a new allocation."""
        return self.statistics().misses

    def high_water(self) -> int:
        """The most bytes that were used at a time, since the pool was made or `reset_high_water()`."""
        return self.statistics().high_water

    def reset_high_water(self) -> None:
        """Lets `high_water()` begin anew with what is used now."""
        _native_pool.reset_high_water(self._handle)

    # ---- The current pool --------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        _current.set((self, get_current()))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        _current.set(_without(self, get_current()))

    def __repr__(self) -> str:
        figures = self.statistics()
        return (
            f"<ingot.Pool {figures.used_bytes} bytes used, {figures.free_bytes} free in {figures.free_blocks} blocks,"
            f" device={self._device.name!r}>"
        )


def current_pool(device: Device) -> Pool | None:
    """The pool that a device's buffers come from now; None for its own."""
    entry = get_current()
    while entry is not None:
        if entry[0]._device is device:
            return entry[0]
        entry = entry[1]
    return None


def pool_of(buffer: Buffer) -> Pool | None:
    """The pool whose memory a buffer has."""
    handle = _native_pool.of_buffer(buffer._open())
    if handle is None:
        return None
    own = buffer.device.pool  # known by its id from now on
    with _native.lock:
        return _pools.get(pool_id(handle), own)


def _without(pool: Pool, entry: _Current | None) -> _Current | None:
    """The pools without the innermost that is this one. Generators may end their `with` blocks in any order."""
    inner = []
    while entry is not None and entry[0] is not pool:
        inner.append(entry[0])
        entry = entry[1]
    if entry is None:
        raise StateError(
            f"the `with` block of {pool!r} began in another thread or task; each has current pools of its own"
        )
    rest = entry[1]
    for other in reversed(inner):
        rest = (other, rest)
    return rest


def _handle(buffer: object) -> _native.Handle:
    if not isinstance(buffer, Buffer):
        raise ArgumentError(f"{shown(buffer)} is no ingot.Buffer")
    return buffer._open()


def _iterable(specs: Any) -> Iterator[Any]:
    try:
        found: Iterator[Any] = iter(specs)
    except TypeError:
        raise ArgumentError(f"{shown(specs)} is no sequence of pairs of a shape and a dtype") from None
    return found


def _layout(spec: Any) -> tuple[Any, tuple[int, ...]]:
    """The dtype and shape of a pair."""
    if not isinstance(spec, tuple | list) or len(spec) != 2:  # noqa: PLR2004, a pair
        raise ArgumentError(f"{shown(spec)} is no pair of a shape and a dtype, as ((64, 128), np.float16) is")
    return dtypes.resolve(spec[1]), extents(spec[0])


def _bytes(size: Any) -> int:
    try:
        number = operator.index(size)
    except TypeError:
        number = -1
    if not 0 <= number < _native_pool.NONE:
        raise ArgumentError(f"{shown(size)} is no number of bytes, which is a whole one from 0 on")
    return number
