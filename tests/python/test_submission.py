"""Encoders and submissions: what can be done when, waiting, times, labels, and failures of the GPU."""

from __future__ import annotations

import copy
import gc
import pickle
import subprocess
import sys
import time
import warnings
from typing import Any

import numpy as np
import pytest
from kernels import SAXPY, Spinner

import ingot


def test_c18_empty_encoder(device: ingot.Device) -> None:
    with device.encoder() as encoder:
        submission = encoder.commit_and_wait()
    assert submission.done()
    assert submission.error is None
    assert (submission.dispatches, submission.barriers) == (0, 0)


def test_c51_label_after_commit_and_wait(device: ingot.Device) -> None:
    with device.encoder(label="naïve → label") as encoder:
        assert encoder.label == "naïve → label"
        submission = encoder.commit_and_wait()
    assert submission.label == "naïve → label"
    assert "naïve → label" in repr(submission)
    with device.encoder() as encoder:
        assert encoder.commit().label is None


def test_commit_returns_at_once_and_wait_ends_with_the_work(device: ingot.Device) -> None:
    spinner = Spinner(device)
    submission = spinner.commit(0.3)
    assert not submission.done()
    assert "unfinished" in repr(submission)
    submission.wait()
    assert submission.done()
    assert "done" in repr(submission)
    submission.wait(0)


def test_c65_commit_and_wait_blocks_until_the_result_can_be_read(device: ingot.Device) -> None:
    spinner = Spinner(device)
    before = int(spinner.out.numpy()[0])
    submission = spinner.commit_steps(spinner.steps(0.1), wait=True)
    assert submission.done()
    assert spinner.out.numpy()[0] != before


def test_gpu_times(device: ingot.Device) -> None:
    spinner = Spinner(device)
    start = time.monotonic()
    submission = spinner.commit(0.1)
    submission.wait()
    elapsed = time.monotonic() - start
    assert 0.02 < submission.gpu_time <= submission.host_time <= elapsed
    assert submission.gpu_end - submission.gpu_start == submission.gpu_time


def test_what_is_known_only_afterwards(device: ingot.Device) -> None:
    submission = Spinner(device).commit(0.2, label="later")
    for ask in ("gpu_time", "gpu_start", "gpu_end", "host_time", "error"):
        with pytest.raises(ingot.StateError, match="'later' is not done"):
            getattr(submission, ask)
    submission.wait()
    for ask in ("gpu_time", "gpu_start", "gpu_end", "host_time", "error"):
        getattr(submission, ask)


def test_wait_with_a_timeout(device: ingot.Device) -> None:
    submission = Spinner(device).commit(0.5, label="slow")
    for timeout in (0, 0.01, 0.15):
        start = time.monotonic()
        with pytest.raises(ingot.WaitTimeoutError, match="'slow'.*goes on") as caught:
            submission.wait(timeout)
        assert isinstance(caught.value, TimeoutError)
        assert timeout <= time.monotonic() - start < timeout + 0.25
    for timeout in (-1, -0.001, float("nan")):
        with pytest.raises(ingot.ArgumentError, match="seconds"):
            submission.wait(timeout)
    submission.wait(float("inf"))
    submission.wait(1e300)


def test_commit_and_wait_with_a_timeout(device: ingot.Device) -> None:
    spinner = Spinner(device)
    encoder = device.encoder()
    encoder.dispatch(spinner.kernel, spinner.out, spinner.steps(0.3), grid=1)
    with pytest.raises(ingot.WaitTimeoutError):
        encoder.commit_and_wait(timeout=0.01)
    encoder.submission.wait()


def test_wait_before_commit(device: ingot.Device) -> None:
    with device.encoder("early") as encoder:
        with pytest.raises(ingot.StateError, match="'early' is not committed"):
            _ = encoder.submission
        submission = encoder.commit()
    assert encoder.submission is submission
    submission.wait()


