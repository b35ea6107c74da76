"""Ctrl-C wherever it comes, again and again: nothing is lost, and the device stays usable."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

import ingot
from ingot import _native

if TYPE_CHECKING:
    from ingot._native import Handle


INCREMENT = "kernel void increment(device int *x, uint i [[thread_position_in_grid]]) { x[i] += 1; }"

# SIGALRM stands for Ctrl-C, as it can come after a chosen time. A second one often comes while the first unwinds.
STORM = """
import faulthandler, gc, random, signal, sys, time
import numpy as np
import ingot
from ingot import _native, _native_owners

faulthandler.dump_traceback_later(60, exit=True)
sys.unraisablehook = lambda _: None  # of finalizers that were interrupted
random.seed(11)

device = ingot.Device.new(0)
library = device.compile("{source}")
increment = library.kernel("increment")
x, y, pages = device.zeros(64, np.int32), device.zeros(64, np.int32), ingot.aligned_empty(4096, np.int32)
pool = ingot.Pool(device)

def launch():
    with device.encoder() as encoder:
        encoder.dispatch(increment, x, grid=8)
        encoder.commit_and_wait()

def discard():
    with device.encoder(profile=True) as encoder:
        encoder.dispatch(increment, x, grid=8)
        encoder.discard()

def memory():
    z = pool.zeros(64)
    z[3:40].numpy()
    with z.mapped("w") as array:
        array[0] = 1
    pool.alloc_batch([(8, np.int32), ((2, 3), np.float32)])
    device.wrap(pages).pool

def graphs():
    with device.record() as graph:
        graph.dispatch(increment, x, grid=8)
    graph.replay().wait()
    graph.replace({{x: y}})

def stages():
    session = device.queue().session()
    session.begin_stage().dispatch(increment, x, grid=8)
    session.fence_stage()
    session.begin_stage().copy(x, y)
    session.commit_and_wait()
    session.event.wait(1)

def objects():
    library.kernel("increment").bind(x)
    device.event()
    device.residency_set()
    ingot.profile(device=device).reset()

def interrupt(*_):
    if armed:  # the system may be late
        raise KeyboardInterrupt

def interrupted(work):
    global armed
    try:
        armed = True
        signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-4, 1e-3), random.uniform(5e-5, 5e-4))
        while True:
            work()
    except KeyboardInterrupt:
        armed = False
        signal.setitimer(signal.ITIMER_REAL, 0)

def alive():
    device.synchronize()
    pool.trim()
    gc.collect()
    _native_owners.release_owners()
    gc.collect()
    return _native.live_objects(), len(_native_owners.owners)

work = {work}
signal.signal(signal.SIGALRM, interrupt)
work()
before = alive()
count, end = 0, time.monotonic() + 1
while time.monotonic() < end:
    interrupted(work)
    count += 1
after = alive()
launch()
work()
assert count > 20, count
assert after == before, (count, before, after)
"""


@pytest.mark.parametrize("work", ["launch", "discard", "memory", "graphs", "stages", "objects"])
def test_what_an_interrupted_call_has_made_is_released(work: str) -> None:
    program = STORM.format(source=INCREMENT, work=work)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_an_encoder_is_over_whose_commit_was_interrupted(device: ingot.Device, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = _native.commit

    def interrupted(encoder: Handle) -> tuple[int, Handle]:
        commit(encoder)
        raise KeyboardInterrupt

    increment, x = device.compile(INCREMENT).kernel("increment"), device.zeros(8, np.int32)
    with device.encoder() as encoder:
        encoder.dispatch(increment, x, grid=8)
        monkeypatch.setattr(_native, "commit", interrupted)
        with pytest.raises(KeyboardInterrupt):
            encoder.commit()
        monkeypatch.undo()
        with pytest.raises(ingot.StateError):
            encoder.dispatch(increment, x, grid=8)
        with pytest.raises(ingot.StateError):
            encoder.commit()
    device.synchronize()
    assert x.numpy().tolist() == [1] * 8
