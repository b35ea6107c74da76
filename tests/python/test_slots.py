"""Whoever waits for a command buffer is answered: by a slot, by an error, or by Ctrl-C."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
import time
from typing import TYPE_CHECKING

import pytest

import ingot
from ingot import loops

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SLOTS = 63
LONG = 30
"""Seconds after which a test has hung."""


class Gate:
    """Takes all command buffers of a queue, which come back when it is opened."""

    def __init__(self, device: ingot.Device, queue: ingot.Queue | None = None) -> None:
        self.event = device.event()
        queue = queue or device.default_queue
        self.submissions = []
        for _ in range(SLOTS):
            encoder = queue.encoder()
            encoder.wait(self.event, 1)
            self.submissions.append(encoder.commit())

    def open(self) -> None:
        self.event.signal(1)
        for submission in self.submissions:
            submission.wait()


@pytest.fixture
def gate(device: ingot.Device) -> Iterator[Gate]:
    gate = Gate(device)
    yield gate
    gate.open()


async def begun(encoder: ingot.CommandEncoder) -> ingot.CommandEncoder:
    return await encoder


async def outcome(task: asyncio.Task[ingot.CommandEncoder]) -> object:
    """The encoder, or the error."""
    (result,) = await asyncio.wait_for(asyncio.gather(task, return_exceptions=True), LONG)
    return result


def in_a_loop(encoder: ingot.CommandEncoder, outcomes: list[object]) -> threading.Thread:
    """Awaits the encoder in a loop of another thread; returns when it waits there."""
    waits = threading.Event()

    async def main() -> None:
        task = asyncio.create_task(begun(encoder))
        await asyncio.sleep(0)
        waits.set()
        outcomes.append(await outcome(task))

    thread = threading.Thread(target=lambda: asyncio.run(main()), daemon=True)
    thread.start()
    assert waits.wait(LONG)
    return thread


def joined(thread: threading.Thread) -> None:
    thread.join(LONG)
    assert not thread.is_alive(), "it waits for ever"


@pytest.mark.usefixtures("gate")
def test_an_encoder_that_is_discarded_while_it_is_awaited(device: ingot.Device) -> None:
    async def main() -> None:
        encoder = device.encoder("gone")
        task = asyncio.create_task(begun(encoder))
        await asyncio.sleep(0)
        encoder.discard()
        error = await outcome(task)
        assert isinstance(error, ingot.StateError)
        assert "'gone' was discarded" in str(error)
        assert not loops._of_running_loop().waiting

    asyncio.run(main())


def test_a_cancelled_task_leaves_the_encoder_to_others_that_await_it(device: ingot.Device, gate: Gate) -> None:
    async def main() -> None:
        encoder = device.encoder()
        first, second = (asyncio.create_task(begun(encoder)) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        assert isinstance(await outcome(first), asyncio.CancelledError)
        gate.event.signal(1)
        assert await outcome(second) is encoder
        await encoder.commit()
        assert not loops._of_running_loop().waiting

    asyncio.run(main())


@pytest.mark.usefixtures("gate")
def test_the_last_cancelled_task_discards_the_encoder(device: ingot.Device) -> None:
    async def main() -> None:
        encoder = device.encoder()
        tasks = [asyncio.create_task(begun(encoder)) for _ in range(3)]
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
            assert isinstance(await outcome(task), asyncio.CancelledError)
        assert "discarded" in repr(encoder)

    asyncio.run(main())


@pytest.mark.usefixtures("gate")
def test_tasks_that_await_one_encoder_are_all_told_when_its_time_is_over(device: ingot.Device) -> None:
    device.slot_timeout = 0.05

    async def main() -> None:
        encoder = device.encoder()
        tasks = [asyncio.create_task(begun(encoder)) for _ in range(2)]
        # Whichever is told first discards it.
        assert {type(await outcome(task)) for task in tasks} == {ingot.WaitTimeoutError, ingot.StateError}

    asyncio.run(main())


def test_an_encoder_that_two_loops_await(device: ingot.Device, gate: Gate) -> None:
    encoder = device.encoder()
    outcomes: list[object] = []
    threads = [in_a_loop(encoder, outcomes) for _ in range(2)]
    gate.open()
    for thread in threads:
        joined(thread)
    # Both have it, or one came while it was the other's.
    assert encoder in outcomes
    assert all(each is encoder or isinstance(each, ingot.StateError) for each in outcomes)
    encoder.discard()


def test_an_encoder_that_a_loop_awaits_and_a_thread_encodes_to(device: ingot.Device) -> None:
    work = Work(device)
    gate, encoder = Gate(device), device.encoder()
    outcomes: list[object] = []

    def dispatch() -> None:
        with contextlib.suppress(ingot.StateError):
            work.dispatch_bound(encoder)

    threads = [in_a_loop(encoder, outcomes), threading.Thread(target=dispatch, daemon=True)]
    threads[1].start()
    time.sleep(0.05)
    gate.open()
    for thread in threads:
        joined(thread)
    assert len(outcomes) == 1
    assert outcomes[0] is encoder or isinstance(outcomes[0], ingot.StateError)
    encoder.discard()


class Work:
    """What takes a command buffer, in all ways."""

    def __init__(self, device: ingot.Device) -> None:
        self.device = device
        self.x, self.y = device.zeros(4), device.zeros(4)
        self.kernel = device.compile("kernel void more(device float *x) { x[0] += 1; }").kernel("more")
        self.bound = self.kernel.bind(self.x)
        with device.record() as self.graph:
            self.graph.dispatch(self.kernel, self.x, grid=1)
        self.event = device.event()
        self.session = device.session()

    def begin(self) -> None:
        """A fenced stage, whose successor waits."""
        self.session.begin_stage().fill(self.x, 0)
        self.session.fence_stage()

    def dispatch(self, encoder: ingot.CommandEncoder) -> None:
        encoder.dispatch(self.kernel, self.x, grid=1)

    def dispatch_over(self, encoder: ingot.CommandEncoder) -> None:
        encoder.dispatch(self.kernel, self.x, groups=(1, 1, 1), group=1)

    def dispatch_bound(self, encoder: ingot.CommandEncoder) -> None:
        encoder.dispatch(self.bound, grid=1)

    def dispatch_using(self, encoder: ingot.CommandEncoder) -> None:
        encoder.dispatch(self.kernel, self.x, grid=1, uses=[(self.y, "r")])

    def copy(self, encoder: ingot.CommandEncoder) -> None:
        encoder.copy(self.x, self.y)

    def fill(self, encoder: ingot.CommandEncoder) -> None:
        encoder.fill(self.x, 1)

    def wait(self, encoder: ingot.CommandEncoder) -> None:
        encoder.wait(self.event, 0)

    def signal(self, encoder: ingot.CommandEncoder) -> None:
        encoder.signal(self.event, 1)

    def encode(self, encoder: ingot.CommandEncoder) -> None:
        self.graph.encode(encoder)

    def commit(self, encoder: ingot.CommandEncoder) -> None:
        encoder.commit()

    def replay(self, _: ingot.CommandEncoder) -> None:
        self.graph.replay()

    def replay_with_others(self, _: ingot.CommandEncoder) -> None:
        self.graph.replay({self.x: self.y})

    def stage(self, _: ingot.CommandEncoder) -> None:
        self.session.begin_stage().fill(self.y, 1)

    def commit_stage(self, _: ingot.CommandEncoder) -> None:
        self.session.commit_stage()

    def fence_stage(self, _: ingot.CommandEncoder) -> None:
        self.session.fence_stage()


WAYS = [name for name in vars(Work) if not name.startswith("_") and name != "begin"]


@pytest.fixture
def work(device: ingot.Device) -> Work:
    work = Work(device)
    work.begin()
    device.synchronize()
    if work.session.is_drained:
        work.session.reset()
    return work


@contextlib.contextmanager
def interrupted(seconds: float, handler: Callable[[], None]) -> Iterator[None]:
    """Has a signal come to this thread meanwhile."""
    before = signal.signal(signal.SIGALRM, lambda *_: handler())
    timer = threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGALRM))
    timer.start()
    try:
        yield
    finally:
        timer.join()
        signal.signal(signal.SIGALRM, before)


def interrupt() -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("way", WAYS)
def test_ctrl_c_ends_a_wait_for_a_command_buffer(device: ingot.Device, work: Work, way: str) -> None:
    gate, encoder = Gate(device), device.encoder()
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt), interrupted(0.02, interrupt):
        getattr(work, way)(encoder)
    assert time.monotonic() - start < 5
    gate.open()
    # It was not harmed, and nothing was encoded.
    if way not in {"stage", "replay", "replay_with_others", "commit_stage", "fence_stage"}:
        assert encoder.dispatches == 0
        getattr(work, way)(encoder)
    if not work.session.is_drained:
        work.session.commit_and_wait()
    encoder.discard()


@pytest.mark.parametrize("way", WAYS)
def test_a_signal_whose_handler_returns_does_not_end_it(device: ingot.Device, work: Work, way: str) -> None:
    gate, encoder = Gate(device), device.encoder()
    with interrupted(0.02, lambda: gate.event.signal(1)):
        getattr(work, way)(encoder)
    gate.open()
    if not work.session.is_drained:
        work.session.commit_and_wait()
    encoder.discard()


def test_dispatches_that_were_interrupted_keep_their_place(device: ingot.Device, work: Work) -> None:
    gate = Gate(device)
    first, second = device.encoder("first"), device.encoder("second")
    with pytest.raises(KeyboardInterrupt), interrupted(0.02, interrupt):
        work.fill(first)
    device.slot_timeout = 0.05
    with pytest.raises(ingot.WaitTimeoutError, match=r"63 command buffers.*slot_timeout in Python"):
        work.fill(second)
    gate.open()
    for encoder in (first, second):
        work.fill(encoder)
        encoder.commit_and_wait()


def test_the_slot_timeout_of_a_queue(device: ingot.Device) -> None:
    queue = device.queue("uploads")
    assert queue.slot_timeout == 60
    queue.slot_timeout = 0.05
    assert queue.slot_timeout == 0.05
    assert device.slot_timeout == device.default_queue.slot_timeout == 60
    device.slot_timeout = 7
    assert device.default_queue.slot_timeout == 7
    device.default_queue.slot_timeout = float("inf")
    assert device.slot_timeout == float("inf")
    gate, encoder = Gate(device, queue), queue.encoder()
    with pytest.raises(ingot.WaitTimeoutError, match="slot_timeout in Python"):
        encoder.fill(device.zeros(1), 1)
    encoder.discard()
    device.encoder().commit_and_wait()
    gate.open()
    for wrong in (-1, float("nan"), "1", None):
        with pytest.raises(ingot.ArgumentError, match="a slot timeout"):
            queue.slot_timeout = wrong  # type: ignore[assignment]
