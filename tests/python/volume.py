"""What 100,000 objects of a class leave behind: run as a program, by test_volume.py.

    python volume.py window 100000 4

makes and drops so many windows from so many threads, and prints as JSON by how much the memory of the process and the
counts of live objects grew after a warm-up.
"""

from __future__ import annotations

import atexit
import ctypes
import gc
import json
import os
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from kernels import SAXPY

import ingot
from ingot import _native

if TYPE_CHECKING:
    from collections.abc import Callable

    Cycle = Callable[[], object]


def exact_buffer(device: ingot.Device) -> Cycle:
    return lambda: device.empty(5000, np.float32, exact=True)


def pooled_buffer(device: ingot.Device) -> Cycle:
    return lambda: device.zeros(5000, np.float32, label="volume")


def small_buffer(device: ingot.Device) -> Cycle:
    return lambda: device.full(16, 1.0)


def buffer_of_a_pool(device: ingot.Device) -> Cycle:
    pool = ingot.Pool(device)
    POOLS.append(pool)
    return lambda: pool.empty(300_000, np.uint8)


def released_buffer(device: ingot.Device) -> Cycle:
    pool = ingot.Pool(device)
    POOLS.append(pool)
    return lambda: pool.release(pool.empty(300))


def lazy_buffer(device: ingot.Device) -> Cycle:
    return lambda: device.buffer(5000, np.float32, lazy=True).fill(1)


def mapping(device: ingot.Device) -> Cycle:
    buffer = device.zeros((40, 50))

    def cycle() -> None:
        with buffer.mapped("r") as array:
            assert array[0, 0] == 0

    return cycle


def window(device: ingot.Device) -> Cycle:
    buffer = device.zeros((40, 50))
    return lambda: buffer[3:7].reshape(-1)


def array(device: ingot.Device) -> Cycle:
    buffer = device.zeros((40, 50))
    return lambda: buffer.numpy()[1:]


def encoder(device: ingot.Device) -> Cycle:
    kernel, buffer = device.compile(SAXPY).kernel("saxpy"), device.zeros(16)

    def cycle() -> None:
        with suppress(KeyError), device.encoder("volume") as encoder:
            encoder.dispatch(kernel, buffer, buffer, 1.0, grid=16)
            raise KeyError  # which discards it

    return cycle


def submission(device: ingot.Device) -> Cycle:
    """With ten dispatches, so that 100,000 of them are a million."""
    kernel, buffer = device.compile(SAXPY).kernel("saxpy"), device.zeros(16)

    def cycle() -> None:
        with device.encoder() as encoder:
            for _ in range(10):
                encoder.dispatch(kernel, buffer, buffer, 0.0, grid=16)
            encoder.commit_and_wait()

    return cycle


def library(device: ingot.Device) -> Cycle:
    device.compile(SAXPY)
    return lambda: device.compile(SAXPY)


def kernel(device: ingot.Device) -> Cycle:
    library = device.compile(SAXPY)
    return lambda: library.kernel("saxpy")


def pool(device: ingot.Device) -> Cycle:
    return lambda: ingot.Pool(device).empty(16)


def wrapped_memory(device: ingot.Device) -> Cycle:
    return lambda: device.wrap(ingot.aligned_empty(4096, np.float32))


def mapped_file(device: ingot.Device) -> Cycle:
    with tempfile.NamedTemporaryFile(delete=False) as file:
        file.write(bytes(40_000))
    atexit.register(Path(file.name).unlink)
    return lambda: device.mmap(file.name, np.float32)[7:9]


def adopted_buffer(device: ingot.Device) -> Cycle:
    """Twice the same `MTLBuffer`: the second is a window on it."""

    def cycle() -> None:
        own = device.empty(100, exact=True)
        pointer, offset = own.raw_pointer
        device.from_raw(pointer, offset=offset, shape=100, dtype=np.float32)

    return cycle


def exported_array(device: ingot.Device) -> Cycle:
    buffer = device.zeros((40, 50))
    return lambda: np.from_dlpack(buffer)


def residency_set(device: ingot.Device) -> Cycle:
    buffer = device.zeros(5000)

    def cycle() -> None:
        kept = device.residency_set("volume")
        kept.add(buffer)
        kept.commit()

    return cycle


def isolated_device(_: ingot.Device) -> Cycle:
    return lambda: ingot.Device.new(0)


def failure(device: ingot.Device) -> Cycle:
    buffer = device.zeros(16)

    def cycle() -> None:
        with suppress(ingot.ArgumentError):
            buffer.window(8, 100)
        with suppress(ingot.ArgumentError):
            device.empty((1 << 40, 1 << 40))

    return cycle


CLASSES = [
    exact_buffer,
    pooled_buffer,
    small_buffer,
    buffer_of_a_pool,
    released_buffer,
    lazy_buffer,
    mapping,
    window,
    array,
    encoder,
    submission,
    library,
    kernel,
    pool,
    wrapped_memory,
    mapped_file,
    adopted_buffer,
    exported_array,
    residency_set,
    failure,
    isolated_device,
]


# Whose cached blocks are no leak.
POOLS: list[ingot.Pool] = []


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
