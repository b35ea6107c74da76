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
    from collections.abc import Generator, Iterator

# Read by the software device when the first device is opened, so it is set before anything is imported.
os.environ.setdefault("INGOT_SOFT_SEED", str(random.SystemRandom().randrange(1, 1 << 31)))

import ingot
from ingot import _native, _native_owners, callbacks

WANTED = "needs the software device"
FAILED = pytest.StashKey[bool]()


# Opened once, so that tests find it as they leave it. None where there is none, which the tests then say.
DEVICE = next(iter(ingot.devices()), None)

# The thread of the callbacks stays, with its notifier.
callbacks._started()


def pytest_report_header() -> str:
    return f"ingot: {DEVICE!r}, INGOT_SOFT_SEED={os.environ['INGOT_SOFT_SEED']}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leaves out what only the software device can do, where there is a GPU."""
    if DEVICE is None or DEVICE.is_software:
        return
    for item in items:
        marker = item.get_closest_marker("software")
        if marker is not None:
            item.add_marker(pytest.mark.skip(reason=f"{WANTED}: {marker.kwargs['reason']}"))


def pytest_collection_finish() -> None:
    """What is there before the first test stays: the many collections to come need not look at it."""
    gc.collect()
    gc.freeze()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """By what was reported: the tests may have run in other processes."""
    skipped = terminalreporter.getreports("skipped")
    left_out = [f"{report.nodeid}: {report.longrepr[2]}" for report in skipped if WANTED in str(report.longrepr)]
    if left_out:
        terminalreporter.write_line(f"left out, for want of the software device: {len(left_out)}")
        for line in left_out:
            terminalreporter.write_line(f"  {line}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Notes for the fixtures whether the test itself failed."""
    if call.when == "call":
        item.stash[FAILED] = call.excinfo is not None
    return (yield)


def give_back() -> None:
    """Lets go of memory that was dropped: the pool caches it, and the residency set has it until its next commit."""
    if DEVICE is None:
        return
    DEVICE.pool.trim()
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
        give_back()
        time.sleep(0.005)


@pytest.fixture(autouse=True)
def nothing_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fails a test that leaves an object behind: a handle, an object of Ingot, or one of the software Metal."""
    gc.collect()
    give_back()
    before = _native.live_objects()
    yield
    if request.node.stash.get(FAILED, False):
        return  # its traceback holds them
    request.node.funcargs.clear()  # pytest itself holds them until after this
    assert left_over(before) == {}
    _native_owners.release_owners()
    assert not _native_owners.owners


@pytest.fixture
def device() -> ingot.Device:
    """An isolated device, which goes with the test and takes its libraries along."""
    return ingot.Device.new(0)


@pytest.fixture
def environment() -> dict[str, str]:
    """The environment for subprocesses, in which a warning is an error."""
    return os.environ | {"PYTHONWARNINGS": "error", "PYTHONPATH": os.pathsep.join(sys.path)}
