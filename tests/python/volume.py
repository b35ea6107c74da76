"""What 100,000 objects of a class leave behind: run as a program, by test_volume.py.

    python volume.py window 100000 4

makes and drops so many windows from so many threads, and prints as JSON by how much the memory of the process and the
counts of live objects grew after a warm-up.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from volume_memory import MEMORY, POOLS
from volume_work import WORK

import ingot
from ingot import _native

if TYPE_CHECKING:
    from volume_memory import Cycle


CLASSES = [*MEMORY, *WORK]
# What takes so much longer than the others.
SLOWER = {"failed_submission": 10}


def footprint() -> int:
    """Bytes of memory that the process has, or on a Mac is charged for."""
    if sys.platform == "darwin":
        # struct rusage_info_v2: 16 bytes of UUID, then 64-bit numbers, of which ri_phys_footprint is the eighth.
        usage = (ctypes.c_uint64 * 64)()
        assert ctypes.CDLL(None).proc_pid_rusage(os.getpid(), 2, usage) == 0
        return usage[2 + 7]
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def settle(device: ingot.Device, wanted: dict[str, int], patience: float = 5) -> dict[str, int]:
    """Lets go of what caches hold on purpose; returns the counts of what is alive then.

    Metal lets go of its objects a moment after it has told of their end.
    """
    deadline = time.monotonic() + patience
    while True:
        gc.collect()
        for pool in (device.pool, *POOLS):
            pool.trim()
        device.encoder().commit_and_wait()
        if (live := _native.live_objects()) == wanted or time.monotonic() > deadline:
            return live
        time.sleep(0.01)


def run(cycle: Cycle, count: int, threads: int) -> None:
    def work() -> None:
        for _ in range(count // threads):
            cycle()

    with ThreadPoolExecutor(threads) as workers:
        for future in [workers.submit(work) for _ in range(threads)]:
            future.result()


def main(name: str, count: int, threads: int) -> None:
    device = ingot.Device.new(0)
    cycle = next(each for each in CLASSES if each.__name__ == name)(device)
    cycle()
    live = settle(device, {}, patience=0.2)
    run(cycle, count // 5, threads)
    settle(device, live)
    before = footprint()
    run(cycle, count, threads)
    now = settle(device, live)
    grown = footprint() - before
    left = {kind: now[kind] - live[kind] for kind in now if now[kind] != live[kind]}
    sys.stdout.write(json.dumps({"bytes": grown, "live": left}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
