"""Memory lives as long as anything uses it, in whatever order the rest goes."""

from __future__ import annotations

import gc
import itertools
import subprocess
import sys
import weakref
from typing import TYPE_CHECKING

import numpy as np
import pytest
from kernels import SAXPY, Spinner

import ingot
from ingot import _native

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ("device", "library", "kernel", "buffer", "encoder", "submission", "array", "part")


@pytest.mark.parametrize("seed", range(20))
def test_any_order_of_deletion(seed: int) -> None:
    order = list(NAMES)
    np.random.default_rng(seed).shuffle(order)
    objects: dict[str, object] = {}
    device = objects["device"] = ingot.Device.new(0)
    library = objects["library"] = device.compile(SAXPY)
    kernel = objects["kernel"] = library.kernel("saxpy")
    buffer = objects["buffer"] = device.full(1000, 1)
    other = device.full(1000, 2)
    encoder = objects["encoder"] = device.encoder("kept")
    encoder.dispatch(kernel, other, buffer, 3.0, grid=1000)
    submission = objects["submission"] = encoder.commit_and_wait()
    array = objects["array"] = buffer.numpy()
    objects["part"] = array[10:20]
    del device, library, kernel, buffer, other, encoder, submission, array
    for name in order:
        del objects[name]
        gc.collect()
        for view in (objects.get("array"), objects.get("part")):
            if view is not None:
                assert (view == 7).all()  # type: ignore[attr-defined]


def test_array_outlives_everything() -> None:
    device = ingot.Device.new(0)
    buffer = device.array(np.arange(100_000, dtype=np.int32))
    part = buffer.numpy().reshape(100, 1000)[7, ::3]
    buffer.close()
    del buffer, device
    gc.collect()
    junk = [ingot.Device(0).full(100_000, n, np.int32) for n in range(20)]
    assert np.array_equal(part, np.arange(7000, 8000, 3))
    assert _native.live_objects()["storages"] >= 20
    del junk


def test_memory_goes_with_the_last_view(device: ingot.Device) -> None:
    device.encoder().commit_and_wait()
    before = device.current_allocated
    buffer = device.zeros(1 << 20, exact=True)
    views = [buffer.numpy(), buffer.numpy()[5:], np.asarray(buffer).T]
    buffer.close()
    for _ in range(3):
        device.encoder().commit_and_wait()  # commits the residency set, which has it too
        assert device.current_allocated >= before + (4 << 20)
        views.pop()
        gc.collect()
    device.encoder().commit_and_wait()
    assert device.current_allocated == before


def test_closing_while_the_gpu_works(device: ingot.Device) -> None:
    spinner = Spinner(device)
    view = spinner.out.numpy()
    before = int(view[0])
    submission = spinner.commit(0.1)
    spinner.out.close()
    del spinner
    gc.collect()
    submission.wait()
    assert int(view[0]) != before


def test_dropping_everything_while_the_gpu_works() -> None:
    spinner = Spinner(ingot.Device.new(0))
    spinner.commit(0.05)
    del spinner
    gc.collect()


def test_devices_and_buffers_are_no_cycles() -> None:
    gc.collect()
    gc.disable()
    try:
        device = ingot.Device.new(0)
        gone = weakref.ref(device)
        kernel = device.compile(SAXPY).kernel("saxpy")
        x, y = device.zeros(4), device.zeros(4)
        with device.encoder() as encoder:
            encoder.dispatch(kernel, x, y, 1.0, grid=4)
            encoder.dispatch(kernel, x, y, 1.0, grid=4)
            submission = encoder.commit_and_wait()
        with pytest.raises(ingot.ArgumentError):
            device.zeros(0)
        del device, kernel, x, y, encoder, submission
        assert gone() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("repeat", [2000])
def test_thousands_of_objects_leave_nothing(device: ingot.Device, repeat: int) -> None:
    kernel = device.compile(SAXPY).kernel("saxpy")
    for n in range(repeat):
        x = device.full(16, n, np.float32)
        with device.encoder() as encoder:
            encoder.dispatch(kernel, x, x, 0.0, grid=16)
            submission = encoder.commit()
        if n % 50 == 0:
            submission.wait()
    submission.wait()
    live = _native.live_objects()
    del x, encoder, submission
    assert live["handles"] < 30


AT_EXIT = """
import sys
import ingot
{globals}
device = ingot.Device.new(0)
kernel = device.compile({source!r}).kernel("spin")
out = device.zeros(1, "uint32")
view = out.numpy()
encoder = device.encoder("exit")
encoder.dispatch(kernel, out, {steps}, grid=1)
submission = encoder.commit()
other = device.zeros(100).numpy()
keep = [device, kernel, out, view, encoder, submission, other]
sys.keep, ingot.keep, keep_in_a_cycle = keep, keep, keep
keep.append(keep)
{end}
"""
ENDS = {
    "falling off the end": "",
    "sys.exit": "sys.exit(0)",
    "deleting modules": "del sys.modules['ingot'], sys.modules['numpy'], ingot",
    "deleting in order": "del device, kernel, out, encoder, submission; keep.clear()",
    "an uncommitted encoder": "open = device.encoder(); import warnings; warnings.simplefilter('ignore')",
}


@pytest.mark.parametrize("end", ENDS)
def test_exit_with_everything_alive(end: str, environment: dict[str, str], tmp_path: Path) -> None:
    from kernels import SPIN  # noqa: PLC0415

    for steps, extra in itertools.product((1, 20_000_000), ("", "import numpy; from ingot import *")):
        program = AT_EXIT.format(source=SPIN, steps=steps, globals=extra, end=ENDS[end])
        command = [sys.executable, "-c", program]
        run = subprocess.run(
            command, capture_output=True, text=True, check=False, env=environment, timeout=60, cwd=tmp_path
        )
        assert run.returncode == 0, run.stderr
        assert "Error" not in run.stderr
