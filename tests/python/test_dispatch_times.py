"""Times of dispatches on the GPU: encoders with `profile=True`."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from kernels import SAXPY, Spinner

import ingot


def chain(device: ingot.Device, *, profile: bool, dispatches: int = 4) -> ingot.Submission:
    """Dispatches that follow one another."""
    saxpy = device.compile(SAXPY).kernel("saxpy")
    x, y = device.full((1 << 12,), 1, np.float32), device.zeros((1 << 12,), np.float32)
    with device.encoder(label="chain", profile=profile) as encoder:
        for _ in range(dispatches):
            encoder.dispatch(saxpy, x, y, a=2.0, grid=x.size)
        submission = encoder.commit_and_wait()
    assert y.numpy()[-1] == 2 * dispatches
    return submission


def test_c83_times_fit_the_submission(device: ingot.Device) -> None:
    submission = chain(device, profile=True)
    method, times = submission.profile_method, submission.dispatch_times
    assert method is not None
    if method.startswith("none"):
        assert times == []
        return
    assert "stage-boundary counters" in method
    assert [time.kernel for time in times] == ["saxpy"] * 4
    last, total = submission.gpu_start - 1e-4, 0.0
    for time in times:
        assert time.start is not None
        assert time.end is not None
        assert time.duration == time.end - time.start
        assert last <= time.start + 1e-6 <= time.end + 1e-6
        last, total = time.end, total + time.end - time.start
    assert last <= submission.gpu_end + 1e-4
    assert total <= submission.gpu_time * 1.01 + 1e-6


def test_none_without_profile(device: ingot.Device) -> None:
    submission = chain(device, profile=False)
    assert submission.dispatch_times == []
    assert submission.profile_method is None


def test_profile_is_true_or_false(device: ingot.Device) -> None:
    for wrong in ("0", "", 0, 1, None):
        with pytest.raises(ingot.ArgumentError, match="True or False"):
            device.encoder(profile=wrong)  # type: ignore[arg-type]


def test_known_only_afterwards(device: ingot.Device) -> None:
    submission = Spinner(device).commit(0.1)
    for name in ("dispatch_times", "profile_method"):
        with pytest.raises(ingot.StateError, match="is not done"):
            getattr(submission, name)
    submission.wait()
    assert submission.dispatch_times == []


@pytest.mark.software(reason="a GPU that samples no counters is made by a variable")
def test_c83_a_device_that_does_not_sample_gives_none(environment: dict[str, str]) -> None:
    program = f"""
import numpy as np
import ingot
device = ingot.Device()
x = device.zeros((4,), np.float32)
with device.encoder(profile=True) as encoder:
    encoder.dispatch(device.compile({SAXPY!r}).kernel("saxpy"), x, x, a=2.0, grid=4)
    submission = encoder.commit_and_wait()
assert submission.dispatch_times == []
print(submission.profile_method)
"""
    environment["INGOT_SOFT_COUNTERS"] = "0"
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("none: ")
    assert "does not sample its clock" in done.stdout


def test_long_labels_are_cut_and_nothing_else(device: ingot.Device) -> None:
    name = "k" * 300
    kernel = device.compile(f"kernel void {name}(device float *x) {{ x[0] += 1; }}").kernel(name)
    x = device.zeros((1,), np.float32)
    with device.encoder(profile=True) as encoder:
        encoder.dispatch(kernel, x, grid=1)
        encoder.dispatch(kernel, x, grid=1)
        submission = encoder.commit_and_wait()
    assert x.item() == 2
    assert all(time.kernel == "k" * 255 for time in submission.dispatch_times)


def test_a_timed_commit_returns_at_once(device: ingot.Device) -> None:
    spinner = Spinner(device)
    spinner.commit(0.3)  # what comes after it on this queue is not done yet
    with device.encoder(profile=True) as encoder:
        encoder.dispatch(spinner.kernel, spinner.out, 1, grid=1)
        submission = encoder.commit()
    assert not submission.done()
    submission.wait()
    assert submission.error is None
