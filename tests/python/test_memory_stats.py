"""What a device says of its memory, after each of thousands of operations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from kernels import SAXPY

import ingot
from ingot import MemoryUse

if TYPE_CHECKING:
    from collections.abc import Callable

KIB = 1 << 10
SIZES = st.integers(1, 300) | st.integers(8 * KIB - 2, 8 * KIB + 2) | st.integers(1, 400 * KIB)


def capacity(nbytes: int) -> int:
    """Of the block that a pool gives for so many bytes."""
    if nbytes <= 8 * KIB:
        return 1 << max(4, (nbytes - 1).bit_length())
    step = 16 * KIB if nbytes <= 128 * KIB else 1 << (nbytes - 1).bit_length() - 4
    return -(-nbytes // step) * step


@dataclass(frozen=True, eq=False)
class Known:
    """What the model knows of one storage."""

    nbytes: int
    used: int
    is_exact: bool


class Figures(RuleBasedStateMachine):
    """Things that hold storages, each with what is known of these; the figures must be the sums."""

    steps = 0

    def __init__(self) -> None:
        super().__init__()
        self.device = ingot.Device.new(0, manual_time=True)
        self.pool = ingot.Pool(self.device)
        self.kernel = self.device.compile(SAXPY).kernel("saxpy")
        self.things: list[tuple[Any, frozenset[Known]]] = []
        self.peak_used = self.peak_total = 0

    def places(self) -> st.SearchStrategy[int]:
        """Places, not things: what is drawn hypothesis may keep."""
        return st.integers(0, len(self.things) - 1)

    @rule(nbytes=SIZES, where=st.sampled_from(["device", "pool", "exact"]))
    def make(self, nbytes: int, where: str) -> None:
        makers: dict[str, Callable[..., ingot.Buffer]] = {"device": self.device.empty, "pool": self.pool.empty}
        if where == "exact":
            buffer, known = self.device.empty(nbytes, np.uint8, exact=True), Known(nbytes, nbytes, is_exact=True)
        else:
            buffer, known = makers[where](nbytes, np.uint8), Known(nbytes, capacity(nbytes), is_exact=False)
        self.add(buffer, frozenset([known]))

    def add(self, thing: Any, known: frozenset[Known]) -> None:
        self.things.append((thing, known))

    @precondition(lambda self: self.things)
    @rule(data=st.data(), kind=st.sampled_from(["window", "array"]))
    def hold_otherwise(self, data: st.DataObject, kind: str) -> None:
        thing, known = self.things[data.draw(self.places())]
        if isinstance(thing, ingot.Buffer):
            self.add(thing[: max(1, len(thing) // 2)] if kind == "window" else thing.numpy()[-1:], known)

    @precondition(lambda self: self.things)
    @rule(data=st.data())
    def encode(self, data: st.DataObject) -> None:
        """Work that is not committed yet holds what it uses."""
        places = data.draw(st.lists(self.places(), min_size=1, max_size=3))
        found = [self.things[place] for place in places]
        found = [(buffer, known) for buffer, known in found if isinstance(buffer, ingot.Buffer) and buffer.nbytes > 3]
        if not found:
            return
        encoder, all_known = self.device.encoder(), frozenset[Known]()
        for buffer, known in found:
            words = buffer.window(0, 1, np.float32)
            encoder.dispatch(self.kernel, words, words, 0.0, grid=1)
            all_known |= known
        self.add(encoder, all_known)

    @precondition(lambda self: self.things)
    @rule(data=st.data())
    def drop(self, data: st.DataObject) -> None:
        """An encoder is committed first: what is in flight is held until it is done."""
        thing, _ = self.things.pop(data.draw(self.places()))
        if isinstance(thing, ingot.CommandEncoder):
            thing.commit_and_wait()
        elif isinstance(thing, ingot.Buffer) and data.draw(st.booleans()):
            thing.close()

    @rule()
    def trim(self) -> None:
        self.device.pool.trim()
        self.pool.trim()
        if all(known.is_exact for _, all_known in self.things for known in all_known):
            assert self.device.memory_stats().free_bytes == 0

    @rule()
    def reset_peak(self) -> None:
        self.device.reset_peak()
        stats = self.device.memory_stats()
        self.peak_used, self.peak_total = stats.used_bytes, stats.total_bytes

    @invariant()
    def figures_are_the_sums(self) -> None:
        type(self).steps += 1
        stats = self.device.memory_stats()
        known = frozenset[Known]().union(*(each for _, each in self.things))
        exact = [one.nbytes for one in known if one.is_exact]
        # An array holds memory, and nothing else.
        held = frozenset[Known]().union(*(each for thing, each in self.things if not isinstance(thing, np.ndarray)))
        assert stats.storages == MemoryUse(len(held), sum(one.nbytes for one in held))
        assert stats.exact == MemoryUse(len(exact), sum(exact))
        assert stats.used_bytes == sum(one.used for one in known)
        assert stats.wrapped == stats.mapped == stats.adopted == MemoryUse(0, 0)
        self.check_pools(stats)
        self.check_peaks(stats)

    def check_pools(self, stats: ingot.MemoryStats) -> None:
        pools = [self.device.pool.statistics(), self.pool.statistics()]
        assert stats.total_bytes == stats.pooled.bytes + stats.exact.bytes == stats.used_bytes + stats.free_bytes
        assert stats.free_bytes == sum(pool.free_bytes for pool in pools)
        assert stats.pooled.bytes == sum(pool.total_bytes for pool in pools)
        if self.device.has_residency_sets:
            assert stats.resident.count == stats.pooled.count + stats.exact.count
            assert stats.resident.bytes >= stats.total_bytes

    def check_peaks(self, stats: ingot.MemoryStats) -> None:
        self.peak_used = max(self.peak_used, stats.used_bytes)
        self.peak_total = max(self.peak_total, stats.total_bytes)
        assert (stats.peak_used_bytes, stats.peak_total_bytes) == (self.peak_used, self.peak_total)

    def teardown(self) -> None:
        while self.things:
            thing, _ = self.things.pop()
            if isinstance(thing, ingot.CommandEncoder):
                thing.commit_and_wait()


def test_figures_are_exact_after_each_operation() -> None:
    machine = settings(
        max_examples=50, stateful_step_count=60, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    Figures.steps = 0
    run_state_machine_as_test(Figures, settings=machine)
    assert Figures.steps > 2000


def test_figures_of_a_buffer_that_comes_and_goes(device: ingot.Device) -> None:
    assert device.memory_stats() == ingot.MemoryStats(*[MemoryUse(0, 0)] * 7, 0, 0, 0, 0, 0)
    buffer = device.zeros(1000, np.int32)
    stats = device.memory_stats()
    assert (stats.storages, stats.used_bytes, stats.pooled.count) == (MemoryUse(1, 4000), 4096, 1)
    array = buffer.numpy()
    buffer.close()
    held = device.memory_stats()
    assert (held.storages, held.used_bytes, held.pooled) == (MemoryUse(0, 0), 4096, stats.pooled)
    del array
    after = device.memory_stats()
    assert (after.storages, after.used_bytes) == (MemoryUse(0, 0), 0)
    assert after.free_bytes == after.total_bytes == stats.total_bytes
    assert (after.peak_used_bytes, after.peak_total_bytes) == (4096, stats.total_bytes)
    device.reset_peak()
    assert device.memory_stats().peak_used_bytes == 0


def test_refused_requests_leave_the_figures_alone(device: ingot.Device) -> None:
    before = device.memory_stats()
    for shape in (0, (1 << 40, 1 << 40), device.max_buffer_length + 1):
        with pytest.raises(ingot.ArgumentError):
            device.empty(shape, np.uint8)
    assert device.memory_stats() == before
