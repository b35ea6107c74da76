"""Encoders in asyncio: they begin when Metal has a command buffer for them, and the loop is not blocked meanwhile."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from kernels import Spinner

import ingot
from ingot import loops

if TYPE_CHECKING:
    from collections.abc import Coroutine

SLOTS = 63


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
