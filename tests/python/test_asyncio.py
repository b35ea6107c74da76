"""Submissions and encoders in asyncio: no thread per wait, one descriptor per loop, nothing left."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from kernels import SAXPY, Spinner, fault

import ingot
from ingot import _native, loops

if TYPE_CHECKING:
    from collections.abc import Coroutine

SLOTS = 63


def descriptors() -> int:
    """Open files of this process."""
    return len(os.listdir("/dev/fd"))


def notifiers() -> int:
    gc.collect()
    return _native.live_objects()["notifiers"]


# ---- Submissions -----------------------------------------------------------------------------------------------


def test_await_gives_the_submission(device: ingot.Device) -> None:
    spinner = Spinner(device)

    async def main() -> None:
        submission = spinner.commit(0.05)
        assert not submission.done()
        assert await submission is submission
        assert submission.done()
        assert await submission is submission
        assert 0 < submission.gpu_time <= submission.host_time < 60

    asyncio.run(main())


def test_the_loop_goes_on_meanwhile(device: ingot.Device) -> None:
    spinner = Spinner(device)

    async def main() -> int:
        waiting = asyncio.ensure_future(spinner.commit(0.2))
        ticks = 0
        while not waiting.done():
            await asyncio.sleep(0.001)
            ticks += 1
        return ticks

    assert asyncio.run(main()) > 10


def test_what_is_done_needs_no_notifier(device: ingot.Device) -> None:
    before = notifiers()

    async def main() -> None:
        await device.encoder().commit_and_wait()
        assert notifiers() == before

    asyncio.run(main())


@pytest.mark.software(reason="a GPU need not notice")
def test_a_failure_is_raised_at_every_await(device: ingot.Device) -> None:
    async def main() -> None:
        submission = fault(device, "broken")
        for _ in range(3):
            with pytest.raises(ingot.CommandBufferError, match="'broken' failed.*code 3.*fault.*indices") as caught:
                await submission
            assert (caught.value.code, caught.value.label, caught.value.kernels) == (3, "broken", ("fault",))
        await device.encoder().commit()

    asyncio.run(main())


def test_a_timeout_leaves_the_work_going_on(device: ingot.Device) -> None:
    spinner = Spinner(device)

    async def main() -> None:
        submission = spinner.commit(0.3)
        for _ in range(20):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(submission, 0.002)
        assert not submission.done()
        # However often it was awaited, one token is to come, and nobody waits for it.
        assert list(loops._of_running_loop().waiting.values()) == [set()]
        await asyncio.wait_for(submission, 60)
        assert not loops._of_running_loop().waiting

    asyncio.run(main())


def test_a_cancelled_task_leaves_nothing(device: ingot.Device) -> None:
    spinner = Spinner(device)

    async def main() -> ingot.Submission:
        submission = spinner.commit(0.1)
        task = asyncio.ensure_future(submission)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not submission.done()
        return submission

    asyncio.run(main()).wait()


def test_many_tasks_await_one_submission(device: ingot.Device) -> None:
    spinner = Spinner(device)

    async def main() -> None:
        submission = spinner.commit(0.05)

        async def wait() -> ingot.Submission:
            return await submission

        assert await asyncio.gather(*(wait() for _ in range(50)), submission) == [submission] * 51

    asyncio.run(main())


def test_several_loops_await_one_submission(device: ingot.Device) -> None:
    submission = Spinner(device).commit(0.1)
    results: list[bool] = []

    async def wait() -> None:
        results.append((await submission).done())

    threads = [threading.Thread(target=lambda: asyncio.run(wait())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 4


def test_a_thousand_loops_leave_no_descriptor(device: ingot.Device) -> None:
    spinner = Spinner(device)
    steps = spinner.steps(0.0005)

    async def main() -> int:
        await spinner.commit_steps(steps)
        return _native.live_objects()["notifiers"]

    asyncio.run(main())
    opened, before = descriptors(), notifiers()
    made = 0
    for _ in range(1000):
        loop = asyncio.new_event_loop()
        made += loop.run_until_complete(main()) - before
        loop.close()
        assert _native.live_objects()["notifiers"] == before  # gone with the loop, and not with the next collection
    assert made > 500
    assert descriptors() == opened


def test_a_loop_that_is_closed_while_somebody_awaits(device: ingot.Device) -> None:
    spinner = Spinner(device)
    opened, before = descriptors(), notifiers()

    async def main() -> ingot.Submission:
        submission = spinner.commit(0.05)
        waiting = submission.__await__()
        waiting.send(None)  # as far as the loop would go
        waiting.close()
        return submission

    submission = asyncio.run(main())
    assert (descriptors(), notifiers()) == (opened, before)
    submission.wait()


def test_a_loop_that_cannot_watch_descriptors_is_an_error(device: ingot.Device) -> None:
    class Loop(asyncio.SelectorEventLoop):
        def add_reader(self, *_: Any) -> None:
            raise NotImplementedError

    async def main() -> None:
        submission = spinner.commit(0.05)
        with pytest.raises(ingot.StateError, match="Loop cannot watch.*to_thread"):
            await submission
        assert await asyncio.to_thread(submission.wait) is None

    spinner = Spinner(device)
    loop = Loop()
    try:
        # The loop itself has been told how to watch, or it could not be woken.
        loop.run_until_complete(main())
    finally:
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


def test_without_a_loop_it_is_python_that_complains(device: ingot.Device) -> None:
    submission = Spinner(device).commit(0.05)
    with pytest.raises(RuntimeError, match="no running event loop"):
        submission.__await__().send(None)
    submission.wait()


def test_a_thousand_tasks_on_one_loop(device: ingot.Device) -> None:
    kernel = device.compile(SAXPY).kernel("saxpy")
    x = device.array(np.arange(64, dtype=np.float32))
    threads, opened, before = threading.active_count(), descriptors(), notifiers()
    running = most = 0

    async def work(number: int, limit: asyncio.Semaphore) -> float:
        nonlocal running, most
        async with limit:
            running += 1
            most = max(most, running)
            y = device.full(64, number)
            with await device.encoder(f"task {number}") as encoder:
                encoder.dispatch(kernel, x, y, a=2.0, grid=64)
                await encoder.commit()
            assert threading.active_count() == threads
            running -= 1
            return float(y.numpy()[number % 64])

    async def main() -> list[float]:
        limit = asyncio.Semaphore(48)
        return await asyncio.gather(*(work(number, limit) for number in range(1000)))

    assert asyncio.run(main()) == [number + 2.0 * (number % 64) for number in range(1000)]
    assert most == 48
    assert device.statistics().submissions == 1000
    assert (threading.active_count(), descriptors(), notifiers()) == (threads, opened, before)


def test_too_many_open_files_is_an_error(environment: dict[str, str]) -> None:
    program = """
