"""Fixtures for all tests: devices of their own, and proof that nothing is left behind."""

from __future__ import annotations

import gc
import os
import random
import sys
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

# Read by the software device when the first device is opened, so it is set before anything is imported.
os.environ.setdefault("INGOT_SOFT_SEED", str(random.SystemRandom().randrange(1, 1 << 31)))

import ingot
from ingot import _native

LEFT_OUT: list[str] = []


# Opened once, so that tests find it as they leave it. None where there is none, which the tests then say.
DEVICE = next(iter(ingot.devices()), None)


def pytest_report_header() -> str:
    return f"ingot: {DEVICE!r}, INGOT_SOFT_SEED={os.environ['INGOT_SOFT_SEED']}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leaves out what only the software device can do, where there is a GPU."""
    if DEVICE is None or DEVICE.is_software:
        return
    for item in items:
        marker = item.get_closest_marker("software")
        if marker is not None:
            reason = f"needs the software device: {marker.kwargs['reason']}"
            item.add_marker(pytest.mark.skip(reason=reason))
            LEFT_OUT.append(f"{item.nodeid}: {reason}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if LEFT_OUT:
        terminalreporter.write_line(f"left out, for want of the software device: {len(LEFT_OUT)}")
        for line in LEFT_OUT:
            terminalreporter.write_line(f"  {line}")


def commit_residency() -> None:
    """Lets go of memory that was dropped: the residency set has it until its next commit."""
    if DEVICE is not None:
        DEVICE.encoder().commit_and_wait()


def left_over(before: dict[str, int]) -> dict[str, int]:
    """What there is more of than before. Submissions nobody waited for may take a moment."""
    deadline = time.monotonic() + 10
    while True:
        gc.collect()
        now = _native.live_objects()
        more = {kind: now[kind] - before[kind] for kind in now if now[kind] > before[kind]}
        if not more or time.monotonic() > deadline:
            return more
        commit_residency()
        time.sleep(0.005)


@pytest.fixture(autouse=True)
def nothing_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fails a test that leaves an object behind: a handle, an object of Ingot, or one of the software Metal."""
    gc.collect()
    before = _native.live_objects()
    yield
    request.node.funcargs.clear()  # pytest itself holds them until after this
    assert left_over(before) == {}


@pytest.fixture
def device() -> ingot.Device:
    """An isolated device, which goes with the test and takes its libraries along."""
    return ingot.Device.new(0)


@pytest.fixture
def environment() -> dict[str, str]:
    """The environment for subprocesses, in which a warning is an error."""
    return os.environ | {"PYTHONWARNINGS": "error", "PYTHONPATH": os.pathsep.join(sys.path)}
