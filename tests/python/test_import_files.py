"""Files as memory of a device: mapped, not read; and what they may become meanwhile."""

from __future__ import annotations

import gc
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernels import Spinner
from test_buffer import same
from test_import import add

import ingot
from ingot import _native, _native_owners

MAPS = Path("/proc/self/maps")
needs_proc = pytest.mark.skipif(not MAPS.exists(), reason="looks at /proc/self, which this system does not have")

SUM = """
#include <metal_stdlib>
using namespace metal;

kernel void sum(device const uint *x [[buffer(0)]], device ulong *sums [[buffer(1)]], constant uint &each [[buffer(2)]],
                uint i [[thread_position_in_grid]]) {
  ulong sum = 0;
  for (uint j = 0; j < each; ++j) sum += x[ulong(i) * each + j];
  sums[i] = sum;
}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """50,000 bytes: three whole pages and a part of one."""
    path = tmp_path / "numbers.bin"
    np.arange(25_000, dtype=np.uint16).tofile(path)
    return path


def test_a_file_is_a_buffer(device: ingot.Device, file: Path) -> None:
    values = np.fromfile(file, np.uint16)
    whole = device.mmap(file, np.uint16)
    assert same(whole.numpy(), values)
    assert (whole.shape, whole.offset, whole.nbytes, whole.total_nbytes) == ((25_000,), 0, 50_000, 50_000)
    assert (whole.label, whole.device) == ("numbers.bin", device)
    assert same(device.mmap(str(file)).numpy(), values.view(np.uint8))
    part = device.mmap(file, np.int32, (100, 3), 1600)
    assert same(part.numpy(), values.view(np.int32)[400:700].reshape(100, 3))
    assert same(device.mmap(file, np.uint16, offset=49_998).numpy(), values[-1:])
    assert same(device.mmap(file, "bfloat16", (), np.int64(2)).view(np.uint16).numpy(), values[1:2].reshape(()))


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 50_010), st.lists(st.integers(1, 300), max_size=3), st.sampled_from(["u1", "i2", "f4", "u8"]))
def test_any_part_of_a_file(
    tmp_path_factory: pytest.TempPathFactory, offset: int, shape: list[int], dtype: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "any"
    if not path.exists():
        path.write_bytes(np.random.default_rng(3).bytes(50_000))
    device = ingot.Device.new(0)
    try:
        expected = np.memmap(path, dtype, "r", offset, tuple(shape) or (1,)).reshape(shape)
    except ValueError:
        with pytest.raises(ingot.ArgumentError):
            device.mmap(path, dtype, tuple(shape), offset)
    else:
        assert same(device.mmap(path, dtype, tuple(shape), offset).numpy(), np.asarray(expected))


def test_files_are_read_only_unless_asked_otherwise(device: ingot.Device, file: Path) -> None:
    buffer = device.mmap(file, np.uint16)
    assert not buffer.numpy().flags.writeable
    with pytest.raises(ingot.ArgumentError, match="read-only"):
        add(buffer, 1)
    gc.collect()
    assert np.fromfile(file, np.uint16)[7] == 7
    with device.mmap(file, np.uint16, (10,), 20, writable=True) as writable:
        add(writable, 5)
        assert np.fromfile(file, np.uint16)[8:12].tolist() == [8, 9, 15, 16]
        writable.numpy()[:] = 0
    assert np.fromfile(file, np.uint16)[8:22].tolist() == [8, 9, *[0] * 10, 20, 21]
    file.chmod(0o400)
    device.mmap(file)
    if os.geteuid() != 0:
        with pytest.raises(ingot.ArgumentError, match="opened for reading and writing"):
            device.mmap(file, writable=True)


def test_a_deleted_file_stays_mapped(device: ingot.Device, file: Path) -> None:
    values = np.fromfile(file, np.uint16)
    buffer = device.mmap(file, np.uint16)
    array = buffer[5:].numpy()
    file.unlink()
    assert same(buffer.numpy(), values)
    buffer.close()
    assert same(array, values[5:])


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"offset": 50_000}, "0 of them from byte 50000"),
        ({"offset": 1 << 62}, "0 of them"),
        ({"offset": -1}, "offset -1 is no number of bytes"),
        ({"offset": 1.5}, "offset 1.5 is no number of bytes"),
        ({"offset": 1 << 64}, "no number of bytes"),
        ({"dtype": np.uint32, "offset": 1}, "49999 of them from byte 1 on: no whole number of elements of uint32"),
        ({"dtype": np.uint64, "offset": 49_995}, "5 of them"),
        ({"dtype": np.float64}, "MSL has no double"),
        ({"dtype": "no dtype"}, "is no dtype"),
        ({"shape": 50_001}, "needs 50001 bytes .* the file has 50000"),
        ({"shape": 10, "offset": 49_991}, "at byte 49991"),
        ({"shape": (1 << 32, 1 << 32)}, r"4294967296"),
        ({"shape": 1 << 62, "dtype": np.uint64}, "4611686018427387904"),
        ({"shape": 0}, "0"),
        ({"shape": (3, 0)}, "0"),
        ({"shape": -1}, "shape -1"),
        ({"shape": "3"}, "is no shape"),
    ],
)
def test_parts_that_are_not_in_the_file(
    device: ingot.Device, file: Path, arguments: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ingot.ArgumentError, match=reason):
        device.mmap(file, **arguments)


def test_what_is_no_file_to_map(device: ingot.Device, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "latin?").write_bytes(b"what the name of another file turned into")
    refused: dict[Any, str] = {
        tmp_path / "missing": "No such file",
        tmp_path: "is a directory",
        tmp_path / "empty": "has 0 bytes",
        tmp_path / "pipe": "only plain files",
        "/dev/null": "only plain files",
        "": "is no path",
        "nul\0": "NUL character at 3",
        tmp_path / "latin\udce9": "is not UTF-8",
        b"bytes": "is no path",
        5: "is no path",
        None: "is no path",
    }
    for path, reason in refused.items():
        with pytest.raises(ingot.ArgumentError, match=reason):
            device.mmap(path)
    if os.geteuid() != 0:
        (tmp_path / "secret").write_bytes(b"1")
        (tmp_path / "secret").chmod(0)
        with pytest.raises(ingot.ArgumentError, match="Permission"):
            device.mmap(tmp_path / "secret")


def test_a_file_that_becomes_shorter_is_noticed_at_the_commit(device: ingot.Device, file: Path) -> None:
    buffer = device.mmap(file, np.uint16)
    head = buffer[:100]
    sums = device.zeros(1, np.uint64)
    kernel = device.compile(SUM).kernel("sum")
    shorter = pytest.raises(ingot.StateError, match=r"summing.*numbers\.bin.* 20000 bytes, of 50000")
    with shorter, device.encoder("summing") as encoder:
        encoder.dispatch(kernel, buffer.view(np.uint32), sums, buffer.nbytes // 4, grid=1)
        os.truncate(file, 20_000)
        encoder.commit()
    with pytest.raises(ingot.ArgumentError, match="has 20000 bytes, 0 of them from byte 20000"):
        device.mmap(file, offset=20_000)
    with device.encoder() as another:  # what is left can be used
        another.dispatch(kernel, head.view(np.uint32), sums, 50, grid=1)
        another.commit_and_wait()
    assert sums.numpy()[0] == np.arange(100, dtype=np.uint16).view(np.uint32).sum(dtype=np.uint64)


@pytest.mark.software(reason="a page that is gone is a fault in time, and never zeros")
def test_a_file_that_becomes_shorter_later_fails_the_submission(device: ingot.Device, file: Path) -> None:
    buffer = device.mmap(file, np.uint32)
    sums = device.zeros(1, np.uint64)
    spinner = Spinner(device)
    with device.encoder("slow, then summing") as encoder:
        encoder.dispatch(spinner.kernel, spinner.out, spinner.steps(0.3), grid=1)
        encoder.dispatch(device.compile(SUM).kernel("sum"), spinner.out, sums, 1, grid=1)  # when the slow one is done
        encoder.dispatch(device.compile(SUM).kernel("sum"), buffer, sums, buffer.size, grid=1)
        submission = encoder.commit()
    os.truncate(file, 0)
    with pytest.raises(ingot.CommandBufferError, match="slow, then summing"):
        submission.wait()
    assert device.zeros(4).numpy().sum() == 0


def memory_of_the_process() -> dict[str, int]:
    """Bytes that are there, by kind: of no file, and of files."""
    lines = Path("/proc/self/status").read_text("utf-8").splitlines()
    found = dict(line.split(":", 1) for line in lines if line.startswith("Rss"))
    return {kind: int(size.split()[0]) * 1024 for kind, size in found.items()}


def mapped_at(path: Path) -> list[range]:
    """Where a file is mapped in this process."""
    lines = [line for line in MAPS.read_text("utf-8").splitlines() if line.endswith(str(path))]
    return [range(*(int(end, 16) for end in line.split()[0].split("-"))) for line in lines]


@needs_proc
def test_a_gibibyte_is_mapped_summed_and_dropped_without_a_copy(tmp_path: Path) -> None:
    path = tmp_path / "large"
    nbytes, threads = 1 << 30, 1 << 12
    with path.open("wb") as sparse:
        for place, value in ((0, 7), (nbytes // 2, 1 << 31), (nbytes - 4, 5)):
            sparse.seek(place)
            sparse.write(value.to_bytes(4, "little"))
    device = ingot.Device.new(0)
    kernel = device.compile(SUM).kernel("sum")
    sums = device.zeros(threads, np.uint64)
    before = memory_of_the_process()
    buffer = device.mmap(path, np.uint32)
    with device.encoder() as encoder:
        encoder.dispatch(kernel, buffer, sums, buffer.size // threads, grid=threads)
        encoder.commit_and_wait()
    after = memory_of_the_process()
    assert sums.numpy().sum() == 7 + (1 << 31) + 5
    assert any(address(buffer) in span and address(buffer) + nbytes - 1 in span for span in mapped_at(path))
    assert after["RssAnon"] - before["RssAnon"] < nbytes // 16
    # It has really been read where it is; the files of some systems are in memory, and count as shared.
    assert in_files(after) - in_files(before) > nbytes * 15 // 16
    del buffer, encoder
    deadline = time.monotonic() + 10
    while mapped_at(path) and time.monotonic() < deadline:
        gc.collect()
        device.encoder().commit_and_wait()
    assert not mapped_at(path)
    assert in_files(memory_of_the_process()) - in_files(before) < nbytes // 16


def in_files(memory: dict[str, int]) -> int:
    return memory["RssFile"] + memory["RssShmem"]


def address(buffer: ingot.Buffer) -> int:
    return int(buffer.numpy().ctypes.data)


def test_the_memory_of_a_file_is_not_the_devices(device: ingot.Device, tmp_path: Path) -> None:
    (tmp_path / "zeros").write_bytes(bytes(1 << 20))
    before = _native.live_objects()
    buffers = [device.mmap(tmp_path / "zeros") for _ in range(20)]
    assert len({buffer.storage_id for buffer in buffers}) == 20
    assert not _native_owners.owners
    del buffers
    gc.collect()
    assert _native.live_objects()["handles"] == before["handles"]