def test_after_commit_the_encoder_is_over(device: ingot.Device) -> None:
    kernel = device.compile(SAXPY).kernel("saxpy")
    x, y = device.zeros(4), device.zeros(4)
    with device.encoder("once") as encoder:
        encoder.dispatch(kernel, x, y, 1.0, grid=4)
        encoder.commit_and_wait()
        for again in (encoder.commit, encoder.commit_and_wait, lambda: encoder.dispatch(kernel, x, y, 1.0, grid=4)):
            with pytest.raises(ingot.StateError, match="'once'.*committed"):
                again()
        encoder.discard()  # of what was committed there is nothing to discard
    assert encoder.submission.done()
    assert "committed" in repr(encoder)


def test_after_discard_the_encoder_is_over(device: ingot.Device) -> None:
    kernel = device.compile(SAXPY).kernel("saxpy")
    x, y = device.full(4, 1), device.zeros(4)
    with device.encoder("never") as encoder:
        encoder.dispatch(kernel, x, y, 1.0, grid=4)
        encoder.discard()
        encoder.discard()
        for again in (encoder.commit, encoder.commit_and_wait, lambda: encoder.dispatch(kernel, x, y, 1.0, grid=4)):
            with pytest.raises(ingot.StateError, match="'never' was discarded"):
                again()
        with pytest.raises(ingot.StateError):
            _ = encoder.submission
    assert "discarded" in repr(encoder)
    assert not y.numpy().any()
    assert device.statistics().submissions == 0


def test_leaving_a_with_block_without_commit(device: ingot.Device) -> None:
    kernel = device.compile(SAXPY).kernel("saxpy")
    x, y = device.full(4, 1), device.zeros(4)
    with pytest.raises(ingot.UncommittedError, match="'forgotten'.*commit"), device.encoder("forgotten") as encoder:
        encoder.dispatch(kernel, x, y, 1.0, grid=4)
    with pytest.raises(ingot.UncommittedError), device.encoder():
        pass
    with pytest.raises(ZeroDivisionError), device.encoder("failed") as encoder:
        encoder.dispatch(kernel, x, y, 1.0, grid=4)
        raise ZeroDivisionError
    assert "discarded" in repr(encoder)
    assert not y.numpy().any()


def test_dropping_an_encoder_uncommitted_is_a_resource_warning(device: ingot.Device) -> None:
    encoder = device.encoder("dropped")
    with pytest.warns(ResourceWarning, match="'dropped' was dropped"):
        del encoder
        gc.collect()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        device.encoder().discard()
        device.encoder().commit()
        gc.collect()


def test_encoder_arguments(device: ingot.Device) -> None:
    with pytest.raises(ingot.ArgumentError, match="'automatic', 'serial'"):
        device.encoder(ordering="parallel")  # type: ignore[arg-type]
    with pytest.raises(ingot.ArgumentError, match="label"):
        device.encoder("a\0b")
    with device.encoder(ordering="serial") as encoder:
        encoder.commit_and_wait()


def test_serial_ordering_needs_no_barriers(device: ingot.Device) -> None:
    kernel = device.compile(SAXPY).kernel("saxpy")
    x, y = device.full(100, 1), device.zeros(100)
    with device.encoder(ordering="serial") as encoder:
        for _ in range(20):
            encoder.dispatch(kernel, x, y, 1.0, grid=100)
        submission = encoder.commit_and_wait()
    assert submission.barriers == 0
    assert (y.numpy() == 20).all()


def test_host_access_in_flight(device: ingot.Device) -> None:
    spinner = Spinner(device)
    other = device.zeros(4)
    view = spinner.out.numpy()
    submission = spinner.commit(0.3, label="busy")
    with pytest.raises(ingot.InFlightError, match="busy"):
        spinner.out.numpy()
    with pytest.raises(ingot.InFlightError, match="busy"):
        np.asarray(spinner.out)
    assert other.numpy().sum() == 0
    submission.wait()
    assert spinner.out.numpy()[0] == view[0]


def test_host_access_after_a_wait(device: ingot.Device) -> None:
    spinner = Spinner(device)
    submission = spinner.commit(0.3, label="busy")
    array = spinner.out.numpy(wait=True)
    assert submission.done()
    assert array[0] == spinner.out.numpy(wait=True)[0]
    spinner.out.close()
    with pytest.raises(ingot.ClosedError):
        spinner.out.numpy(wait=True)