import os, resource, threading, ingot
device = ingot.Device(0)
device.encoder().commit_and_wait()  # by now Dispatch has the descriptors that it cannot do without
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
opened = []
try:
    while True:
        opened.append(os.dup(0))
except OSError:
    pass
submission = device.encoder().commit()
try:
    submission.add_done_callback(print)
except ingot.StateError as error:
    print(error)
os.close(opened.pop())
try:
    submission.add_done_callback(print)
except ingot.StateError as error:
    print("again")
submission.wait()
for one in opened:
    os.close(one)
called = threading.Event()
submission.add_done_callback(lambda _: called.set())
print(called.wait(60))
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, env=environment)
    assert run.returncode == 0, run.stderr
    assert "open files" in run.stdout
    assert run.stdout.endswith("again\nTrue\n")


# ---- Encoders --------------------------------------------------------------------------------------------------


class Crowd:
    """Takes all of Metal's command buffers, for a while."""

    def __init__(self, device: ingot.Device, seconds: float = 0.1) -> None:
        spinner = Spinner(device)
        self.submissions = [spinner.commit(seconds), *[spinner.commit_steps(1) for _ in range(SLOTS - 1)]]

    def wait(self) -> None:
        for submission in self.submissions:
            submission.wait()


def run(main: Coroutine[Any, Any, Any]) -> None:
    """Runs it; an encoder that is dropped uncommitted is an error by then."""
    asyncio.run(main)
    gc.collect()


def test_await_gives_the_encoder_in_a_with_block_and_alone(device: ingot.Device) -> None:
    x = device.zeros(8)

    async def main() -> None:
        with await device.encoder("one") as encoder:
            assert isinstance(encoder, ingot.CommandEncoder)
            assert encoder.label == "one"
            assert await encoder is encoder
            encoder.fill(x, 3)
            assert await encoder is encoder
            await encoder.commit()
        other = await device.encoder(ordering="serial")
        other.fill(x[:4], 4)
        await other.commit()

    run(main())
    assert x.numpy().tolist() == [4] * 4 + [3] * 4


