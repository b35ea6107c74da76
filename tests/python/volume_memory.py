"""Objects of memory that come and go, for volume.py: each function makes what one cycle of a class is."""

from __future__ import annotations

import atexit
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import ingot

if TYPE_CHECKING:
    from collections.abc import Callable

    Cycle = Callable[[], object]

# Whose cached blocks are no leak.
POOLS: list[ingot.Pool] = []


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


def failure(device: ingot.Device) -> Cycle:
    buffer = device.zeros(16)

    def cycle() -> None:
        with suppress(ingot.ArgumentError):
            buffer.window(8, 100)
        with suppress(ingot.ArgumentError):
            device.empty((1 << 40, 1 << 40))

    return cycle


MEMORY = [
    exact_buffer,
    pooled_buffer,
    small_buffer,
    buffer_of_a_pool,
    released_buffer,
    lazy_buffer,
    mapping,
    window,
    array,
    pool,
    wrapped_memory,
    mapped_file,
    adopted_buffer,
    exported_array,
    residency_set,
    failure,
]
