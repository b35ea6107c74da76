"""Kernels made ahead of their use, several at a time; good threadgroups for a grid."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kernels import SAXPY

import ingot

SOURCE = """
constant int n [[function_constant(0)]];
kernel void plus(device int *x [[buffer(0)]], uint i [[thread_position_in_grid]]) { x[i] += n; }
kernel void twice(device int *x [[buffer(0)]], uint i [[thread_position_in_grid]]) { x[i] *= 2; }
"""


def test_prepared_kernels_are_found(device: ingot.Device) -> None:
    seen: list[tuple[int, int, int]] = []
    library = device.compile(SAXPY)
    requests: list[Any] = [(SOURCE, "plus", {"n": n}) for n in range(1, 6)]
    kernels = device.prepare(
        [*requests, (SOURCE, "twice"), (library, "saxpy"), [library, "saxpy", None]],
        progress=lambda done, count: seen.append((done, count, threading.get_ident())),
    )
    assert [kernel.label for kernel in kernels] == [*(f"plus|0:i{n}" for n in range(1, 6)), "twice", "saxpy", "saxpy"]
    assert seen == [(n, 8, threading.get_ident()) for n in range(1, 9)]
    assert kernels[-1] is kernels[-2] is library.kernel("saxpy")
    before = ingot._native.live_objects()["kernels"]
    again = device.compile(SOURCE).kernel("plus", constants={"n": 3})
    assert ingot._native.live_objects()["kernels"] == before
    x = device.array(np.arange(4, dtype=np.int32))
    with device.encoder() as encoder:
        encoder.dispatch(kernels[2], x, grid=4)
        encoder.dispatch(again, x, grid=4)
        encoder.commit_and_wait()
    assert list(x.numpy()) == [6, 7, 8, 9]


def test_the_first_failure_is_told_after_the_others_are_made(device: ingot.Device) -> None:
    seen: list[int] = []
    requests: list[Any] = [(SOURCE, "twice"), (SOURCE, "plus"), ("kernel void k() { oops; }", "k"), (SOURCE, "nobody")]
    with pytest.raises(ingot.ArgumentError, match="needs values"):
        device.prepare(requests, progress=lambda done, _: seen.append(done))
    assert seen == [1, 2, 3, 4]
    with pytest.raises(ingot.CompileError, match="oops"):
        device.prepare(requests[2:])


def test_nothing_to_prepare(device: ingot.Device) -> None:
    assert device.prepare([]) == []
    assert device.prepare(iter(())) == []


@pytest.mark.parametrize("request_", ["plus", (SOURCE,), (SOURCE, 4), (4, "plus"), (SOURCE, "plus", 4), None])
def test_what_is_no_request(device: ingot.Device, request_: Any) -> None:
    with pytest.raises(ingot.ArgumentError, match="request"):
        device.prepare([request_])
    with pytest.raises(ingot.ArgumentError, match="progress"):
        device.prepare([(SOURCE, "twice")], progress=4)  # type: ignore[arg-type]


def test_a_progress_that_raises_ends_it(device: ingot.Device) -> None:
    def progress(_done: int, _count: int) -> None:
        raise LookupError("enough")

    with pytest.raises(LookupError, match="enough"):
        device.prepare([(SOURCE, "plus", {"n": n}) for n in range(4)], progress=progress)
    assert device.prepare([(SOURCE, "plus", {"n": 3})])[0].label == "plus|0:i3"


@pytest.mark.parametrize("grid", [1, 1000, (640, 480), (7, 3, 5), (1, 100_000), np.int64(64), (1 << 32) - 1])
def test_suggested_group(device: ingot.Device, grid: Any) -> None:
    kernel = device.compile(SOURCE).kernel("twice")
    group, extents = kernel.suggest_group(grid), np.atleast_1d(grid)
    assert len(group) == len(extents)
    assert all(n >= 1 for n in group)
    assert int(np.prod(group)) <= kernel.max_threads_per_group
    # Never more than the power of two that covers the grid.
    assert all(n < 2 * extent or n == 1 for n, extent in zip(group, map(int, extents), strict=True))


@pytest.mark.parametrize("grid", [0, -1, (1, 0), 1 << 32, (), (1, 1, 1, 1), 1.5, "4", None])
def test_grids_that_no_dispatch_can_have(device: ingot.Device, grid: Any) -> None:
    with pytest.raises(ingot.ArgumentError):
        device.compile(SOURCE).kernel("twice").suggest_group(grid)


@pytest.mark.parametrize("requests", [5, None])
def test_what_is_no_list_of_requests_is_refused(device: ingot.Device, requests: Any) -> None:
    with pytest.raises(ingot.ArgumentError, match="no list of requests"):
        device.prepare(requests)


# Once the headers are compiled: two compilers at a time, or it fails after 20 seconds.
MEETING = """#!/bin/sh
[ -d '{place}' ] || exec '{clang}' "$@"
: > '{place}'/$$
for _ in $(seq 400); do
  [ "$(ls '{place}' | wc -l)" -ge 2 ] && exec '{clang}' "$@"
  sleep 0.05
done
exit 1
"""


@pytest.mark.software(reason="Apple's compiler cannot be asked to wait")
@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one processor")
def test_sources_are_compiled_at_the_same_time(environment: dict[str, str], tmp_path: Path) -> None:
    swift = shutil.which("swift")
    clang = None if swift is None else Path(swift).resolve().with_name("clang")
    if clang is None or not clang.exists():
        pytest.skip("no swift with a clang beside it")
    wrapper, meeting = tmp_path / "clang", tmp_path / "meeting"
    wrapper.write_text(MEETING.format(place=meeting, clang=clang))
    wrapper.chmod(0o755)
    (tmp_path / "ld.lld").symlink_to(clang.with_name("ld.lld"))
    program = """
import os, sys, ingot
device = ingot.Device(0)
requests = [(f"kernel void k(device int *x) {{ x[0] = {n}; }}", "k") for n in range(3)]
device.compile(requests.pop()[0])
os.mkdir(sys.argv[1])
print(len(device.prepare(requests)))
"""
    environment |= {"INGOT_CLANG": str(wrapper), "INGOT_CACHE_DIR": str(tmp_path / "cache")}
    command = [sys.executable, "-c", program, str(meeting)]
    run = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert run.stdout == "2\n", run.stderr
