"""Pools as Python has them: figures, limits, the current pool, and what cannot be meant."""

from __future__ import annotations

import asyncio
import copy
import gc
import pickle
import threading
from typing import Any

import numpy as np
import pytest
from kernels import Gate

import ingot

MIB = 1 << 20


@pytest.fixture
def timed() -> ingot.Device:
    return ingot.Device.new(0, manual_time=True)


@pytest.fixture
def pool(timed: ingot.Device) -> ingot.Pool:
    return ingot.Pool(timed)


def address(buffer: ingot.Buffer) -> int:
    return int(buffer.numpy().__array_interface__["data"][0])


# ---- Blocks ------------------------------------------------------------------------------------------------------


def test_figures_are_those_of_whole_blocks(pool: ingot.Pool) -> None:
    buffer = pool.empty(150_000, np.uint8)
    assert (pool.used_bytes(), pool.free_bytes(), pool.n_free_blocks()) == (163_840, 0, 0)
    assert (buffer.nbytes, buffer.total_nbytes) == (150_000, 150_000)
    del buffer
    assert (pool.used_bytes(), pool.free_bytes(), pool.n_free_blocks()) == (0, 163_840, 1)
    again = pool.empty(160_000, np.uint8)
    expected = ingot.PoolStatistics(
        used_bytes=163_840, free_bytes=0, cached_bytes=0, total_bytes=163_840, free_blocks=0, hits=1, misses=1,
        high_water=163_840, quarantined=0, used_blocks=1,
    )  # fmt: skip
    assert pool.statistics() == expected
    assert (pool.hits(), pool.misses(), pool.high_water(), pool.total_bytes()) == (1, 1, 163_840, 163_840)
    more = pool.empty(MIB)
    del more, again
    pool.reset_high_water()
    assert pool.high_water() == 0
    pool.free_all_blocks()
    assert pool.total_bytes() == 0


def test_d07_recycled_memory_takes_a_new_dtype_and_shape(pool: ingot.Pool) -> None:
    first = pool.full((100, 100), 1.5, np.float32, label="first")
    place = address(first)
    del first
    second = pool.array(np.arange(10_000, dtype=np.int32).reshape(50, 200))
    assert address(second) == place
    assert (second.shape, second.dtype, second.label) == ((50, 200), np.dtype(np.int32), None)
    assert np.array_equal(second.numpy().reshape(-1), np.arange(10_000))


@pytest.mark.parametrize("nbytes", [1, 100, 8192, 100_000, MIB])
def test_d10_recycled_memory_is_zero_where_zeros_are_asked_for(pool: ingot.Pool, nbytes: int) -> None:
    dirty = pool.full(nbytes, 255, np.uint8)
    place = address(dirty)
    del dirty
    clean = pool.zeros(nbytes, np.uint8)
    assert address(clean) == place
    assert not clean.numpy().any()


def test_c11_a_reset_pool_hands_out_the_same_memory_again(pool: ingot.Pool) -> None:
    buffers = [pool.empty(100_000, np.uint8) for _ in range(4)]
    places = {address(buffer) for buffer in buffers}
    assert pool.reset() == 0
    again = [pool.empty(100_000, np.uint8) for _ in range(4)]
    assert {address(buffer) for buffer in again} == places
    for buffer in buffers:
        with pytest.raises(ingot.ClosedError, match="went back to its pool"):
            buffer.numpy()
    assert pool.used_bytes() == 4 * 112 * 1024


def test_c12_to_reset_nothing_does_nothing(pool: ingot.Pool) -> None:
    before = pool.statistics()
    assert [pool.reset() for _ in range(3)] == [0, 0, 0]
    assert pool.statistics() == before


def test_c14_what_is_released_and_reset_has_one_owner(pool: ingot.Pool) -> None:
    buffer = pool.zeros(100_000, np.uint8)
    window = buffer[10:20]
    place = address(buffer)
    assert pool.release(buffer)
    assert not pool.release(buffer)
    assert pool.reset() == 0
    one, two = pool.full(100_000, 1, np.uint8), pool.full(100_000, 2, np.uint8)
    assert place in {address(one), address(two)}
    assert address(one) != address(two)
    assert (one.numpy() == 1).all()
    for stale in (buffer, window):
        with pytest.raises(ingot.ClosedError):
            stale.numpy()
    del buffer, window, stale, one, two
    assert pool.n_free_blocks() == 2


