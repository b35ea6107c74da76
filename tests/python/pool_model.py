"""What a pool does, in the plainest words: units, loans, and who holds them. Which free block is taken is open."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    import ingot

SLAB = 1 << 20
LARGEST_SMALL = 8 << 10
PAGE = 16 << 10
LARGEST_PAGES = 128 << 10


def capacity(nbytes: int) -> int:
    """Bytes of the block for so many: powers of two from 16; whole pages; eighths of an octave."""
    if nbytes <= LARGEST_SMALL:
        return max(16, 1 << (nbytes - 1).bit_length())
    step = PAGE if nbytes <= LARGEST_PAGES else 1 << ((nbytes - 1).bit_length() - 4)
    return -(-nbytes // step) * step


class NoRoomError(Exception):
    """The limit does not allow another unit."""


@dataclass(eq=False)
class Unit:
    """An allocation: a block, or a slab of as many as fit."""

    address: int
    capacity: int
    nbytes: int
    used: set[int] = field(default_factory=set)

    @property
    def blocks(self) -> int:
        return self.nbytes // self.capacity

    def has(self, address: int) -> bool:
        return self.address <= address < self.address + self.nbytes


@dataclass(eq=False)
class Loan:
    """A block that somebody uses: a storage that is not stale, arrays, submissions."""

    pool: PoolModel
    unit: Unit
    address: int
    content: npt.NDArray[np.uint8]
    holders: int = 1
    is_quarantined: bool = False

    def hold(self) -> None:
        assert self.holders > 0
        self.holders += 1

    def drop(self) -> None:
        self.holders -= 1
        if not self.holders:
            self.pool.put(self)


class PoolModel:
    """A pool's units and counters. `time` is that of the device, in seconds."""

    def __init__(self, decay: float | None, cache_limit: int) -> None:
        self.decay = decay
        self.limit = 0
        self.cache_limit = cache_limit
        self.time = 0.0
        self.units: list[Unit] = []
        # Those of which nothing is used, with the time since when, the longest unused first.
        self.cached: list[tuple[float, Unit]] = []
        self.is_tied = False
        """Whether some are cached since the same moment, and it is not said which would go first."""
        self.hits = self.misses = self.high_water = self.quarantined = 0

    @property
    def used_bytes(self) -> int:
        return sum(len(unit.used) * unit.capacity for unit in self.units)

    @property
    def total_bytes(self) -> int:
        return sum(unit.nbytes for unit in self.units)

    @property
    def cached_bytes(self) -> int:
        return sum(unit.nbytes for _, unit in self.cached)

    def statistics(self) -> dict[str, int]:
        free = sum(unit.blocks - len(unit.used) for unit in self.units)
        return {
            "used_bytes": self.used_bytes,
            "free_bytes": self.total_bytes - self.used_bytes,
            "cached_bytes": self.cached_bytes,
            "total_bytes": self.total_bytes,
            "free_blocks": free,
            "hits": self.hits,
            "misses": self.misses,
            "high_water": self.high_water,
            "quarantined": self.quarantined,
            "used_blocks": sum(len(unit.used) for unit in self.units),
        }

    # ---- Blocks ------------------------------------------------------------------------------------------------

    def prepare(self, nbytes: int) -> list[Unit]:
        """The units that a block can come from, none if it takes a new one, for which there is room then."""
        wanted = capacity(nbytes)
        found = [unit for unit in self.units if unit.capacity == wanted and len(unit.used) < unit.blocks]
        if not found and self.limit:
            surplus = self.total_bytes + max(wanted, SLAB * (wanted <= LARGEST_SMALL)) - self.limit
            if surplus > self.cached_bytes:
                raise NoRoomError
            if surplus > 0:
                self.trim(self.cached_bytes - surplus)
        return found

    def take(self, found: list[Unit], nbytes: int, address: int) -> Loan:
        """Notes which block was handed out, if nobody else has it."""
        if found:
            self.hits += 1
            units = [unit for unit in found if unit.has(address)]
            assert units, f"{nbytes} bytes at {address:#x} are no block that was free"
            unit = units[0]
        else:
            self.misses += 1
            wanted = capacity(nbytes)
            unit = Unit(address, wanted, SLAB if wanted <= LARGEST_SMALL else wanted)
            for other in self.units:
                assert unit.address + unit.nbytes <= other.address or other.address + other.nbytes <= unit.address
            self.units.append(unit)
        assert address not in unit.used, f"{address:#x} has two owners"
        assert (address - unit.address) % unit.capacity == 0
        self.cached = [entry for entry in self.cached if entry[1] is not unit]
        unit.used.add(address)
        self.high_water = max(self.high_water, self.used_bytes)
        return Loan(self, unit, address, np.zeros(nbytes, np.uint8))

    def put(self, loan: Loan) -> None:
        self.quarantined -= loan.is_quarantined
        loan.unit.used.remove(loan.address)
        if not loan.unit.used:
            self.cached.append((self.time, loan.unit))
        self.keep_limits()

    # ---- What goes ---------------------------------------------------------------------------------------------

    def keep_limits(self) -> None:
        if self.cached and self.cached[-1][1].nbytes > self.cache_limit:
            self.remove(-1)
        self.trim(self.cache_limit)
        if self.limit:
            self.trim(max(0, self.cached_bytes - max(0, self.total_bytes - self.limit)))

    def trim(self, to: int) -> int:
        before = self.cached_bytes
        while self.cached and self.cached_bytes > to:
            self.remove(0)
        return before - self.cached_bytes

    def advance(self, seconds: float) -> None:
        self.time += seconds
        while self.decay is not None and self.cached and self.time - self.cached[0][0] >= self.decay:
            self.remove(0)

    def remove(self, index: int) -> None:
        _, unit = self.cached.pop(index)
        assert not unit.used
        self.units.remove(unit)


