"""Rows `pool_hit` and `first_touch`: what it costs to get memory that was used before, and memory that was not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from engines import device, opencl
from measure import Row, Target, mean_seconds

if TYPE_CHECKING:
    from collections.abc import Callable

    from measure import Sample

    from ingot import Buffer

BYTES = 1 << 20
HITS = 20_000
TOUCHES = 200
MICROSECONDS = 1e6


def ingot_pool() -> Sample:
    """A buffer of a `Pool`, dropped at once."""
    import ingot  # noqa: PLC0415  (a peer that may be missing, like the others)

    empty, dtype = ingot.Pool(device()).empty, np.dtype(np.uint8)

    def call() -> None:
        empty(BYTES, dtype)

    mean_seconds(call, HITS)
    return lambda: mean_seconds(call, HITS) * MICROSECONDS


def opencl_pool() -> Sample:
    """An allocation of PyOpenCL's `MemoryPool`, dropped at once."""
    cl, _, queue, _ = opencl()
    allocate = cl.tools.MemoryPool(cl.tools.ImmediateAllocator(queue)).allocate

    def call() -> None:
        allocate(BYTES)

    mean_seconds(call, HITS)
    return lambda: mean_seconds(call, HITS) * MICROSECONDS


def touch(make: Callable[[], Buffer]) -> Sample:
    """Makes a buffer and writes all of it, once."""

    def call() -> None:
        make().numpy()[:] = 1

    mean_seconds(call, TOUCHES)
    return lambda: mean_seconds(call, TOUCHES) * MICROSECONDS


def recycled() -> Sample:
    """Out of a warm pool: its pages are there."""
    gpu = device()
    return touch(lambda: gpu.empty(BYTES, np.uint8))


def fresh() -> Sample:
    """An allocation of its own: the system has to find each page, and to clear it."""
    gpu = device()
    return touch(lambda: gpu.empty(BYTES, np.uint8, exact=True))


ROWS = [
    Row(
        "pool_hit",
        "us",
        "1 MiB out of a warm pool and back",
        {"ingot": ingot_pool, "pyopencl": opencl_pool},
        (Target("pyopencl", 5.0, 2.0),),
    ),
    Row("first_touch", "us", "1 MiB made and written", {"recycled": recycled, "fresh": fresh}, ()),
]
