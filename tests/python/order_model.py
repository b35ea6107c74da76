"""What programs of several encoders compute: steps on the bytes of storages, one after another."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from hypothesis import strategies as st

if TYPE_CHECKING:
    import numpy.typing as npt

    from ingot.encoder import Ordering

Memory = list["npt.NDArray[np.uint8]"]
Kind = Literal["affine", "horner", "copy", "fill"]

STORAGES = 3
QUEUES = 3
NBYTES = 192
GRAIN = 16
FACTOR = 5

# No two of these steps on the same bytes can change places without another result, but by chance.
SOURCE = f"""
#include <metal_stdlib>
using namespace metal;
kernel void affine(device uint *y, constant uint &value, uint i [[thread_position_in_grid]]) {{
  y[i] = y[i] * {FACTOR} + value;
}}
kernel void horner(device uint *y, device const uint *x, uint i [[thread_position_in_grid]]) {{
  y[i] = y[i] * {FACTOR} + x[i];
}}
"""


@dataclass(frozen=True)
class Window:
    """Bytes of a storage."""

    storage: int
    start: int
    stop: int

    @property
    def nbytes(self) -> int:
        return self.stop - self.start

    def overlaps(self, other: Window) -> bool:
        return self.storage == other.storage and self.start < other.stop and other.start < self.stop

    def of(self, memory: Memory) -> npt.NDArray[np.uint8]:
        return memory[self.storage][self.start : self.stop]


@dataclass(frozen=True)
class Step:
    """A dispatch, copy or fill: it writes its target, which it may read as well, and reads its source."""

    kind: Kind
    target: Window
    source: Window | None
    value: int

    def conflicts(self, other: Step) -> bool:
        """Whether the two have an order: one writes what the other uses."""
        return any(
            one.target.overlaps(window)
            for one, two in ((self, other), (other, self))
            for window in (two.target, two.source)
            if window is not None
        )

    def run(self, memory: Memory) -> None:
        target = self.target.of(memory)
        source = None if self.source is None else self.source.of(memory)
        match self.kind:
            case "fill":
                target[:] = self.value & 0xFF
            case "copy":
                target[:] = source
            case _:
                added = np.uint32(self.value) if source is None else source.view(np.uint32)
                words = target.view(np.uint32)
                words[:] = words * np.uint32(FACTOR) + added


@dataclass(frozen=True)
class Part:
    """An encoder: what is committed at once."""

    ordering: Ordering
    steps: list[Step]
    names_buffers: bool
    """Of manual barriers: whether they are put for some storages only."""
    is_awaited: bool
    """Whether the host waits for it, and looks at all memory, before the next is committed."""
    queue: int
    is_recorded: bool
    """Whether its steps are a graph, which is replayed in an encoder of its own."""

    def run(self, memory: Memory) -> None:
        for step in self.steps:
            step.run(memory)

    def conflicts(self, other: Part) -> bool:
        return any(step.conflicts(theirs) for step in self.steps for theirs in other.steps)

    @property
    def barriers(self) -> list[bool]:
        """Before which steps there must be one that orders everything, put as late as can be."""
        needed, open_steps = [], []
        for step in self.steps:
            needed.append(any(map(step.conflicts, open_steps)))
            open_steps = [step] if needed[-1] else [*open_steps, step]
        return needed

    @property
    def named_barriers(self) -> list[list[int]]:
        """The storages for which there must be one before each step, of barriers for single storages."""
        needed, open_steps = [], {storage: [] for storage in range(STORAGES)}
        for step in self.steps:
            used = sorted({window.storage for window in (step.target, step.source) if window is not None})
            needed.append([storage for storage in used if any(map(step.conflicts, open_steps[storage]))])
            for storage in needed[-1]:
                open_steps[storage] = []
            for storage in used:
                open_steps[storage].append(step)
        return needed


@dataclass(frozen=True)
class Program:
    """Encoders in the order of their commits, and a seed of what chooses whose step is encoded next."""

    parts: list[Part]
    seed: int

    @property
    def waits(self) -> list[list[int]]:
        """For which of the parts before it each has to wait, since Metal does not order queues: the last in each."""
        needed = []
        for number, part in enumerate(self.parts):
            last = {
                earlier.queue: place
                for place, earlier in enumerate(self.parts[:number])
                if earlier.queue != part.queue and part.conflicts(earlier)
            }
            needed.append(sorted(last.values()))
        return needed


def window(storage: int, place: int, length: int, shift: int) -> Window:
    """Bytes that begin at one of few places: they overlap or touch many others of the same storage."""
    start = place * GRAIN + shift
    return Window(storage, start, start + length * GRAIN)


PLACES = st.integers(0, 7)
SHIFTS = st.integers(0, GRAIN // 2 - 1)
STORAGE = st.integers(0, STORAGES - 1)


@st.composite
def steps(draw: st.DrawFn) -> Step:
    kind: Kind = draw(st.sampled_from(("affine", "horner", "copy", "fill")))
    storage, place, length, value = draw(st.tuples(STORAGE, PLACES, st.integers(1, 3), st.integers(1, 255)))
    takes_bytes = kind in {"copy", "fill"}
    target = window(storage, place, length, draw(SHIFTS) if takes_bytes else 0)
    if kind in {"affine", "fill"}:
        return Step(kind, target, None, value)
    storage, place = draw(st.tuples(STORAGE, PLACES))
    source = window(storage, place, length, draw(SHIFTS) if takes_bytes else 0)
    if source.overlaps(target):
        source = replace(source, storage=(storage + 1) % STORAGES)
    return Step(kind, target, source, value)


def parts() -> st.SearchStrategy[Part]:
    ordering = st.sampled_from(("automatic", "manual", "serial"))
    these = st.lists(steps(), min_size=2, max_size=12)
    return st.builds(Part, ordering, these, st.booleans(), st.booleans(), st.integers(0, QUEUES - 1), st.booleans())


def programs() -> st.SearchStrategy[Program]:
    return st.builds(Program, st.lists(parts(), min_size=2, max_size=5), st.integers(0, 1 << 16))
