"""What a device keeps resident by itself, and the residency sets that users make."""

from __future__ import annotations

import gc
import math
import threading
from pathlib import Path

import numpy as np
import pytest
from kernels import SAXPY

import ingot

BEAT = 0.4
"""Seconds between two requests while a device is idle."""


@pytest.fixture
def clocked() -> ingot.Device:
    """An isolated device whose clock the test turns."""
    return ingot.Device.new(0, manual_time=True)


def submit(device: ingot.Device) -> None:
    device.encoder().commit_and_wait()


def exact(device: ingot.Device, count: int = 16384) -> ingot.Buffer:
    """A buffer with an allocation of its own."""
    return device.empty(count, np.float32, exact=True)


# ---- By itself -------------------------------------------------------------------------------------------------


def test_c02_c06_c08_allocations_come_and_go_with_one_commit(device: ingot.Device) -> None:
    def figures() -> tuple[int, int]:
        statistics = device.statistics()
        return statistics.resident_count, statistics.residency_commits

    kept = [exact(device) for _ in range(100)]
    dropped = [exact(device) for _ in range(100)]
    assert figures() == (200, 0)
    assert device.statistics().resident_bytes >= 200 * 65536
    dropped.clear()
    assert figures() == (100, 0)
    submit(device)
    assert figures() == (100, 1)
    submit(device)
    assert figures() == (100, 1)
    kept.clear()
    assert figures() == (0, 1)
    assert device.statistics().resident_bytes == 0
    submit(device)
    assert figures() == (0, 2)


def test_c09_nothing_allocated_is_no_commit(device: ingot.Device) -> None:
    submit(device)
    assert device.statistics().residency_commits == 0
    kept = [exact(device) for _ in range(4)]
    submit(device)
    assert device.statistics().residency_commits == 1
    assert device.statistics().resident_count == len(kept)


def test_dropped_memory_goes_back_after_a_second_without_a_submission(clocked: ingot.Device) -> None:
    buffer = exact(clocked, 1 << 20)
    submit(clocked)
    before = clocked.current_allocated
    del buffer
    clocked.advance_time(0.999)
    assert clocked.current_allocated == before
    assert clocked.statistics().residency_commits == 1
    clocked.advance_time(0.001)
    assert clocked.current_allocated <= before - (1 << 22)
    assert clocked.statistics().residency_commits == 2


def test_a_loop_that_drops_what_it_makes_holds_little(device: ingot.Device) -> None:
    chunk = 16 << 20
    start, most = device.current_allocated, 0
    for _ in range(20):
        buffer = device.empty(chunk, np.uint8, exact=True)
        with device.encoder() as encoder:
            encoder.commit_and_wait()
        del buffer
        most = max(most, device.current_allocated - start)
    assert most <= 2 * chunk


def test_memory_is_kept_alive_while_the_device_is_idle(clocked: ingot.Device) -> None:
    def figures() -> tuple[int, int]:
        statistics = clocked.statistics()
        return statistics.residency_wake_ups, statistics.residency_requests

    buffer = exact(clocked)
    clocked.advance_time(10)
    assert figures() == (0, 0)  # nothing was submitted yet
    submit(clocked)
    clocked.advance_time(3 * BEAT)
    assert figures() == (3, 3)
    clocked.advance_time(1000)
    assert figures() == (450, 450)  # 180 s
    clocked.keep_alive = 2
    submit(clocked)
    clocked.advance_time(1000)
    assert figures() == (455, 455)
    clocked.keep_alive = 0
    submit(clocked)
    clocked.advance_time(1000)
    assert figures() == (455, 455)
    del buffer


def test_the_time_to_keep_memory_alive_is_settable(device: ingot.Device) -> None:
    assert device.keep_alive == 180
    for seconds in (0, 0.5, 3600, math.inf):
        device.keep_alive = seconds
        assert device.keep_alive == seconds
    device.keep_alive = np.float32(1.5)
    device.keep_alive = 1e300
    assert device.keep_alive == math.inf
    for wrong in (-1, math.nan, -math.inf, "5", None, 1j, 10**400):
        with pytest.raises(ingot.ArgumentError, match="keep memory alive"):
            device.keep_alive = wrong
    assert device.keep_alive == math.inf


