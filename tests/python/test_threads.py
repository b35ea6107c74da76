"""Threads: everything but an encoder may be shared, and whatever is done with handles nothing crashes."""

from __future__ import annotations

import inspect
import random
import re
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from abi import Live, release
from kernels import SAXPY

import ingot
from ingot import buffer
from ingot._native import ffi, lib
from ingot.errors import Unpicklable

if TYPE_CHECKING:
    from collections.abc import Callable

THREADS = 4


def in_threads(work: Callable[[int], None]) -> None:
    """Runs the work in several threads at a time and raises what one of them raised."""
    failures: list[BaseException] = []
    barrier = threading.Barrier(THREADS)

    def run(number: int) -> None:
        try:
            barrier.wait()
            work(number)
        except BaseException as error:  # noqa: BLE001, raised again below
            failures.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


# What holds handles; the rest are values, which do not change.
CLASSES = [
    thing
    for thing in map(vars(ingot).get, ingot.__all__)
    if inspect.isclass(thing) and (issubclass(thing, Unpicklable) or thing is ingot.Buffer)
]
SOURCES = Path(__file__).resolve().parents[2] / "Sources" / "Ingot"


def says_rule(comment: str) -> bool:
    text = " ".join(comment.split()).lower()
    return "any thread" in text or "one thread at a time" in text


@pytest.mark.parametrize("thing", CLASSES)
def test_each_class_says_its_thread_rule(thing: type) -> None:
    assert says_rule(thing.__doc__ or "")


def test_each_class_in_swift_says_its_thread_rule() -> None:
    pattern = re.compile(r"((?:^ *///.*\n)+)(?:^@.*\n)*^public final class (\w+)", re.MULTILINE)
    found = {
        name: comment.replace("///", "")
        for file in SOURCES.rglob("*.swift")
        for comment, name in pattern.findall(file.read_text(encoding="utf-8"))
    }
    assert len(found) == sum(file.read_text().count("\npublic final class ") for file in SOURCES.rglob("*.swift"))
    assert [name for name, comment in found.items() if not says_rule(comment)] == []


def test_encoders_of_many_threads(device: ingot.Device) -> None:
    kernel = device.compile(SAXPY).kernel("saxpy")

    def work(number: int) -> None:
        x, y = device.full(256, number), device.zeros(256)
        for round_ in range(50):
            with device.encoder(f"{number}.{round_}") as encoder:
                for _ in range(5):
                    encoder.dispatch(kernel, x, y, a=1.0, grid=256)
                encoder.commit_and_wait()
        assert (y.numpy() == 250 * number).all()

    in_threads(work)


def test_compiling_the_same_source_in_many_threads(device: ingot.Device) -> None:
    found: list[ingot.Kernel] = []
    library = device.compile(SAXPY)

    def work(number: int) -> None:
        source = SAXPY.replace("saxpy", f"saxpy{number % 2}")
        device.compile(source).kernel(f"saxpy{number % 2}")
        found.append(library.kernel("saxpy"))

    in_threads(work)
    assert len(set(found)) == 1


def test_one_encoder_in_many_threads_is_an_error_or_works(device: ingot.Device) -> None:
    kernel = device.compile(SAXPY).kernel("saxpy")
    x, y = device.full(16, 1), device.zeros(16)
    encoder = device.encoder("shared")
    counts = [0] * THREADS

    def work(number: int) -> None:
        for _ in range(500):
            try:
                encoder.dispatch(kernel, x, y, 1.0, grid=16)
                counts[number] += 1
            except ingot.StateError as error:
                assert "thread" in str(error)  # noqa: PT017, the other outcome is fine too

    in_threads(work)
    assert encoder.commit_and_wait().dispatches == sum(counts)
    assert (y.numpy() == sum(counts)).all()


def test_closing_buffers_that_another_thread_uses(device: ingot.Device) -> None:
    kernel = device.compile(SAXPY).kernel("saxpy")
    buffers = [device.full(64, 1) for _ in range(8)]

    def work(number: int) -> None:
        chance = random.Random(number)
        for _ in range(200):
            at = chance.randrange(len(buffers))
            if number == 0:
                buffers[at].close()
                buffers[at] = device.full(64, 1)
                continue
            try:
                with device.encoder() as encoder:
                    encoder.dispatch(kernel, buffers[at], buffers[at], 0.0, grid=64)
                    encoder.commit_and_wait()
                assert buffers[at].numpy()[0] == 1
            except (ingot.ClosedError, ingot.InFlightError):
                pass

    in_threads(work)


def test_buffer_closed_in_the_middle_of_numpy(device: ingot.Device, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = device.full(64, 1)
    ask = buffer.buffer_get_contents

    def close_and_ask(*arguments: Any) -> int:
        status = ask(*arguments)
        closed.close()  # as another thread may, while C has released the GIL
        return status

    monkeypatch.setattr(buffer, "buffer_get_contents", close_and_ask)
    array = closed.numpy()
    assert not array.flags.owndata
    assert np.all(array == 1)


def test_handles_released_while_others_use_them() -> None:
    with Live() as live:
        device, kernel = live.handles["device"], live.handles["kernel"]
        pool: list[Any] = [live.make("buffer") for _ in range(16)]
        statuses: set[int] = set()

        def work(number: int) -> None:
            chance = random.Random(number)
            encoder = ffi.new("ingot_encoder *")
            value = ffi.new("char[12]")
            head = ffi.cast("ingot_value *", value)
            head.position, head.dtype, head.nbytes = 2, lib.INGOT_FLOAT32, 4
            for _ in range(300):
                at = chance.randrange(len(pool) // 2) * 2 + number % 2
                if number < THREADS // 2:  # each replaces its own half
                    old, pool[at] = pool[at], live.make("buffer")
                    release("buffer", old)
                    continue
                assert lib.ingot_encoder_create(device, ffi.NULL, 0, encoder) == lib.INGOT_OK
                for _ in range(3):
                    buffers = [pool[at], pool[-at]]
                    statuses.add(
                        lib.ingot_encoder_dispatch(encoder[0], kernel, buffers, 2, value, 12, 0, 4, 1, 1, 0, 0, 0)
                    )
                assert lib.ingot_encoder_commit(encoder[0], ffi.NULL) == lib.INGOT_OK
                assert release("encoder", encoder[0]) == lib.INGOT_OK

        in_threads(work)
        assert statuses <= {lib.INGOT_OK, lib.INGOT_ERROR_CLOSED}
        assert lib.INGOT_OK in statuses
        for handle in pool:
            assert release("buffer", handle) == lib.INGOT_OK


@pytest.mark.parametrize("size", [1 << 20])
def test_arrays_in_many_threads(device: ingot.Device, size: int) -> None:
    def work(number: int) -> None:
        values = np.random.default_rng(number).integers(0, 100, size, dtype=np.uint8)
        for _ in range(20):
            assert np.array_equal(device.array(values).numpy(), values)

    in_threads(work)