def test_a_loop_is_not_blocked_by_a_full_queue(device: ingot.Device) -> None:
    crowd = Crowd(device, 0.2)

    async def main() -> int:
        waiting = asyncio.ensure_future(device.encoder())
        ticks = 0
        while not waiting.done():
            await asyncio.sleep(0.001)
            ticks += 1
        (await waiting).discard()
        return ticks

    assert asyncio.run(main()) > 10
    crowd.wait()


def test_encoders_begin_in_the_order_in_which_they_were_awaited(device: ingot.Device) -> None:
    crowd = Crowd(device)
    order: list[int] = []

    async def begin(number: int) -> None:
        with await device.encoder() as encoder:
            order.append(number)
            await encoder.commit()

    async def main() -> None:
        await asyncio.gather(*(begin(number) for number in range(200)))

    run(main())
    assert order == list(range(200))
    crowd.wait()


def test_tasks_and_threads_share_one_line(device: ingot.Device) -> None:
    x = device.zeros(1, np.int32)
    kernel = device.compile("kernel void more(device int *x) { x[0] += 1; }").kernel("more")

    def encode(encoder: ingot.CommandEncoder) -> ingot.Submission:
        encoder.dispatch(kernel, x, grid=1)
        return encoder.commit()

    def work() -> None:
        for _ in range(200):
            encode(device.encoder())

    async def task() -> None:
        await encode(await device.encoder())

    async def main() -> None:
        await asyncio.gather(*(task() for _ in range(300)))

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    run(main())
    for thread in threads:
        thread.join()
    device.synchronize()
    assert x.numpy()[0] == 900


def test_with_nothing_committed_an_encoder_is_refused_at_once(device: ingot.Device) -> None:
    async def main() -> None:
        begun = [await device.encoder() for _ in range(SLOTS)]
        start = time.monotonic()
        with pytest.raises(ingot.StateError, match="63 encoders have begun and none.*commit or discard"):
            await device.encoder()
        assert time.monotonic() - start < 5
        begun.pop().discard()
        (await device.encoder()).discard()
        for encoder in begun:
            await encoder.commit()

    run(main())


def test_the_slot_timeout(device: ingot.Device) -> None:
    assert device.slot_timeout == 60
    device.slot_timeout = 0.02
    assert device.slot_timeout == 0.02
    crowd = Crowd(device, 0.5)

    async def main() -> None:
        with pytest.raises(ingot.WaitTimeoutError, match="63 command buffers are unfinished"):
            await device.encoder()

    run(main())
    encoder = device.encoder()
    with pytest.raises(ingot.WaitTimeoutError):
        encoder.fill(device.zeros(1), 1)
    encoder.discard()
    device.slot_timeout = float("inf")
    assert device.slot_timeout == float("inf")
    device.encoder().commit_and_wait()
    crowd.wait()
    for wrong in (-1, float("nan"), "1", None):
        with pytest.raises(ingot.ArgumentError, match="a slot timeout"):
            device.slot_timeout = wrong  # type: ignore[assignment]


def test_a_task_that_is_cancelled_in_the_line_leaves_its_place(device: ingot.Device) -> None:
    crowd = Crowd(device)

    async def main() -> None:
        async def begin() -> ingot.CommandEncoder:
            return await device.encoder()

        tasks = [asyncio.create_task(begin()) for _ in range(10)]
        await asyncio.sleep(0)
        for task in tasks[:5]:
            task.cancel()
        assert [type(error) for error in await asyncio.gather(*tasks[:5], return_exceptions=True)] == [
            asyncio.CancelledError
        ] * 5
        for task in tasks[5:]:
            (await task).discard()
        assert not loops._of_running_loop().waiting
        # All are there again.
        for encoder in [await device.encoder() for _ in range(SLOTS)]:
            encoder.discard()

    crowd.submissions[-1].add_done_callback(lambda _: None)
    run(main())
    crowd.wait()


def test_encoders_that_are_over_cannot_begin(device: ingot.Device) -> None:
    async def main() -> None:
        committed, discarded = device.encoder("done"), device.encoder("gone")
        await committed.commit()
        discarded.discard()
        with pytest.raises(ingot.StateError, match="'done' is committed"):
            await committed
        with pytest.raises(ingot.StateError, match="'gone' was discarded"):
            await discarded
        assert committed.submission.done()

    run(main())
