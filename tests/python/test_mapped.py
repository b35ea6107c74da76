"""Mappings: while one is open, submissions that conflict are refused."""

from __future__ import annotations

import gc
import signal
import threading
from typing import Any

import numpy as np
import pytest
from kernels import ADD, SAXPY, Gate, Spinner

import ingot
from ingot import _native

MODES = ("r", "w", "rw")


@pytest.fixture
def saxpy(device: ingot.Device) -> ingot.Kernel:
    """Reads its first argument, and writes its second."""
    return device.compile(SAXPY).kernel("saxpy")


def encoded(kernel: ingot.Kernel, x: ingot.Buffer, y: ingot.Buffer, label: str = "work") -> ingot.CommandEncoder:
    encoder = x.device.encoder(label)
    encoder.dispatch(kernel, x, y, 2.0, grid=x.size)
    return encoder


def assert_refused(encoder: ingot.CommandEncoder) -> None:
    with pytest.raises(ingot.InFlightError):
        encoder.commit()
    encoder.discard()


@pytest.mark.parametrize("mode", MODES)
def test_conflicts_are_refused_and_can_be_committed_later(device: ingot.Device, saxpy: ingot.Kernel, mode: Any) -> None:
    x, y = device.full(16, 1, label="the input"), device.full(16, 1, label="the output")
    for mapped, other, is_refused in ((y, x, True), (x, y, mode != "r")):
        encoder = encoded(saxpy, x, y)
        before = y.numpy(copy=True)
        with mapped.mapped(mode) as array:
            assert np.array_equal(array, mapped.numpy())
            if is_refused:
                for _ in range(2):
                    with pytest.raises(ingot.InFlightError) as caught:
                        encoder.commit()
                assert mapped.label in str(caught.value)
                assert "work" in str(caught.value)
                assert np.array_equal(y.numpy(), before)
                assert other.numpy().size == 16  # nothing is under way
            else:
                encoder.commit_and_wait()
        if is_refused:
            encoder.dispatch(saxpy, x, y, 2.0, grid=16)  # it is as it was
            encoder.commit_and_wait()
        assert np.all(y.numpy() == before + (4 if is_refused else 2))


def test_what_submissions_use_is_not_mapped(device: ingot.Device) -> None:
    spinner = Spinner(device)
    other = device.zeros(16)
    submission = spinner.commit(0.3, label="busy")
    for mode in MODES:
        with pytest.raises(ingot.InFlightError, match="busy"):
            spinner.out.mapped(mode)  # type: ignore[arg-type]
        other.mapped(mode).close()  # type: ignore[arg-type]
    with spinner.out.mapped("rw", wait=True) as array:
        assert submission.done()
        array[0] = 1


def test_what_submissions_read_can_be_mapped_for_reading(device: ingot.Device, saxpy: ingot.Kernel) -> None:
    spinner = Spinner(device)
    x, y = device.full(16, 1), device.full(16, 1)
    encoder = encoded(saxpy, x, y)
    encoder.dispatch(spinner.kernel, spinner.out, spinner.steps(0.3), grid=1)
    submission = encoder.commit()
    with x.mapped("r") as array:
        assert np.all(array == 1)
    with pytest.raises(ingot.InFlightError):
        x.mapped("w")
    with x.mapped("w", wait=True):
        assert submission.done()


def test_bytes_count_and_not_buffers(device: ingot.Device, saxpy: ingot.Kernel) -> None:
    b = device.full(64, 1)
    parts = [b[:16], b[16:32], b[32:48], b[48:]]
    with parts[0].mapped("w"), parts[3].mapped("w"):
        encoded(saxpy, parts[1], parts[2]).commit_and_wait()
        for refused in (b[15:31], b[40:56], b[48:]):
            assert_refused(encoded(saxpy, parts[1], refused))
            assert_refused(encoded(saxpy, refused, parts[1]))
    assert b.numpy().tolist() == [1] * 32 + [3] * 16 + [1] * 16


def test_readers_share_and_writers_exclude(device: ingot.Device) -> None:
    b = device.full(64, 1, label="shared")
    with b.mapped(), b[:32].mapped("r"), b[16:].mapped("r"):
        for mode in ("w", "rw"):
            with pytest.raises(ingot.StateError, match="shared"):
                b[8:9].mapped(mode)  # type: ignore[arg-type]
    with b[:32].mapped("w"):
        b[32:].mapped("w").close()
        for mode in MODES:
            with pytest.raises(ingot.StateError, match="mapped for writing"):
                b[31:33].mapped(mode)  # type: ignore[arg-type]
    b.mapped("rw").close()