def test_a_reset_leaves_arrays_and_submissions_what_they_use(timed: ingot.Device, pool: ingot.Pool) -> None:
    gate = Gate(timed)
    seen, used = pool.full(100_000, 1, np.uint8), pool.full(100_000, 2, np.uint8)
    array, out = seen.numpy(), timed.empty(100_000, np.uint8, exact=True)
    with gate.encoder(timed) as encoder:
        encoder.dispatch(gate.read, used, out, grid=100_000)
        submission = encoder.commit()
    assert pool.reset() == 2
    assert pool.statistics().quarantined == 2
    others = [pool.full(100_000, 9, np.uint8) for _ in range(3)]
    assert (array == 1).all()
    gate.open()
    submission.wait()
    assert (out.numpy() == 2).all()
    assert pool.statistics().quarantined == 1
    del array
    assert pool.statistics().quarantined == 0
    assert (pool.n_free_blocks(), len(others)) == (2, 3)


def test_foreign_buffers_and_windows_are_not_released(timed: ingot.Device, pool: ingot.Pool) -> None:
    for foreign in (timed.zeros(4), timed.zeros(4, exact=True), ingot.Pool(timed).zeros(4), pool.zeros(4)[1:]):
        with pytest.raises(ingot.ArgumentError, match=r"not of this pool|is a window"):
            pool.release(foreign)
    closed = pool.zeros(4)
    closed.close()
    with pytest.raises(ingot.ClosedError):
        pool.release(closed)
    with pytest.raises(ingot.ArgumentError, match=r"no ingot\.Buffer"):
        pool.release(np.zeros(4))  # type: ignore[arg-type]


def test_c13_registered_memory_is_not_the_pools(timed: ingot.Device) -> None:
    pool = ingot.Pool(timed)
    buffer = timed.full(100, 3, exact=True)
    pool.register_existing(buffer)
    pool.register_existing(buffer)
    assert (pool.reset(), pool.trim(), pool.total_bytes()) == (0, 0, 0)
    del pool
    gc.collect()
    assert (buffer.numpy() == 3).all()
    with pytest.raises(ingot.ArgumentError, match="another device"):
        ingot.Device.new(0).pool.register_existing(buffer)


def test_a_batch_is_all_or_nothing(pool: ingot.Pool) -> None:
    q, k, v = pool.alloc_batch([((64, 128), np.float16), (10, np.int8), ([3], "float32")], label="batch")
    assert [(b.shape, b.dtype.name, b.label) for b in (q, k, v)] == [
        ((64, 128), "float16", "batch"), ((10,), "int8", "batch"), ((3,), "float32", "batch"),
    ]  # fmt: skip
    assert pool.alloc_batch([]) == []
    used = pool.used_bytes()
    for specs in ([(1, np.int8), (0, np.int8)], [(1, np.int8), (1, np.float64)], [(1, np.int8), 5], [(1,)], 5, ["ab"]):
        with pytest.raises(ingot.ArgumentError):
            pool.alloc_batch(specs)  # type: ignore[arg-type]
    pool.set_limit(4 * MIB)
    with pytest.raises(ingot.OutOfMemoryError, match="limit"):
        pool.alloc_batch([(MIB, np.uint8)] * 5)
    with pytest.raises(ingot.ArgumentError, match="at most 65535"):
        pool.alloc_batch([(1, np.uint8)] * 65536)
    assert pool.used_bytes() == used


# ---- Limits ------------------------------------------------------------------------------------------------------