def test_encoders_and_submissions_have_no_copies(device: ingot.Device) -> None:
    encoder = device.encoder()
    for spoil in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="a CommandEncoder belongs to this process"):
            spoil(encoder)
    submission = encoder.commit_and_wait()  # nothing has discarded it
    for spoil in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="a Submission belongs to this process"):
            spoil(submission)


def test_an_encoder_that_never_began_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    ignored: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", ignored.append)
    with pytest.raises(TypeError, match="missing"):
        ingot.CommandEncoder()  # type: ignore[call-arg]
    gc.collect()
    assert not ignored


@pytest.mark.parametrize("timeout", ["1", "soon", [], -1, float("nan"), pytest.param(10**5000, id="huge")])
def test_timeouts_that_are_none(device: ingot.Device, timeout: Any) -> None:
    submission = device.encoder().commit()
    with pytest.raises(ingot.ArgumentError, match="a wait of"):
        submission.wait(timeout)
    submission.wait(np.float32(10))


def test_reading_what_the_gpu_only_reads(device: ingot.Device) -> None:
    spinner = Spinner(device)
    steps = device.array([spinner.steps(0.3)], np.uint32)
    with device.encoder("reading") as encoder:
        encoder.dispatch(spinner.kernel, spinner.out, steps, grid=1)
        submission = encoder.commit()
    assert steps.numpy()[0] > 0
    with pytest.raises(ingot.InFlightError, match="reading"):
        spinner.out.numpy()
    submission.wait()


def test_submissions_of_one_queue_run_in_order(device: ingot.Device) -> None:
    spinner = Spinner(device)
    expected = int(spinner.out.numpy()[0])
    submissions = [spinner.commit_steps(steps) for steps in (5000, 1, 700, 30)]
    for submission in submissions:
        submission.wait()
    for _ in range(5731):  # a step that saw old memory would be lost
        expected = ((expected ^ expected >> 15) * 1664525 + 1013904223) & 0xFFFFFFFF
    assert spinner.out.numpy()[0] == expected


FAULT = """
import ingot
device = ingot.Device.new(0)
kernel = device.compile("kernel void fault(device float *p, constant ulong &at) {{ p[at] = 1; }}").kernel("fault")
buffer = device.full(4, 3)
with device.encoder("faulty") as encoder:
    encoder.dispatch(kernel, buffer, {at}, grid=1)
    submission = encoder.commit()
for _ in range(2):
    try:
        submission.wait()
    except ingot.CommandBufferError as error:
        assert error.code != 0 and error.label == "faulty", error
        assert "faulty" in str(error) and "fault" in str(error), error
        print(error)
    else:
        raise SystemExit("no error")
assert submission.done() and isinstance(submission.error, ingot.CommandBufferError), submission
assert "failed" in repr(submission)
submission.gpu_time
with device.encoder("fine") as encoder:
    encoder.dispatch(kernel, buffer, 2, grid=1)
    encoder.commit_and_wait()
assert buffer.numpy().tolist() == [3, 3, 1, 3]
"""


@pytest.mark.software(reason="a GPU need not notice")
def test_kernel_that_writes_beyond_memory_fails_the_submission(environment: dict[str, str]) -> None:
    command = [sys.executable, "-c", FAULT.format(at=1 << 40)]
    run = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert run.returncode == 0, run.stderr


@pytest.mark.software(reason="INGOT_SOFT_FAIL_SUBMISSION")
def test_failed_submission(environment: dict[str, str]) -> None:
    command = [sys.executable, "-c", FAULT.format(at=1)]
    variables = environment | {"INGOT_SOFT_FAIL_SUBMISSION": "1"}
    run = subprocess.run(command, capture_output=True, text=True, check=False, env=variables)
    # The failing one did nothing, so what it would have written is not there.
    assert run.returncode == 0 or "[3.0, 1.0, 1.0, 3.0]" in run.stderr, run.stderr
