"""Waiting for what uses a buffer, or for all that a device does."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import Any

import numpy as np
import pytest
from kernels import SAXPY, Spinner

import ingot

FAULT = """
#include <metal_stdlib>
using namespace metal;
kernel void stray(device int *x [[buffer(0)]], uint i [[thread_position_in_grid]]) {
  x[i + (1ul << 50)] = 1;
}
"""


@pytest.fixture
def spinner(device: ingot.Device) -> Spinner:
    return Spinner(device)


def test_a_buffer_waits_for_what_uses_it(spinner: Spinner) -> None:
    for _ in range(3):
        submission = spinner.commit(0.05)
        spinner.out.synchronize()
        assert submission.done()
        spinner.out.numpy()


def test_a_buffer_waits_for_what_reads_it(device: ingot.Device, spinner: Spinner) -> None:
    x, y = device.zeros(4), device.zeros(4)
    with device.encoder() as encoder:
        encoder.dispatch(device.compile(SAXPY).kernel("saxpy"), x, y, 1.0, grid=4)
        encoder.dispatch(spinner.kernel, spinner.out, spinner.steps(0.1), grid=1)
        submission = encoder.commit()
    x.synchronize()
    assert submission.done()


def test_a_buffer_does_not_wait_for_others(device: ingot.Device, spinner: Spinner) -> None:
    b = device.zeros(8, np.uint32)
    with device.encoder() as encoder:
        encoder.dispatch(spinner.kernel, b[4:], spinner.steps(0.5), grid=1)
        submission = encoder.commit()
    device.zeros(4).synchronize()
    b[:4].synchronize()
    assert not submission.done()
    b[3:5].synchronize()
    assert submission.done()


def test_a_device_waits_for_everything(device: ingot.Device) -> None:
    spinners = [Spinner(device) for _ in range(3)]
    submissions = [spinner.commit(0.05) for spinner in spinners]
    device.synchronize()
    assert all(submission.done() for submission in submissions)
    device.synchronize()


@pytest.mark.parametrize("what", ["buffer", "device"])
def test_the_time_may_be_over(spinner: Spinner, what: str) -> None:
    waits = spinner.out.synchronize if what == "buffer" else spinner.device.synchronize
    submission = spinner.commit(0.5, label="slow")
    for timeout in (0, 0.01, np.float32(0.01)):
        with pytest.raises(ingot.WaitTimeoutError, match="slow"):
            waits(timeout)
    with pytest.raises(ingot.ArgumentError):
        waits(-1)
    assert not submission.done()
    waits(60)
    assert submission.done()
    waits(0)


@pytest.mark.parametrize("what", ["buffer", "device"])
def test_other_threads_run_meanwhile(spinner: Spinner, what: str) -> None:
    ticks = 0
    done = threading.Event()

    def tick() -> None:
        nonlocal ticks
        while not done.wait(0.005):
            ticks += 1

    thread = threading.Thread(target=tick)
    thread.start()
    spinner.commit(0.3)
    (spinner.out if what == "buffer" else spinner.device).synchronize()
    done.set()
    thread.join()
    assert ticks >= 3


@pytest.mark.parametrize("what", ["buffer", "device", "mapped"])
def test_ctrl_c_interrupts(spinner: Spinner, what: str) -> None:
    submission = spinner.commit(3)
    waits: dict[str, Any] = {
        "buffer": spinner.out.synchronize,
        "device": spinner.device.synchronize,
        "mapped": lambda: spinner.out.mapped("w", wait=True),
    }
    threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        waits[what]()
    assert not submission.done()
    if what == "mapped":  # and nothing stays mapped
        spinner.commit(0.01).wait()
    submission.wait()


def fail(device: ingot.Device, b: ingot.Buffer, label: str = "stray") -> ingot.Submission:
    with device.encoder(label) as encoder:
        encoder.dispatch(device.compile(FAULT).kernel("stray"), b, grid=1)
        return encoder.commit()


@pytest.mark.software(reason="a GPU need not notice a stray pointer")
@pytest.mark.parametrize("is_late", [False, True])
def test_a_failure_is_told_once_whenever_it_was(device: ingot.Device, is_late: bool) -> None:  # noqa: FBT001
    b, other = device.zeros(4, np.int32), device.zeros(4, np.int32)

    def settled() -> None:
        while is_late and device.statistics().unfinished:
            time.sleep(0.001)

    fail(device, b, "first")
    settled()
    other.synchronize()
    with pytest.raises(ingot.CommandBufferError, match="first"):
        b.synchronize()
    b.synchronize()
    device.synchronize()
    fail(device, b, "second")
    fail(device, other, "third")
    settled()
    with pytest.raises(ingot.CommandBufferError, match="second"):
        device.synchronize()
    for waits in (device.synchronize, b.synchronize, other.synchronize):
        waits()


@pytest.mark.software(reason="a GPU need not notice a stray pointer")
def test_a_failure_that_is_known_is_not_told_again(device: ingot.Device) -> None:
    b = device.zeros(4, np.int32)
    submission = fail(device, b)
    with pytest.raises(ingot.CommandBufferError):
        submission.wait()
    b.synchronize()
    device.synchronize()
    with pytest.raises(ingot.CommandBufferError):
        submission.wait()


def test_closed_and_unused(device: ingot.Device) -> None:
    lazy = device.buffer(4, lazy=True)
    lazy.synchronize()
    assert not lazy.is_allocated
    b = device.zeros(4)
    b.close()
    with pytest.raises(ingot.ClosedError):
        b.synchronize()