def test_limits_are_kept(timed: ingot.Device) -> None:
    pool = ingot.Pool(timed, limit=2 * MIB)
    assert pool.get_limit() == 2 * MIB
    first = pool.empty(MIB, np.uint8)
    second = pool.empty(MIB, np.uint8)
    with pytest.raises(ingot.OutOfMemoryError, match=f"limit is {2 * MIB}"):
        pool.empty(16, np.uint8)
    del second
    assert pool.empty(100_000, np.uint8).size == 100_000  # what was cached has gone for it
    assert pool.total_bytes() <= 2 * MIB
    pool.set_limit()
    assert pool.get_limit() == 0
    pool.set_limit(fraction=0.5)
    assert pool.get_limit() == timed.recommended_working_set // 2
    assert ingot.Pool(timed, fraction=0.25).get_limit() == timed.recommended_working_set // 4
    pool.set_cache_limit(0)
    del first
    assert (pool.get_cache_limit(), pool.free_bytes()) == (0, 0)
    pool.set_cache_limit(fraction=0.125)
    assert pool.get_cache_limit() == timed.recommended_working_set // 8
    pool.set_cache_limit()
    assert pool.get_cache_limit() == ingot.Pool(timed).get_cache_limit()


def test_memory_decays(timed: ingot.Device) -> None:
    pool, keeping = ingot.Pool(timed, decay=2.5), ingot.Pool(timed, decay=None)
    assert (pool.get_decay(), keeping.get_decay(), timed.pool.get_decay()) == (2.5, None, 10.0)
    for each in (pool, keeping):
        each.empty(MIB)
    timed.advance_time(2.4)
    assert pool.n_free_blocks() == 1
    timed.advance_time(0.1)
    assert (pool.n_free_blocks(), keeping.n_free_blocks()) == (0, 1)
    timed.advance_time(1e9)
    assert keeping.n_free_blocks() == 1


def test_trim_and_pressure(pool: ingot.Pool) -> None:
    kept = pool.alloc_batch([(MIB, np.uint8)] * 4)
    del kept
    assert pool.trim(3 * MIB) == MIB
    assert pool.relieve("warning") == 2 * MIB  # no more than half stays
    assert pool.relieve("critical") == MIB
    assert pool.total_bytes() == 0


BAD: dict[str, tuple[Any, ...]] = {
    "limit": (-1, 1 << 64, 1.5, "1", [], True.real - 2),
    "fraction": (-0.1, 1.1, float("nan"), float("inf"), "0.5", [], 10**400),
    "decay": (0, -1, float("nan"), "1", [], object()),
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in BAD.items() for value in values])
def test_bad_limits(timed: ingot.Device, name: str, value: object) -> None:
    with pytest.raises(ingot.ArgumentError):
        ingot.Pool(timed, **{name: value})  # type: ignore[arg-type]


def test_bad_arguments(timed: ingot.Device, pool: ingot.Pool) -> None:
    for device in (None, 5, "gpu", pool, np.zeros(1), timed.zeros(4)):
        with pytest.raises(ingot.ArgumentError, match=r"no ingot\.Device"):
            ingot.Pool(device)  # type: ignore[arg-type]
    with pytest.raises(ingot.ArgumentError, match="not both"):
        ingot.Pool(timed, limit=1, fraction=0.5)
    for to in (-1, 1.5, "1", None, 1 << 64):
        with pytest.raises(ingot.ArgumentError, match="number of bytes"):
            pool.trim(to)  # type: ignore[arg-type]
    for level in ("low", None, 1, []):
        with pytest.raises(ingot.ArgumentError, match="'warning' or 'critical'"):
            pool.relieve(level)  # type: ignore[arg-type]
    for shape, dtype in ((0, "int8"), (-1, "int8"), (1, "float64"), (1 << 62, "float32"), ("x", "int8")):
        with pytest.raises(ingot.ArgumentError):
            pool.zeros(shape, dtype)  # type: ignore[arg-type]
    for call in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="cannot be pickled or copied"):
            call(pool)


def test_exact_buffers_are_of_no_pool(timed: ingot.Device, pool: ingot.Pool) -> None:
    buffers = [pool.zeros(4, exact=True), timed.zeros(4, exact=True)]
    with pool:
        buffers.append(timed.full(4, 1, exact=True))
    assert (pool.total_bytes(), timed.pool.total_bytes()) == (0, 0)
    assert timed.memory_stats().exact.count == 3
    for buffer in buffers:
        with pytest.raises(ingot.ArgumentError, match="not of this pool"):
            pool.release(buffer)


def test_repr(pool: ingot.Pool) -> None:
    buffer = pool.empty(100_000, np.uint8)
    assert repr(pool).startswith("<ingot.Pool 114688 bytes used, 0 free in 0 blocks, device='")
    del buffer