def test_the_budget_is_settable(device: ingot.Device) -> None:
    limit = device.recommended_working_set
    assert 0 < device.residency_budget <= limit
    for nbytes in (0, 1 << 20, np.int64(5), limit):
        device.residency_budget = nbytes
        assert device.residency_budget == nbytes
    for wrong in (-1, limit + 1, 1 << 63, 1 << 64, 10**30, 1.5, "1", None):
        with pytest.raises(ingot.ArgumentError, match="budget"):
            device.residency_budget = wrong
    assert device.residency_budget == limit


def test_memory_beyond_the_budget_waits_and_works(device: ingot.Device) -> None:
    def figures() -> tuple[int, int]:
        statistics = device.statistics()
        return statistics.resident_bytes // unit, statistics.unwired_bytes // unit

    first = exact(device)
    unit = device.statistics().resident_bytes
    device.residency_budget = 2 * unit
    others = [exact(device) for _ in range(4)]
    assert figures() == (2, 3)
    saxpy = device.compile(SAXPY).kernel("saxpy")
    with device.encoder() as encoder:
        encoder.dispatch(saxpy, first, others[3], 1.0, grid=16)
        encoder.commit_and_wait()
    assert figures() == (2, 3)
    del first
    submit(device)
    assert figures() == (2, 2)
    device.residency_budget = device.recommended_working_set
    submit(device)
    assert figures() == (4, 0)
    device.residency_budget = unit
    assert figures() == (1, 3)
    del others


def test_without_residency_there_is_no_budget() -> None:
    device = ingot.Device.new(0, residency=False)
    assert device.residency_budget == 0
    device.residency_budget = 0
    with pytest.raises(ingot.ArgumentError, match="keeps no memory resident"):
        device.residency_budget = 1
    exact(device)
    assert device.statistics().residency_sets == 0


# ---- Sets of the user's ----------------------------------------------------------------------------------------


def test_c69_a_set_counts_what_is_staged_and_weighs_what_is_committed(device: ingot.Device) -> None:
    weights = device.residency_set(label="weights")
    one, two = exact(device), exact(device, 100_000)
    assert (len(weights), weights.allocated_bytes, weights.label, weights.device) == (0, 0, "weights", device)
    weights.add(one, two, one)
    assert len(weights) == 2
    assert one in weights
    assert weights.allocated_bytes == 0
    weights.commit()
    assert weights.allocated_bytes >= 465_536
    weights.remove(one)
    weights.remove(one)
    assert len(weights) == 1
    assert one not in weights
    assert weights.allocated_bytes >= 465_536
    weights.commit()
    assert 400_000 <= weights.allocated_bytes < 465_536
    weights.clear()
    assert len(weights) == 0
    assert two not in weights
    weights.commit()
    assert weights.allocated_bytes == 0
    assert bool(weights)
    assert 5 not in weights
    weights.add()
    weights.remove()


def test_a_set_holds_memory_whatever_becomes_of_the_buffer(device: ingot.Device) -> None:
    weights, buffer = device.residency_set(), exact(device, 1 << 20)
    before = device.current_allocated
    weights.add(buffer[: 1 << 10])
    weights.commit()
    del buffer
    submit(device)
    assert device.current_allocated >= before
    weights.clear()
    weights.commit()
    assert device.current_allocated <= before - (1 << 22)


def test_resident_requests_until_its_end(clocked: ingot.Device) -> None:
    weights, buffer = clocked.residency_set(), exact(clocked)
    clocked.residency_budget = 0  # so that only the set is requested
    weights.add(buffer)
    with weights.resident() as same:
        assert same is weights
        assert weights.allocated_bytes >= 65536
        clocked.advance_time(2 * BEAT)
        assert clocked.statistics().residency_requests == 2
    clocked.advance_time(10 * BEAT)
    assert clocked.statistics().residency_requests == 2
    with pytest.raises(ZeroDivisionError), weights.resident():
        raise ZeroDivisionError
    with weights.resident():
        weights.close()
    weights.close()


