"""Orderings, barriers, copies and fills of one encoder."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import ingot

if TYPE_CHECKING:
    from ingot.encoder import Ordering

STEPS = """
#include <metal_stdlib>
using namespace metal;
kernel void increment(device uint *x, uint i [[thread_position_in_grid]]) { x[i] += 1; }
kernel void twice(device uint *x, uint i [[thread_position_in_grid]]) { x[i] *= 2; }
"""
ORDERINGS: tuple[Ordering, ...] = ("automatic", "serial", "manual")


@pytest.fixture
def kernels(device: ingot.Device) -> tuple[ingot.Kernel, ingot.Kernel]:
    library = device.compile(STEPS)
    return library.kernel("increment"), library.kernel("twice")


def test_c39_c40_manual_order_by_hand(device: ingot.Device, kernels: tuple[ingot.Kernel, ingot.Kernel]) -> None:
    increment, twice = kernels
    x, y = device.zeros(1000, np.uint32), device.zeros(1000, np.uint32)
    with device.encoder("by hand", ordering="manual") as encoder:
        assert encoder.ordering == "manual"
        encoder.fill(x, 3)
        assert encoder.barriers == 0
        encoder.barrier(x)
        encoder.dispatch(increment, x, grid=1000)
        encoder.barrier(x, x)
        encoder.dispatch(twice, x, grid=1000)
        encoder.barrier()
        encoder.copy(x, y)
        assert (encoder.dispatches, encoder.barriers, encoder.barriers_spared) == (4, 3, 0)
        submission = encoder.commit_and_wait()
    assert (submission.dispatches, submission.barriers, submission.barriers_spared) == (4, 3, 0)
    assert (encoder.dispatches, encoder.barriers, encoder.barriers_spared) == (4, 3, 0)
    assert (y.numpy() == 8).all()


@pytest.mark.parametrize("ordering", ORDERINGS)
def test_c45_a_barrier_before_the_first_dispatch_is_nothing(
    device: ingot.Device, kernels: tuple[ingot.Kernel, ingot.Kernel], ordering: Ordering
) -> None:
    x = device.zeros(8, np.uint32)
    with device.encoder(ordering=ordering) as encoder:
        encoder.barrier()
        encoder.barrier(x)
        encoder.dispatch(kernels[0], x, grid=8)
        assert encoder.barriers == 0
        encoder.commit_and_wait()


@pytest.mark.parametrize("ordering", ORDERINGS)
def test_c47_three_barriers_count_three(
    device: ingot.Device, kernels: tuple[ingot.Kernel, ingot.Kernel], ordering: Ordering
) -> None:
    x = device.zeros(8, np.uint32)
    with device.encoder(ordering=ordering) as encoder:
        encoder.dispatch(kernels[0], x, grid=8)
        for _ in range(3):
            encoder.barrier()
        encoder.dispatch(kernels[1], x, grid=8)
        submission = encoder.commit_and_wait()
    assert submission.barriers == (0 if ordering == "serial" else 3)
    assert submission.barriers_spared == (1 if ordering == "automatic" else 0)
    assert (x.numpy() == 2).all()


def chain(device: ingot.Device, kernels: tuple[ingot.Kernel, ingot.Kernel], *, barriers: bool) -> int:
    x = device.zeros(1, np.uint32)
    with device.encoder(ordering="manual") as encoder:
        for step in range(40):
            encoder.dispatch(kernels[step % 2], x, grid=1)
            if barriers:
                encoder.barrier()
        encoder.commit_and_wait()
    return int(x.numpy()[0])


@pytest.mark.software(reason="a GPU may run what is not ordered in order")
def test_without_barriers_manual_order_is_none(
    device: ingot.Device, kernels: tuple[ingot.Kernel, ingot.Kernel]
) -> None:
    expected = 0
    for step in range(40):
        expected = expected * 2 if step % 2 else expected + 1
    assert chain(device, kernels, barriers=True) == expected
    # Each of them in order by chance: one in 10^47.
    assert {chain(device, kernels, barriers=False) for _ in range(5)} != {expected}


def test_independent_dispatches_are_spared(device: ingot.Device, kernels: tuple[ingot.Kernel, ingot.Kernel]) -> None:
    x = device.zeros((10, 8), np.uint32)
    with device.encoder() as encoder:
        for row in x:
            encoder.dispatch(kernels[0], row, grid=8)
        assert (encoder.dispatches, encoder.barriers, encoder.barriers_spared) == (10, 0, 9)
        encoder.copy(x[0], x[1])
        assert (encoder.dispatches, encoder.barriers, encoder.barriers_spared) == (11, 1, 9)
        encoder.commit_and_wait()


def test_c36_two_chains_have_two_barriers(device: ingot.Device) -> None:
    a, b, c, d = (device.zeros(64, np.int32) for _ in range(4))
    with device.encoder() as encoder:
        encoder.fill(a, 1)
        encoder.copy(a, b)
        encoder.fill(c, 2)
        encoder.copy(c, d)
        assert (encoder.barriers, encoder.barriers_spared) == (2, 1)
        encoder.commit_and_wait()
    assert (b.numpy() == 1).all()
    assert (d.numpy() == 2).all()


def test_d14_grids_are_computed_from_variables(
    device: ingot.Device, kernels: tuple[ingot.Kernel, ingot.Kernel]
) -> None:
    """By Python: a grid is any integers, and wrong ones are named before anything is encoded."""
    x = device.zeros((7, 9), np.uint32)
    rows, columns = x.shape
    with device.encoder() as encoder:
        for count in (rows * columns, np.int64(x.size), np.prod(x.shape), len(x) * 9, -(-x.size // 1)):
            encoder.dispatch(kernels[0], x, grid=count)
        for count in (rows - 7, -columns, 1 << 32, rows * columns / 1, np.float32(columns), str(rows)):
            with pytest.raises(ingot.ArgumentError, match="grid"):
                encoder.dispatch(kernels[0], x, grid=count)  # type: ignore[arg-type]
        assert encoder.commit_and_wait().dispatches == 5
    assert (x.numpy() == 5).all()


def test_memory_that_two_buffers_are_made_of_is_one(device: ingot.Device) -> None:
    pages = ingot.aligned_empty((1 << 14,), np.uint8)
    whole, part = device.wrap(pages), device.wrap(pages[4096:])
    target = device.empty(part.shape, np.uint8)
    with device.encoder() as encoder:
        encoder.fill(whole, 3)
        encoder.copy(part, target)
        encoder.fill(whole[:4096], 4)
        assert (encoder.barriers, encoder.barriers_spared) == (1, 1)
        encoder.commit_and_wait()
    assert (target.numpy() == 3).all()


def test_encoders_count_for_themselves(device: ingot.Device) -> None:
    x, y = device.zeros(64, np.int32), device.zeros(64, np.int32)
    one, two = device.encoder("one"), device.encoder("two", ordering="manual")
    for value in range(5):
        one.fill(x, value)
        two.fill(y, 7)
    assert (one.dispatches, one.barriers, one.barriers_spared) == (5, 4, 0)
    assert (two.dispatches, two.barriers, two.barriers_spared) == (5, 0, 0)
    assert [encoder.commit_and_wait().barriers for encoder in (one, two)] == [4, 0]
    assert (x.numpy() == 4).all()


def test_an_encoder_used_by_two_threads_refuses_one_and_counts_what_it_took(device: ingot.Device) -> None:
    rows = device.zeros((4, 64), np.int32)
    encoder = device.encoder("shared")
    encoder.fill(rows[0], 0)
    taken = [[0, 0] for _ in range(2)]
    refusals: list[str] = []
    both = threading.Barrier(2)

    def use(count: list[int], source: ingot.Buffer, target: ingot.Buffer) -> None:
        both.wait()
        for _ in range(500):
            for place, call in ((0, lambda: encoder.copy(source, target)), (1, encoder.barrier)):
                try:
                    call()
                    count[place] += 1
                except ingot.StateError as error:
                    refusals.append(str(error))

    with ThreadPoolExecutor(2) as threads:
        users = [threads.submit(use, taken[n], rows[2 * n], rows[2 * n + 1]) for n in range(2)]
        for user in users:
            user.result()
    assert all("another thread" in refusal for refusal in refusals)
    assert len(refusals) + sum(map(sum, taken)) == 2000
    submission = encoder.commit_and_wait()
    assert submission.dispatches == 1 + taken[0][0] + taken[1][0]
    assert submission.barriers >= taken[0][1] + taken[1][1]


@pytest.mark.parametrize("ordering", ["serial", "manual", "automatic"])
def test_the_environment_overrides_the_ordering(environment: dict[str, str], ordering: str) -> None:
    program = "import ingot; print([ingot.Device(0).encoder(ordering=o).ordering for o in ('automatic', 'manual')])"
    command = [sys.executable, "-W", "ignore", "-c", program]
    run = subprocess.run(
        command, capture_output=True, text=True, check=False, env=environment | {"INGOT_ORDERING": ordering}
    )
    assert run.stdout.strip() == str([ordering] * 2), run.stderr


VALUES = [
    ("bool", True), ("int8", -3), ("uint8", 200), ("int16", -300), ("uint16", 60000), ("int32", -7),
    ("uint32", 1 << 31), ("int64", -(1 << 60)), ("uint64", 1 << 63), ("float16", 1.5), ("bfloat16", -2.5),
    ("float32", np.float32(0.1)),
]  # fmt: skip


@pytest.mark.parametrize(("dtype", "value"), VALUES)
def test_fill_and_copy_any_dtype(device: ingot.Device, dtype: str, value: Any) -> None:
    x, y = device.zeros((3, 5), dtype), device.zeros((3, 5), dtype)
    with device.encoder() as encoder:
        encoder.fill(x[1:], value)
        encoder.copy(x, y)
        assert encoder.commit_and_wait().barriers == 1
    expected = np.zeros((3, 5), x.dtype)
    expected[1:] = value
    assert (y.numpy() == expected).all()


def test_copies_of_odd_windows(device: ingot.Device) -> None:
    source = device.array(np.random.default_rng(1).integers(0, 256, 1000, np.uint8))
    target = device.zeros(1000, np.uint8)
    expected = np.zeros(1000, np.uint8)
    with device.encoder() as encoder:
        for start, to, count in ((1, 0, 100), (3, 103, 64), (16, 176, 33), (5, 217, 401), (7, 700, 1), (2, 702, 255)):
            encoder.copy(source[start : start + count], target[to : to + count])
            expected[to : to + count] = source.numpy()[start : start + count]
        assert (encoder.barriers, encoder.barriers_spared) == (0, 5)
        encoder.commit_and_wait()
    assert (target.numpy() == expected).all()


def test_refused_copies_and_fills(device: ingot.Device) -> None:
    x, other = device.zeros((4, 4), np.int32), ingot.Device.new(0).zeros((4, 4), np.int32)
    closed = device.zeros((4, 4), np.int32)
    closed.close()
    with device.encoder(label="refusing") as encoder:
        for source, target, message in (
            (x, device.zeros(16, np.int32), "shape"),
            (x, device.zeros((4, 4), np.uint32), "dtype"),
            (x, x, "share bytes"),
            (x[:3], x[1:], "share bytes"),
            (x, other, "copy_from"),
            (np.zeros((4, 4), np.int32), x, "Buffer"),
        ):
            with pytest.raises(ingot.ArgumentError, match=message):
                encoder.copy(source, target)  # type: ignore[arg-type]
        for value in (1.5, 1 << 31, "1", None):
            with pytest.raises(ingot.ArgumentError, match="int32"):
                encoder.fill(x, value)  # type: ignore[arg-type]
        for call in (lambda: encoder.copy(x, closed), lambda: encoder.fill(closed, 1), lambda: encoder.barrier(closed)):
            with pytest.raises(ingot.ClosedError):
                call()
        with pytest.raises(ingot.ArgumentError, match="another device"):
            encoder.barrier(other)
        assert encoder.dispatches == 0
        encoder.commit_and_wait()
    for call in (lambda: encoder.copy(x[0], x[1]), lambda: encoder.fill(x, 1), encoder.barrier):
        with pytest.raises(ingot.StateError, match="committed"):
            call()
    discarded = device.encoder("gone")
    discarded.discard()
    with pytest.raises(ingot.StateError, match="discarded"):
        discarded.fill(x, 1)


def test_read_only_memory_is_copied_from_only(device: ingot.Device) -> None:
    pages = ingot.aligned_empty((64,), np.float32)
    pages[:] = 2
    pages.flags.writeable = False
    source, target = device.wrap(pages), device.zeros(64)
    with device.encoder() as encoder:
        with pytest.raises(ingot.ArgumentError, match="read-only"):
            encoder.copy(target, source)
        with pytest.raises(ingot.ArgumentError, match="read-only"):
            encoder.fill(source, 1.0)
        encoder.copy(source, target)
        encoder.commit_and_wait()
    assert (target.numpy() == 2).all()