def test_arrays_of_readers_cannot_be_written(device: ingot.Device) -> None:
    for dtype in (np.float32, "bfloat16", np.bool_):
        for shape in ((), (4,), (2, 3)):
            b = device.zeros(shape, dtype)
            with b.mapped("r") as array:
                assert (array.shape, array.dtype) == (b.shape, b.dtype)
                assert not array.flags.writeable
                with pytest.raises(ValueError, match="read-only|WRITEABLE"):
                    array[...] = 1
                with pytest.raises(ValueError, match="WRITEABLE"):
                    array.flags.writeable = True
            with b.mapped("w") as array:
                array[...] = 1
            assert np.all(b.numpy() == 1)


def test_closing(device: ingot.Device, saxpy: ingot.Kernel) -> None:
    b = device.full(16, 1)
    mapping = b.mapped("rw")
    array = mapping.array
    assert not mapping.is_closed
    assert "rw" in repr(mapping)
    mapping.close()
    mapping.close()
    assert mapping.is_closed
    assert "closed" in repr(mapping)
    with mapping:
        pass
    encoded(saxpy, b, b).commit_and_wait()
    b.close()
    assert np.all(array == 3)  # nobody protects it, but it is there


def test_a_dropped_mapping_ends_with_a_warning(device: ingot.Device, saxpy: ingot.Kernel) -> None:
    b = device.full(16, 1, label="forgotten")
    mapping = b.mapped("w")
    with pytest.warns(ResourceWarning, match="forgotten"):
        del mapping
        gc.collect()
    encoded(saxpy, b, b).commit_and_wait()


def test_a_mapping_keeps_the_memory(device: ingot.Device) -> None:
    b = device.full(1000, 7)
    with b.mapped("r") as array:
        b.close()
        del b
        gc.collect()
        junk = [device.zeros(1000) for _ in range(5)]
        assert np.all(array == 7)
    del junk


@pytest.mark.parametrize("mode", ["", "x", "wr", "r+", None, 3, b"r"])
def test_modes(device: ingot.Device, mode: Any) -> None:
    with pytest.raises(ingot.ArgumentError, match="'r', 'w', 'rw'"):
        device.zeros(4).mapped(mode)


def test_closed_buffers_are_not_mapped(device: ingot.Device) -> None:
    b = device.zeros(4)
    b.close()
    with pytest.raises(ingot.ClosedError):
        b.mapped("r")


def test_an_exception_in_the_block_closes_it(device: ingot.Device, saxpy: ingot.Kernel) -> None:
    b = device.full(16, 1)
    with pytest.raises(ZeroDivisionError), b.mapped("w"):
        raise ZeroDivisionError
    encoded(saxpy, b, b).commit_and_wait()


def test_thousands_leave_nothing(device: ingot.Device) -> None:
    b = device.zeros((100, 10))
    before = _native.live_objects()["handles"]
    for _ in range(20):
        mappings = [row.mapped("w") for row in b]
        for mapping in mappings:
            mapping.close()
    gc.collect()
    assert _native.live_objects()["handles"] <= before + 1


def test_commits_and_mappings_of_several_threads_never_meet(device: ingot.Device) -> None:
    """While it is mapped for writing, what the host has written is what there is, whoever commits meanwhile."""
    add = device.compile(ADD).kernel("add_int32")
    b = device.zeros(256, np.int32)
    stop = threading.Event()
    failures: list[object] = []
    refused = committed = mapped = 0

    def commit() -> None:
        nonlocal refused, committed
        while not stop.is_set():
            encoder = device.encoder()
            encoder.dispatch(add, b, 1, grid=256)
            try:
                encoder.commit()
                committed += 1
            except ingot.InFlightError:
                encoder.discard()
                refused += 1

    threads = [threading.Thread(target=commit) for _ in range(2)]
    for thread in threads:
        thread.start()
    n = 0
    while n < 300 or (n < 30_000 and not committed):  # a quick host may keep the others out for long
        n += 1
        try:
            with b.mapped("rw", wait=n % 2 == 0) as array:
                array[:] = n
                failures += [n for _ in range(20) if not np.all(array == n)]
            mapped += 1
        except ingot.InFlightError:
            pass
    stop.set()
    for thread in threads:
        thread.join()
    device.synchronize()
    assert failures == []
    assert mapped >= 150
    assert committed > 0


def test_ctrl_c_while_waiting_for_a_mapping_leaves_none_open(device: ingot.Device) -> None:
    """The signal comes while C waits, and Python sees it when the mapping is there already."""
    gate = Gate(device)
    out = device.zeros(4, np.uint8)
    with gate.encoder(device) as encoder:
        encoder.dispatch(gate.stamp, out, 1, grid=4)
        submission = encoder.commit()
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    opener = threading.Timer(0.03, gate.open)
    opener.start()
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    try:
        with pytest.raises(KeyboardInterrupt):
            out.mapped("w", wait=True)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        opener.join()
    submission.wait()
    with device.encoder() as encoder:
        encoder.dispatch(gate.stamp, out, 1, grid=4)
        encoder.commit_and_wait()