def test_bad_buffers_are_refused_and_none_is_added(device: ingot.Device) -> None:
    weights, mine = device.residency_set(), exact(device)
    foreign, closed = exact(ingot.Device.new(0)), exact(device)
    closed.close()
    for wrong, kind, words in (
        (foreign, ingot.ArgumentError, "another device"),
        (closed, ingot.ClosedError, "was closed"),
        ("text", ingot.ArgumentError, "'text' is no ingot.Buffer"),
        (np.zeros(4), ingot.ArgumentError, "is no ingot.Buffer"),
        (None, ingot.ArgumentError, "None is no"),
    ):
        for change in (weights.add, weights.remove):
            with pytest.raises(kind, match=words):
                change(mine, wrong)
    assert len(weights) == 0
    assert foreign not in weights
    with pytest.raises(ingot.ClosedError):
        assert closed in weights
    with pytest.raises(ingot.ArgumentError, match="NUL"):
        device.residency_set(label="a\0b")
    with pytest.raises(TypeError, match="pickled"):
        weights.__reduce__()


def test_a_closed_set_says_so(device: ingot.Device) -> None:
    weights, buffer = device.residency_set("weights"), exact(device)
    count = device.statistics().residency_sets
    weights.close()
    weights.close()
    assert device.statistics().residency_sets == count - 1
    assert repr(weights) == "<ingot.ResidencySet 'weights', closed>"
    calls = (weights.commit, weights.clear, weights.request, weights.end, lambda: weights.add(buffer))
    for call in (*calls, lambda: len(weights), lambda: weights.allocated_bytes, lambda: buffer in weights):
        with pytest.raises(ingot.ClosedError, match="'weights', closed"):
            call()


def test_repr_says_what_is_in_it(device: ingot.Device) -> None:
    weights = device.residency_set("weights")
    weights.add(exact(device))
    assert repr(weights) == "<ingot.ResidencySet 'weights', 1 allocations, 0 bytes>"
    assert repr(device.residency_set()) == "<ingot.ResidencySet, 0 allocations, 0 bytes>"


@pytest.mark.parametrize("residency", [True, False])
def test_a_queue_has_31_sets(residency: bool) -> None:  # noqa: FBT001
    device = ingot.Device.new(0, residency=residency)
    own = device.statistics().residency_sets
    assert (own > 0) == residency
    sets = [device.residency_set() for _ in range(31 - own)]
    with pytest.raises(ingot.StateError, match=r"at most 31 residency sets"):
        device.residency_set()
    sets.pop()
    sets.append(device.residency_set())
    submit(device)
    del sets
    gc.collect()
    assert device.statistics().residency_sets == own


def test_threads_change_one_set_at_once(device: ingot.Device) -> None:
    """The software device ends the process where two threads are in one of Metal's sets."""
    shared, failures = device.residency_set(), []

    def work() -> None:
        try:
            for step in range(60):
                buffers = [exact(device) for _ in range(4)]
                shared.add(*buffers)
                with device.encoder() as encoder:
                    encoder.commit()
                shared.remove(*buffers[step % 4 :])
                shared.commit()
                assert len(shared) >= 0
        except Exception as error:  # noqa: BLE001, whatever it is, the test must see it
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    shared.clear()
    shared.commit()
    assert (len(shared), shared.allocated_bytes) == (0, 0)


def test_the_readme_names_what_there_is() -> None:
    text = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
    for name in ("residency_set", "residency_budget", "keep_alive"):
        assert name in text
        assert hasattr(ingot.Device, name)


def test_a_reset_gives_back_what_waits_to_leave_a_set() -> None:
    """Trim, reset, close and memory pressure commit removals at once; otherwise they wait for a second."""
    device = ingot.Device.new(0, manual_time=True)
    if not device.has_residency_sets:
        pytest.skip("no residency sets here")
    for give_back in (device.pool.reset, device.pool.trim, lambda: device.pool.relieve("warning")):
        buffer = device.zeros(1 << 18, exact=True)
        device.encoder().commit_and_wait()
        allocated = device.current_allocated
        del buffer
        assert device.current_allocated == allocated
        give_back()
        assert device.current_allocated < allocated
