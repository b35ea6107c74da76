"""Copies by the host between memory that Ingot made and memory that others did."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from test_buffer import same, sample

import ingot
from ingot.aligned import root

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SHAPE = (3, 5)
NBYTES = 60


def mapped(device: ingot.Device, folder: Path) -> ingot.Buffer:
    path = folder / f"file {len(list(folder.iterdir()))}"
    path.write_bytes(bytes(1000))
    return device.mmap(path, np.int32, SHAPE, 20, writable=True)


def adopted(device: ingot.Device, _: Path) -> ingot.Buffer:
    own = device.zeros(1000, np.uint8, exact=True)
    return device.from_raw(own.raw_pointer[0], np.int32, SHAPE, 8)


KINDS: dict[str, Callable[[ingot.Device, Path], ingot.Buffer]] = {
    "pooled": lambda device, _: device.zeros(SHAPE, np.int32),
    "a part of pooled": lambda device, _: device.zeros(1000, np.uint8).window(24, SHAPE, np.int32),
    "of another pool": lambda device, _: ingot.Pool(device).zeros(SHAPE, np.int32),
    "exact": lambda device, _: device.zeros(SHAPE, np.int32, exact=True),
    "wrapped": lambda device, _: device.wrap(ingot.aligned_empty(SHAPE, np.int32)),
    "a part of wrapped": lambda device, _: device.wrap(ingot.aligned_empty((4, *SHAPE), np.int32)[2]),
    "mapped": mapped,
    "adopted": adopted,
    "another device's": lambda device, _: ingot.Device.new(0, residency=not device.has_residency_sets).zeros(
        SHAPE, np.int32
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_d11_copies_to_and_from_imported_memory_come_back_whole(
    device: ingot.Device, tmp_path: Path, kind: str
) -> None:
    source = KINDS[kind](device, tmp_path)
    for number, make in enumerate(KINDS.values()):
        values = sample("int32", SHAPE) + number
        source.numpy()[...] = values
        for copy in (lambda a, b: a.copy_from(b), lambda a, b: b.copy_to(a)):
            target = make(device, tmp_path)
            target.numpy()[...] = -1
            copy(target, source)
            assert same(target.numpy(), values)
            source.fill(7)
            assert (source.numpy() == 7).all()
            assert same(target.numpy(), values)
            copy(source, target)
            assert same(source.numpy(), values)


@pytest.mark.parametrize("kind", KINDS)
def test_copies_touch_nothing_beside_them(device: ingot.Device, tmp_path: Path, kind: str) -> None:
    target = KINDS[kind](device, tmp_path)
    storage = np.frombuffer(root(target.numpy()), np.uint8)
    assert storage.size == target.total_nbytes
    storage[:] = 0
    target.copy_from(device.full(SHAPE, -1, np.int32))
    assert np.flatnonzero(storage).tolist() == list(range(target.offset, target.offset + NBYTES))
    assert (target.numpy() == -1).all()


def test_copies_of_read_only_memory(device: ingot.Device, tmp_path: Path) -> None:
    values = sample("int32", SHAPE)
    (tmp_path / "file").write_bytes(values.tobytes())
    source = device.mmap(tmp_path / "file", np.int32, SHAPE)
    for make in KINDS.values():
        target = make(device, tmp_path)
        target.copy_from(source)
        assert same(target.numpy(), values)
        for refused in (lambda t=target: source.copy_from(t), lambda t=target: t.copy_to(source)):
            with pytest.raises(ingot.ArgumentError, match="read-only"):
                refused()
    with pytest.raises(ingot.ArgumentError, match="read-only"):
        source.fill(0)
    assert (tmp_path / "file").read_bytes() == values.tobytes()
