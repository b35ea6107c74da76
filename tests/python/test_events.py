"""Events: values that queues and the host wait for."""

from __future__ import annotations

import gc
import pickle
import signal
import threading
import time

import numpy as np
import pytest
from kernels import GATE, SAXPY

import ingot

STRAY = "kernel void stray(device int *x) { x[1ul << 50] = 1; }"
software = pytest.mark.software(reason="a GPU need not notice a stray pointer")


@pytest.fixture
def stamp(device: ingot.Device) -> ingot.Kernel:
    return device.compile(GATE).kernel("stamp")


def test_d13_an_event_begins_with_0_rises_and_never_falls(device: ingot.Device) -> None:
    event = device.event("steps")
    assert (event.value, event.label) == (0, "steps")
    assert event.device is device
    for value, reached in ((5, 5), (3, 5), (np.uint64(6), 6), (2**64 - 1, 2**64 - 1), (0, 2**64 - 1)):
        event.signal(value)
        assert event.value == reached
    assert repr(event) == "<ingot.Event 'steps', 18446744073709551615>"
    assert device.event().label is None


def test_d13_what_is_reached_is_seen_at_once_and_what_is_not_times_out(device: ingot.Device) -> None:
    event = device.event("steps")
    event.signal(2)
    for value in (0, 1, 2):
        event.wait(value)
        event.wait(value, timeout=0)
    for timeout in (0, 1e-9, 0.005):
        with pytest.raises(ingot.WaitTimeoutError, match="'steps' has reached 2, and not 3 yet") as caught:
            event.wait(3, timeout)
        assert isinstance(caught.value, TimeoutError)
    start = time.monotonic()
    with pytest.raises(ingot.WaitTimeoutError):
        event.wait(3, 0.25)
    assert time.monotonic() - start >= 0.25


def test_d13_many_threads_see_a_value(device: ingot.Device) -> None:
    event, seen = device.event(), []
    threads = [
        threading.Thread(target=lambda value=value: (event.wait(value, 60), seen.append(value)))
        for value in range(1, 9)
    ]
    for thread in threads:
        thread.start()
    for value in (1, 2, 8):
        event.signal(value)
    for thread in threads:
        thread.join()
    assert sorted(seen) == list(range(1, 9))


def test_host_and_gpu_wait_for_each_other(device: ingot.Device, stamp: ingot.Kernel) -> None:
    ready, done, x = device.event("ready"), device.event("done"), device.zeros(8, np.uint8)
    for step in range(1, 6):
        with device.encoder() as encoder:
            encoder.wait(ready, step)
            encoder.dispatch(stamp, x, step, grid=8)
            encoder.signal(done, step)
            encoder.commit()
    for step in range(1, 6):
        assert done.value == step - 1
        ready.signal(step)
        done.wait(step)
    device.synchronize()
    assert (x.numpy() == 5).all()


def test_what_an_event_parts_is_in_order(device: ingot.Device) -> None:
    saxpy = device.compile(SAXPY).kernel("saxpy")
    event, x, y = device.event(), device.full(4, 1.0, np.float32), device.zeros(4, np.float32)
    with device.encoder() as encoder:
        for step in range(1, 5):
            encoder.dispatch(saxpy, x, y, 1.0, grid=4)
            encoder.dispatch(saxpy, y, x, 1.0, grid=4)
            encoder.signal(event, step)
            encoder.wait(event, step)
        submission = encoder.commit_and_wait()
    assert (submission.dispatches, submission.barriers, submission.barriers_spared) == (8, 4, 0)
    assert y.numpy().tolist() == [21.0] * 4  # Fibonacci numbers
    assert event.value == 4


def test_what_cannot_be_is_refused(device: ingot.Device) -> None:
    event, foreign = device.event(), ingot.Device.new(0).event("foreign")
    encoder = device.encoder()
    for value in (-1, 2**64, 1.5, "1", None):
        for use in (event.signal, event.wait, lambda value: encoder.wait(event, value)):
            with pytest.raises(ingot.ArgumentError, match=r"0 to 2\*\*64 - 1"):
                use(value)  # type: ignore[arg-type]
    encoder.discard()
    with pytest.raises(ingot.ArgumentError, match="it must be 0 or more"):
        event.wait(1, -1)
    with device.encoder("mine") as encoder:
        for use in (encoder.wait, encoder.signal):
            with pytest.raises(
                ingot.ArgumentError, match="'foreign' belongs to another device object than encoder 'mine'"
            ):
                use(foreign, 1)
            with pytest.raises(ingot.ArgumentError, match=r"no ingot\.Event"):
                use(7, 1)  # type: ignore[arg-type]
        encoder.commit_and_wait()
    for use in (encoder.wait, encoder.signal):
        with pytest.raises(ingot.StateError, match="committed"):
            use(event, 1)
    with pytest.raises(TypeError, match="pickled"):
        pickle.dumps(event)


def test_c70_an_encoder_that_is_dropped_neither_waits_nor_signals(device: ingot.Device, stamp: ingot.Kernel) -> None:
    event, x = device.event(), device.zeros(8, np.uint8)
    for _ in range(100):
        encoder = device.encoder()
        encoder.wait(event, 1)
        encoder.dispatch(stamp, x, 7, grid=8)
        encoder.signal(event, 9)
        encoder.discard()
    with pytest.raises(ingot.UncommittedError), device.encoder() as encoder:
        encoder.signal(event, 9)
    device.synchronize()
    assert event.value == 0
    assert not x.numpy().any()


def test_a_wait_lets_other_threads_run_and_answers_ctrl_c(device: ingot.Device) -> None:
    event = device.event()
    before = signal.signal(signal.SIGALRM, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    try:
        with pytest.raises(KeyboardInterrupt):
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            event.wait(1, 60)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    thread = threading.Timer(0.05, event.signal, [1])
    thread.start()
    event.wait(1)
    thread.join()


def test_the_gpu_keeps_an_event_and_the_event_its_device() -> None:
    device = ingot.Device.new(0)
    event, x = device.event(), device.zeros(8, np.uint8)
    with device.queue().encoder() as encoder:
        encoder.wait(event, 1)
        encoder.fill(x, 3)
        submission = encoder.commit()
    del device, encoder
    gc.collect()
    assert not submission.done()
    event.signal(1)
    submission.wait()
    assert (x.numpy() == 3).all()


@software
def test_what_a_failed_submission_was_to_signal_is_reached_and_tells(device: ingot.Device) -> None:
    stray = device.compile(STRAY).kernel("stray")
    event, x, y = device.event("made"), device.zeros(4, np.int32), device.zeros(4, np.int32)
    with device.queue().encoder("consumer") as encoder:
        encoder.wait(event, 2)
        encoder.fill(y, 5)
        consumer = encoder.commit()
    with device.encoder("broken") as encoder:
        encoder.dispatch(stray, x, grid=1)
        encoder.signal(event, 2)
        encoder.commit()
    for _ in range(2):
        with pytest.raises(ingot.CommandBufferError, match="'broken' failed on the GPU.*stray") as caught:
            event.wait(1, 60)
        assert (caught.value.code, caught.value.label) == (3, "broken")
    consumer.wait()
    assert (y.numpy() == 5).all()
    assert event.value == 2
    event.signal(3)
    event.wait(3)
    device.synchronize()  # the failure was told of