# ---- The current pool --------------------------------------------------------------------------------------------


def test_a_device_has_one_pool(timed: ingot.Device) -> None:
    own = timed.pool
    assert own is timed.pool
    assert own.device is timed
    buffer = timed.zeros(MIB)
    assert own.used_bytes() == 4 * MIB
    assert own.release(buffer)


def test_the_current_pool_serves_its_device(timed: ingot.Device, pool: ingot.Pool) -> None:
    inner, other = ingot.Pool(timed), ingot.Device.new(0)
    kept = []
    with pool as entered:
        assert entered is pool
        kept += [timed.zeros(16), timed.array([1, 2]), timed.full(3, 1), timed.empty((2, 2)), timed.empty(7)]
        assert pool.misses() + pool.hits() == 5
        with inner, ingot.Pool(other), pool, inner:
            kept += [timed.zeros(16), timed.zeros(16, exact=True), other.zeros(16), pool.zeros(16)]
        kept += [timed.zeros(16), kept[0].copy()]
    kept.append(timed.zeros(16))
    counted = [each.misses() + each.hits() for each in (pool, inner, timed.pool, other.pool)]
    assert counted == [8, 1, 1, 0]


def test_the_current_pool_is_restored_after_an_error(timed: ingot.Device, pool: ingot.Pool) -> None:
    with pytest.raises(KeyError), pool:
        raise KeyError
    buffer = timed.zeros(16)
    assert (pool.total_bytes(), timed.pool.used_bytes()) == (0, 64)
    del buffer
    with pytest.raises(ingot.StateError, match="another thread or task"):
        pool.__exit__(None, None, None)


def test_threads_have_current_pools_of_their_own(timed: ingot.Device) -> None:
    pools = [ingot.Pool(timed) for _ in range(4)]
    barrier = threading.Barrier(5)
    counts: list[int] = []

    def work(pool: ingot.Pool) -> None:
        with pool:
            barrier.wait()
            for _ in range(200):
                timed.full(64, 7).close()
            barrier.wait()
            counts.append(pool.hits() + pool.misses())

    threads = [threading.Thread(target=work, args=(pool,)) for pool in pools]
    for thread in threads:
        thread.start()
    barrier.wait()
    outside = timed.zeros(4)
    barrier.wait()
    for thread in threads:
        thread.join()
    assert counts == [200] * 4
    assert timed.pool.misses() == 1
    assert outside.size == 4


def test_tasks_have_current_pools_of_their_own(timed: ingot.Device, pool: ingot.Pool) -> None:
    async def work(own: ingot.Pool | None, count: int) -> None:
        if own is None:
            for _ in range(count):
                timed.zeros(4)
                await asyncio.sleep(0)
            return
        with own:
            for _ in range(count):
                timed.zeros(4)
                await asyncio.sleep(0)

    async def main() -> None:
        with pool:
            inherited = asyncio.create_task(work(None, 10))
        await asyncio.gather(work(first, 20), work(second, 30), work(None, 40), inherited)

    first, second = ingot.Pool(timed), ingot.Pool(timed)
    asyncio.run(main())
    assert [each.hits() + each.misses() for each in (first, second, timed.pool, pool)] == [20, 30, 40, 10]


def test_buffers_outlive_their_pool(timed: ingot.Device) -> None:
    buffer = ingot.Pool(timed).full(1000, 5)
    gc.collect()
    assert (buffer.numpy() == 5).all()
    del buffer
    assert timed.memory_stats().pooled.bytes == 0


def test_many_threads_share_a_pool(pool: ingot.Pool) -> None:
    failures: list[str] = []

    def work(value: int) -> None:
        chance = np.random.default_rng(value)
        held: list[ingot.Buffer] = []
        for _ in range(300):
            held.append(pool.full(int(chance.choice([10, 1000, 9000, 200_000])), value, np.uint8))
            if len(held) > 4:
                buffer = held.pop(int(chance.integers(4)))
                if not (buffer.numpy() == value).all():
                    failures.append("other bytes")

    threads = [threading.Thread(target=work, args=(value,)) for value in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert pool.used_bytes() == 0
    assert pool.hits() + pool.misses() == 1200
