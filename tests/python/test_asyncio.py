"""Submissions in asyncio: no thread per wait, one descriptor per loop, nothing left."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kernels import SAXPY, Spinner, fault

import ingot
from ingot import _native, loops


def descriptors() -> int:
    """Open files of this process."""
    return len(list(Path("/dev/fd").iterdir()))


def notifiers() -> int:
    gc.collect()
    return _native.live_objects()["notifiers"]


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
