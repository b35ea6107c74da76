"""Pools against a model: nobody's bytes are anybody else's, counters are exact, and everything comes back."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from kernels import Gate
from pool_model import SLAB, Job, Loan, NoRoomError, PoolModel, Storage, View

import ingot
from ingot import _native

if TYPE_CHECKING:
    from collections.abc import Callable

SIZES = [1, 16, 100, 128, 1000, 5000, 8192, 8193, 40_000, 140_000, 150_000, 300_000]
NUMBER = st.integers(0, 1 << 16)
POOL = st.integers(0, 1)
BYTE = st.integers(1, 255)
LIMIT = 3 << 20
SHRUNK = [0, 200_000, 1 << 20, LIMIT]
MOST = 12


class Pools(RuleBasedStateMachine):
    """The device's own pool and another one, and all that is made of them. Time and the GPU go on when told to."""

    steps = 0

    def __init__(self) -> None:
        super().__init__()
        self.device = ingot.Device.new(0, manual_time=True)
        self.gate = Gate(self.device)
        self.pools = [self.device.pool, ingot.Pool(self.device)]
        self.models = [PoolModel(10.0, pool.get_cache_limit()) for pool in self.pools]
        self.storages: list[Storage] = []
        self.stale: list[Storage] = []
        self.views: list[View] = []
        self.jobs: list[Job] = []

    # ---- Taking ------------------------------------------------------------------------------------------------

    @precondition(lambda self: len(self.storages) < MOST)
    @rule(
        pool=POOL,
        nbytes=st.sampled_from(SIZES),
        how=st.sampled_from(["empty", "zeros", "full", "array", "lazy"]),
        is_current=st.booleans(),
        is_shown=st.booleans(),
        value=BYTE,
    )
    def make(self, pool: int, nbytes: int, how: str, is_current: bool, is_shown: bool, value: int) -> None:  # noqa: FBT001, PLR0913, PLR0917, drawn
        calls: dict[str, Callable[[Any], ingot.Buffer]] = {
            "empty": lambda maker: maker.empty(nbytes, np.uint8),
            "zeros": lambda maker: maker.zeros(nbytes, np.uint8),
            "full": lambda maker: maker.full(nbytes, value, np.uint8),
            "array": lambda maker: maker.array(np.full(nbytes, value, np.uint8)),
            "lazy": lambda maker: maker.buffer(nbytes, np.uint8, lazy=True),
        }
        call = calls[how if is_shown or how != "empty" else "full"]
        try:
            found = self.models[pool].prepare(nbytes)
        except NoRoomError:
            assert raised(lambda: call(self.pools[pool]).ensure_allocated()) is ingot.OutOfMemoryError
            return
        if is_current:
            with self.pools[pool]:
                buffer = call(self.device)
        else:
            buffer = call(self.pools[pool])
        loan = self.models[pool].take(found, nbytes, address(buffer))
        loan.content[:] = 0 if how in {"zeros", "lazy"} else value
        if how == "empty" and is_shown:
            buffer.numpy()[:] = value
        self.storages.append(Storage(loan, [(buffer, slice(0, nbytes))], is_shown))

    @precondition(lambda self: len(self.storages) < MOST)
    @rule(pool=POOL, count=st.integers(1, 4), nbytes=st.sampled_from(SIZES), many=st.booleans(), value=BYTE)
    def make_batch(self, pool: int, count: int, nbytes: int, many: bool, value: int) -> None:  # noqa: FBT001, drawn
        """Sometimes more than a slab has room for; then all but the first go at once."""
        model = self.models[pool]
        if model.limit:
            return
        if many:
            count, nbytes = 130, 8192
        buffers = self.pools[pool].alloc_batch([(nbytes, np.uint8)] * count)
        made = []
        for buffer in buffers:
            loan = model.take(model.prepare(nbytes), nbytes, address(buffer))
            loan.content[:] = value
            buffer.numpy()[:] = value
            made.append(Storage(loan, [(buffer, slice(0, nbytes))], is_shown=True))
        del buffer
        buffers.clear()
        if many:
            for storage in made[1:]:
                storage.buffers.clear()
                storage.check_gone()
            del made[1:], storage
        self.storages += made

    @precondition(lambda self: self.storages)
    @rule(which=NUMBER, start=NUMBER, end=NUMBER)
    def window(self, which: int, start: int, end: int) -> None:
        storage = pick(self.storages, which)
        buffer, whole = pick(storage.buffers, start)
        start, end = sorted((start % buffer.size, end % buffer.size))
        part = slice(whole.start + start, whole.start + end + 1)
        storage.buffers.append((buffer[start : end + 1], part))

    @precondition(lambda self: self.shown)
    @rule(which=NUMBER)
    def view(self, which: int) -> None:
        buffer, window, loan = self.pick_shown(which)
        if self.is_written(loan, window):
            assert raised(buffer.numpy) is ingot.InFlightError
            return
        loan.hold()
        self.views.append(View(buffer.numpy(), loan, window))

    # ---- Using -------------------------------------------------------------------------------------------------

    @precondition(lambda self: self.shown)
    @rule(which=NUMBER, value=BYTE)
    def write(self, which: int, value: int) -> None:
        buffer, window, loan = self.pick_shown(which)
        if not any(loan in job.loans for job in self.jobs):
            buffer.numpy()[:] = value
            loan.content[window] = value

    @precondition(lambda self: self.storages and len(self.jobs) < 4)
    @rule(uses=st.lists(st.tuples(NUMBER, NUMBER, st.booleans(), BYTE), min_size=1, max_size=3))
    def commit(self, uses: list[tuple[int, int, bool, int]]) -> None:
        """What a kernel reads behind the gate is still what its owner has left there."""
        job = Job()
        with self.gate.encoder(self.device) as encoder:
            for which, part, is_write, value in uses:
                storage = pick(self.storages, which)
                buffer, window = pick(storage.buffers, part)
                job.use(storage)
                if is_write:
                    encoder.dispatch(self.gate.stamp, buffer, value, grid=buffer.size)
                    job.steps.append((storage.loan, window, value))
                else:
                    out = self.device.empty(buffer.size, np.uint8, exact=True)
                    encoder.dispatch(self.gate.read, buffer, out, grid=buffer.size)
                    job.steps.append((storage.loan, window, out))
            job.submission = encoder.commit()
        self.jobs.append(job)

    @precondition(lambda self: self.jobs)
    @rule()
    def complete(self) -> None:
        assert not any(job.submission.done() for job in self.jobs)
        self.gate.open()
        for job in self.jobs:
            job.submission.wait()
        for job in self.jobs:
            job.finish()
        self.jobs.clear()

    # ---- Giving back -------------------------------------------------------------------------------------------

    @precondition(lambda self: self.storages)
    @rule(which=NUMBER, part=NUMBER, closing=st.booleans(), seconds=st.sampled_from([0, 0, 3.0, 6.0]))
    def drop(self, which: int, part: int, closing: bool, seconds: float) -> None:  # noqa: FBT001, drawn
        storage = pick(self.storages, which)
        buffer, _ = storage.buffers.pop(part % len(storage.buffers))
        if closing:
            buffer.close()
        del buffer
        storage.check_gone()
        if not storage.buffers:
            self.storages.remove(storage)
        self.advance(seconds)

    @precondition(lambda self: self.views)
    @rule(which=NUMBER)
    def drop_view(self, which: int) -> None:
        view = self.views.pop(which % len(self.views))
        loan = view.loan
        del view
        loan.drop()

    @precondition(lambda self: self.storages)
    @rule(which=NUMBER, part=NUMBER)
    def release(self, which: int, part: int) -> None:
        storage = pick(self.storages, which)
        buffer, window = pick(storage.buffers, part)
        index = self.models.index(storage.loan.pool)
        assert raised(lambda: self.pools[1 - index].release(buffer)) is ingot.ArgumentError
        if window != slice(0, len(storage.loan.content)):
            assert raised(lambda: self.pools[index].release(buffer)) is ingot.ArgumentError
            return
        assert self.pools[index].release(buffer)
        self.expire(storage)
        assert not self.pools[index].release(buffer)

    @rule(pool=POOL)
    def reset(self, pool: int) -> None:
        model = self.models[pool]
        storages = [storage for storage in self.storages if storage.loan.pool is model]
        # Those that nothing but a submission knows any more are taken back, too.
        storages += [s for job in self.jobs for s in job.uses if s.loan.pool is model and not s.is_stale]
        before = len(model.cached)
        quarantined = sum(self.expire(storage) for storage in dict.fromkeys(storages))
        assert self.pools[pool].reset() == quarantined
        # In which order blocks come back, and so which are the longest unused, is not said.
        model.is_tied |= len(model.cached) > before + 1
        if model.limit or model.cache_limit < LIMIT:
            self.pools[pool].trim()
            model.trim(0)

    def expire(self, storage: Storage) -> bool:
        is_held = storage.expire()
        if storage in self.storages:
            self.storages.remove(storage)
            self.stale.append(storage)
        return is_held

    @precondition(lambda self: self.stale)
    @rule(which=NUMBER)
    def use_stale(self, which: int) -> None:
        """It stays as it is, whoever has its memory now."""
        storage = self.stale.pop(which % len(self.stale))
        for buffer, _ in storage.buffers:
            assert raised(buffer.numpy) is ingot.ClosedError
            assert raised(lambda b=buffer: address(b)) is ingot.ClosedError
            encoder = self.device.encoder()
            assert raised(lambda b=buffer, e=encoder: e.dispatch(self.gate.stamp, b, 7, grid=1)) is ingot.ClosedError
            encoder.discard()

    # ---- What makes it go --------------------------------------------------------------------------------------

    # One rule for all of it: what is cached should live long enough to be used, and to age.
    @rule(
        pool=POOL, how=st.sampled_from(["trim", "warning", "critical", "limit", "cache"]), size=st.sampled_from(SHRUNK)
    )
    def shrink(self, pool: int, how: str, size: int) -> None:
        match how:
            case "trim":
                self.trim(pool, size)
            case "warning" | "critical":
                self.relieve(pool, how == "critical")
            case _:
                self.set_limit(pool, size, how == "cache")

    def trim(self, pool: int, to: int) -> None:
        model = self.models[pool]
        to = 0 if model.is_tied else to
        assert self.pools[pool].trim(to) == model.trim(to)
        model.is_tied &= to > 0

    def relieve(self, pool: int, is_critical: bool) -> None:  # noqa: FBT001, as the rule has it
        model = self.models[pool]
        self.leave_cached(pool, [40_000, 150_000])
        is_critical |= model.is_tied
        freed = model.trim(0 if is_critical else model.cached_bytes // 2)
        model.is_tied &= not is_critical
        assert self.pools[pool].relieve("critical" if is_critical else "warning") == freed

    def leave_cached(self, pool: int, sizes: list[int]) -> None:
        """Takes and drops blocks, one after another, so that there is a choice of what goes."""
        model = self.models[pool]
        for nbytes in sizes:
            if model.limit:
                return
            buffer = self.pools[pool].empty(nbytes, np.uint8)
            loan = model.take(model.prepare(nbytes), nbytes, address(buffer))
            del buffer
            loan.drop()
            self.advance(0.25)

    def set_limit(self, pool: int, size: int, of_cache: bool) -> None:  # noqa: FBT001, as the rule has it
        model = self.models[pool]
        self.trim(pool, 0)
        if of_cache:
            self.pools[pool].set_cache_limit(size)
            model.cache_limit = size
        else:
            size = size and max(size, SLAB)
            self.pools[pool].set_limit(size)
            model.limit = size

    @rule(seconds=st.sampled_from([0.5, 4.0, 9.5, 10.0, 30.0]))
    def pass_time(self, seconds: float) -> None:
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        self.device.advance_time(seconds)
        for model in self.models:
            model.advance(seconds)

    # ---- What must be so ---------------------------------------------------------------------------------------

    @invariant()
    def counters_are_exact(self) -> None:
        type(self).steps += 1
        for pool, model in zip(self.pools, self.models, strict=True):
            assert pool.statistics()._asdict() == model.statistics()
        units = [unit.nbytes for model in self.models for unit in model.units]
        assert self.pooled() == (len(units), sum(units))

    @invariant()
    def contents_are_their_owners(self) -> None:
        for view in self.views:
            assert np.array_equal(view.array, view.loan.content[view.window])
        for storage in self.shown:
            for buffer, window in storage.buffers:
                if not self.is_written(storage.loan, window):
                    assert np.array_equal(buffer.numpy(), storage.loan.content[window])

    def teardown(self) -> None:
        self.gate.open()
        while self.jobs:
            self.jobs.pop().submission.wait()
        for things in (self.storages, self.stale, self.views):
            things.clear()  # type: ignore[attr-defined]
        gc.collect(0)
        for pool in self.pools:
            pool.trim()
            assert pool.total_bytes() == 0
        assert self.pooled() == (0, 0)

    def pooled(self) -> tuple[int, int]:
        """The allocations of both pools, as the device has counted them."""
        pooled = self.device.memory_stats().pooled
        return pooled.count, pooled.bytes

    @property
    def shown(self) -> list[Storage]:
        return [storage for storage in self.storages if storage.is_shown]

    def pick_shown(self, which: int) -> tuple[ingot.Buffer, slice, Loan]:
        storage = pick(self.shown, which)
        return *pick(storage.buffers, which >> 8), storage.loan

    def is_written(self, loan: Loan, window: slice) -> bool:
        """Whether a submission under way writes some of these bytes."""
        return any(
            loan is other and isinstance(value, int) and part.start < window.stop and window.start < part.stop
            for job in self.jobs
            for other, part, value in job.steps
        )


def pick(choice: list[Any], which: int) -> Any:
    return choice[which % len(choice)]


def address(buffer: ingot.Buffer) -> int:
    """Where its memory is, without an array of it."""
    contents = _native.ffi.new("void **")
    _native.check(_native.lib.ingot_buffer_get_contents(buffer._buffer, _native.lib.INGOT_ACCESS_READ, contents))
    return int(_native.ffi.cast("uintptr_t", contents[0]))


def raised(call: Callable[[], object]) -> type[ingot.IngotError] | None:
    """What a call raises. The exception goes at once, and what its traceback holds."""
    try:
        call()
    except ingot.IngotError as error:
        return type(error)
    return None


def test_pools_are_like_their_model() -> None:
    machine = settings(
        max_examples=250, stateful_step_count=50, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    Pools.steps = 0
    run_state_machine_as_test(Pools, settings=machine)
    assert Pools.steps > 5000