@dataclass(eq=False)
class Storage:
    """What was handed out: the loan, unless stale, and its buffers, each with the bytes that it is a window on."""

    loan: Loan
    buffers: list[tuple[ingot.Buffer, slice]]
    is_shown: bool
    """Whether the test looks at it through arrays; else only kernels do, and no array was ever made of it."""
    submissions: int = 0
    is_stale: bool = False

    def expire(self) -> bool:
        """Gives up the memory; returns whether somebody else holds it still."""
        self.is_stale = True
        is_held = self.loan.holders > 1
        if is_held:
            self.loan.is_quarantined = True
            self.loan.pool.quarantined += 1
        self.loan.drop()
        return is_held

    def check_gone(self) -> None:
        """To be called when a buffer or submission is gone."""
        if not self.buffers and not self.submissions and not self.is_stale:
            self.is_stale = True
            self.loan.drop()


@dataclass(eq=False)
class View:
    """An array that the test holds, and what must be in it."""

    array: npt.NDArray[Any]
    loan: Loan
    window: slice


@dataclass(eq=False)
class Job:
    """A submission that waits at the gate, and what it does then."""

    uses: list[Storage] = field(default_factory=list)
    steps: list[tuple[Loan, slice, int | ingot.Buffer]] = field(default_factory=list)
    """Which bytes it writes, with what, or reads, to where."""
    submission: ingot.Submission = field(init=False)

    @property
    def loans(self) -> list[Loan]:
        return [loan for loan, _, _ in self.steps]

    def use(self, storage: Storage) -> None:
        if storage not in self.uses:
            self.uses.append(storage)
            storage.submissions += 1
            storage.loan.hold()

    def finish(self) -> None:
        """Does what the GPU has done, looks at what it has read, and lets go of all it used."""
        for loan, window, value in self.steps:
            if isinstance(value, int):
                loan.content[window] = value
            else:
                assert np.array_equal(value.numpy(), loan.content[window]), "a kernel found other bytes"
        for storage in self.uses:
            storage.submissions -= 1
            storage.check_gone()
            storage.loan.drop()
