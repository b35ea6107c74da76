"""The memory of storages as Python has it: opened at the first use, let go of when its pool takes it back."""

from __future__ import annotations

import math
import os
import weakref
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ingot import _native, _native_host

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

_NEVER: Final = (math.nan,)  # equal to nothing, not even itself


class StorageMemory:
    """What all buffers on one storage share: its bytes, once somebody has asked for them.

    To keep them open makes the next array cheap. It must not look as if the host still used them, when they are taken
    back by a reset of their pool; only the arrays that users have do that. So `forget_views` closes them first.
    """

    __slots__ = ("__weakref__", "array", "data", "nbytes", "use_count")

    nbytes: int
    data: Any
    """An object with the buffer protocol, which keeps the memory for whatever is made of it; None while not opened."""
    use_count: Sequence[float]
    """One number: while it stays the same, so does what host access is granted."""
    array: npt.NDArray[Any] | None
    """An array over all of it, for the buffer that is all of it."""

    def __init__(self, nbytes: int) -> None:
        self.nbytes = nbytes
        self.data = self.array = None
        self.use_count = _NEVER

    def open(self, buffer: _native.Handle) -> None:
        """Opens the bytes, through a buffer on them."""
        data, is_read_only, use_count, pool = _native_host.open_view(buffer)
        # An array, so that users' arrays have this as their base, and what they do to it changes no other array.
        data = read_only(data) if is_read_only else np.frombuffer(data, np.uint8)
        with _native.lock:
            self.data, self.use_count, self.array = data, use_count, None
            group = None
            while group is None or _open_by_pool.get(pool) is not group:  # a finalizer may have come here meanwhile
                group = _group(pool)
                group.add(weakref.ref(self, group.discard))

    def keep(self, data: Any, array: npt.NDArray[Any]) -> None:
        """Keeps an array over `data`, if that is still open."""
        with _native.lock:
            if self.data is data:
                self.array = array

    def close(self) -> None:
        """Closes the bytes; arrays that were made of them are not affected."""
        with _native.lock:
            self._close()

    def _close(self) -> None:
        self.data = self.array = None
        self.use_count = _NEVER


def read_only(data: Any) -> npt.NDArray[np.uint8]:
    """The same bytes, in such a way that nobody can make what is made of them writable.

    Arrays that are made of a memoryview itself refer to what that was made of, and could.
    """
    return np.frombuffer(memoryview(data).toreadonly(), np.uint8)


CLOSED: Final = StorageMemory(0)
"""Of buffers that were closed."""

UNUSED: Final = StorageMemory(0)
"""Of buffers that are all of their storage, as long as the host has nothing to do with it: as of most temporaries."""

PART: Final = StorageMemory(0)
"""Stands for a memory that is all a buffer's own, in buffers that are only a part of theirs."""

_open_by_pool: Final[dict[int, set[weakref.ref[StorageMemory]]]] = {}


def _group(pool: int) -> set[weakref.ref[StorageMemory]]:
    """The place for what is open of a pool; a new one is in place of those of pools that are gone."""
    if pool not in _open_by_pool:
        for other, group in list(_open_by_pool.items()):
            if not group:
                _open_by_pool.pop(other, None)
    return _open_by_pool.setdefault(pool, set())


def _check_again() -> None:
    """In a forked child, where nothing that was granted holds."""
    for group in _open_by_pool.values():
        for reference in list(group):
            memory = reference()
            if memory is not None:
                memory.use_count = _NEVER


os.register_at_fork(after_in_child=_check_again)


def forget_views(pool: _native.Handle) -> None:
    """Closes what buffers keep open of a pool's memory, so that only users' arrays count as host views.

    To be called before a reset of the pool, and once more after it for what was opened in between.
    """
    identity = _native_host.pool_id(pool)
    with _native.lock:
        for reference in list(_open_by_pool.get(identity, ())):
            memory = reference()
            if memory is not None:
                memory._close()
