"""Weights out of safetensors files: windows on the file, compared with what the format's own package reads."""

from __future__ import annotations

import gc
import json
import os
import pickle
from typing import TYPE_CHECKING, Any

import ml_dtypes
import numpy as np
import pytest
import safetensors
import safetensors.numpy
from test_buffer import ALL_DTYPES, same, sample
from test_import import add
from test_import_files import address, mapped_at, needs_proc
from test_safetensors_header import MALFORMED, file, tensor

import ingot
from ingot import _native

if TYPE_CHECKING:
    from pathlib import Path

NAMES = {"bool": "BOOL", "bfloat16": "BF16"} | {
    f"{name}{bits}": f"{letter}{bits}"
    for name, letter in (("int", "I"), ("uint", "U"), ("float", "F"))
    for bits in (8, 16, 32, 64)
}


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A tensor of each dtype, scalars, something empty, and some that MSL does not have."""
    path = tmp_path / "model.safetensors"
    tensors = {f"layers.{dtype}": sample(dtype, (3, 4)) for dtype in ALL_DTYPES if dtype != "bfloat16"}
    tensors |= {"scalar": np.array(1.5, np.float32), "empty": np.zeros((2, 0), np.float32)}
    tensors |= {"double": np.arange(3.0), "complex": np.array([1 + 2j], np.complex64)}
    safetensors.numpy.save_file(tensors, path, metadata={"format": "np"})
    return path


def save(path: Path, tensors: list[tuple[str, str, np.ndarray[Any, Any]]], pad: int = 0) -> None:
    """A file of these tensors in their order, with `pad` bytes behind the header's text."""
    header, data = {}, b""
    for name, dtype, values in tensors:
        header[name] = tensor(dtype, list(values.shape), len(data), len(data) + values.nbytes)
        data += values.tobytes()
    path.write_bytes(file(json.dumps(header).encode() + b" " * pad, data))


def test_c86_a_file_is_a_mapping_of_buffers(device: ingot.Device, weights: Path) -> None:
    expected = safetensors.numpy.load_file(weights)
    loaded = ingot.load_safetensors(weights, device)
    assert set(loaded) == set(expected)
    assert len(loaded) == len(expected)
    assert loaded.metadata == {"format": "np"}
    assert loaded.device is device
    for name in expected.keys() - {"empty", "double", "complex"}:
        assert name in loaded
        buffer = loaded[name]
        assert same(buffer.numpy(), expected[name])
        assert not buffer.numpy().flags.writeable
        assert (buffer.device, buffer.label) == (device, "model.safetensors")
    assert f"{len(expected)} tensors" in repr(loaded)


def test_tensors_are_windows_on_one_mapping(device: ingot.Device, weights: Path) -> None:
    loaded = ingot.load_safetensors(weights, device)
    names = [name for name in loaded if name not in {"empty", "double", "complex"}]
    buffers = [loaded[name] for name in names]
    assert len({buffer.storage_id for buffer in buffers}) == 1
    assert [buffer.offset for buffer in buffers] == [loaded.tensors[name].offset for name in names]
    assert {buffer.total_nbytes for buffer in buffers} == {weights.stat().st_size}
    assert loaded["scalar"].storage_id == loaded["scalar"].storage_id
    del loaded
    gc.collect()
    assert buffers[0].numpy().tobytes() == safetensors.numpy.load_file(weights)[names[0]].tobytes()


@needs_proc
def test_the_file_is_mapped_once_and_as_long_as_it_is_used(device: ingot.Device, weights: Path) -> None:
    loaded = ingot.load_safetensors(weights, device)
    buffer = loaded["layers.int64"]
    (span,) = mapped_at(weights)
    assert address(buffer) in span
    del loaded
    gc.collect()
    assert mapped_at(weights) == [span]
    values = buffer.numpy()
    del buffer
    assert mapped_at(weights) == [span]
    del values
    device.encoder().commit_and_wait()
    assert not mapped_at(weights)


@pytest.mark.parametrize("dtype", ALL_DTYPES)
@pytest.mark.parametrize("pad", [0, 1, 2, 4])
def test_misaligned_tensors_are_copied(device: ingot.Device, tmp_path: Path, dtype: str, pad: int) -> None:
    values = sample(dtype, (5, 3))
    save(tmp_path / "odd", [("odd", "U8", np.zeros(1, np.uint8)), ("x", NAMES[dtype], values)], pad)
    loaded = ingot.load_safetensors(tmp_path / "odd", device)
    buffer = loaded["x"]
    assert same(buffer.numpy(), values)
    is_aligned = loaded.tensors["x"].offset % values.itemsize == 0
    assert (buffer.storage_id == loaded["odd"].storage_id) == is_aligned
    assert (buffer.offset % values.itemsize) == 0
    if not is_aligned:
        assert loaded["x"] is buffer  # copied once
        assert (buffer.label, buffer.total_nbytes) == ("x", values.nbytes)
        assert device.from_raw(buffer.raw_pointer[0], np.uint8, 1).storage_id == buffer.storage_id  # of no pool
        buffer.close()
        assert same(loaded["x"].numpy(), values)


@pytest.mark.parametrize("pad", range(4))
@pytest.mark.parametrize("dimensions", [33, 100])
def test_tensors_of_too_many_dimensions(device: ingot.Device, tmp_path: Path, pad: int, dimensions: int) -> None:
    header = json.dumps({"x": tensor("F32", [1] * dimensions, 0, 4)}).encode() + b" " * pad
    (tmp_path / "deep").write_bytes(file(header, bytes(4)))
    loaded = ingot.load_safetensors(tmp_path / "deep", device)
    with pytest.raises(ingot.ArgumentError, match="dimensions"):
        loaded["x"]
    assert loaded.raw("x").nbytes == 4


def test_kernels_read_the_weights(device: ingot.Device, tmp_path: Path) -> None:
    bias = np.arange(6, dtype=np.float32)
    save(tmp_path / "w", [("odd", "I8", np.array([1], np.int8)), ("bias", "F32", bias)], 3)
    loaded = ingot.load_safetensors(tmp_path / "w", device)
    copy = loaded["bias"].copy()
    add(copy, 1)
    assert (copy.numpy() == bias + 1).all()
    with pytest.raises(ingot.ArgumentError, match="read-only"):
        add(loaded["odd"], 1)


def test_c85_a_tensor_that_cannot_be_a_buffer_leaves_the_others_alone(device: ingot.Device, tmp_path: Path) -> None:
    path = tmp_path / "mixed"
    eight = sample("bfloat16", (4,)).view(np.uint8).view(ml_dtypes.float8_e4m3fn)
    save(
        path,
        [
            ("double", "F64", np.arange(3.0)),
            ("complex", "C64", np.array([1 + 2j], np.complex64)),
            ("eight", "F8_E4M3", eight),
            ("newer", "F2_NEW", np.zeros(1, np.uint8)),
            ("none", "F32", np.zeros((2, 0), np.float32)),
            ("good", "F32", np.ones(2, np.float32)),
        ],
    )
    loaded = ingot.load_safetensors(path, device)
    assert loaded["good"].numpy().tolist() == [1, 1]
    for name, reason in {
        "double": r"'double' is F64, .*device.array\(raw\(...\).numpy\(\).view\(np.float64\).astype\(np.float32\)\)",
        "complex": r"C64, .*view\(np.complex64\).view\(np.float32\)",
        "eight": r"F8_E4M3, which MSL does not have: raw\('eight'\) has its bytes",
        "newer": "F2_NEW",
        "none": r"'none' of shape \(2, 0\) has no elements",
    }.items():
        assert name in loaded
        with pytest.raises(ingot.ArgumentError, match=reason):
            loaded[name]
    assert list(loaded) == ["double", "complex", "eight", "newer", "none", "good"]
    assert loaded.tensors["double"] == ingot.TensorInfo("F64", (3,), path.stat().st_size - 8 - 1 - 8 - 8 - 24, 24)
    assert loaded.raw("double").numpy().view(np.float64).tolist() == [0, 1, 2]
    assert same(loaded.raw("eight").numpy().view(eight.dtype), eight)
    with pytest.raises(ingot.ArgumentError, match="no elements"):
        loaded.raw("none")


def test_c86_names_that_are_not_there(device: ingot.Device, weights: Path) -> None:
    loaded = ingot.load_safetensors(weights, device)
    for missing in ("layers", "__metadata__", "", 5):
        assert missing not in loaded
        with pytest.raises(KeyError):
            loaded[missing]  # type: ignore[index]
        assert loaded.get(missing) is None  # type: ignore[call-overload]
    with pytest.raises(KeyError):
        loaded.raw("missing")
    loaded.metadata.clear()
    loaded.tensors.clear()
    assert loaded.metadata == {"format": "np"}
    assert len(loaded) > 0
    with pytest.raises(TypeError, match="a SafeTensors belongs to this process"):
        pickle.dumps(loaded)


def test_one_is_equal_to_itself_alone(device: ingot.Device, weights: Path) -> None:
    one, other = ingot.load_safetensors(weights, device), ingot.load_safetensors(weights, device)
    assert one == one  # noqa: PLR0124, which Mapping would make buffers for
    assert one != other
    assert len({one, other, one}) == 2


def test_the_default_device(weights: Path) -> None:
    assert ingot.load_safetensors(str(weights))["scalar"].device is ingot.Device()


def test_a_file_without_tensors(device: ingot.Device, tmp_path: Path) -> None:
    safetensors.numpy.save_file({}, tmp_path / "none")
    loaded = ingot.load_safetensors(tmp_path / "none", device)
    assert (dict(loaded), loaded.metadata) == ({}, {})


@pytest.mark.parametrize(("data", "reason"), list(MALFORMED.values())[::9], ids=list(MALFORMED)[::9])
def test_malformed_files_leave_nothing_behind(device: ingot.Device, tmp_path: Path, data: bytes, reason: str) -> None:
    (tmp_path / "bad").write_bytes(data)
    before = _native.live_objects()["handles"]
    with pytest.raises(ingot.ArgumentError, match=f"bad' is no safetensors file: .*{reason}"):
        ingot.load_safetensors(tmp_path / "bad", device)
    assert _native.live_objects()["handles"] == before


def test_c86_what_is_no_file(device: ingot.Device, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, reason in (
        (tmp_path / "missing", "No such file"),
        (tmp_path, "no plain file"),
        (tmp_path / "pipe", "no plain file"),
        ("/dev/zero", "no plain file"),
        ("", "is no path"),
        ("nul\0", "NUL"),
        (b"bytes", "is no path"),
        (5, "is no path"),
    ):
        with pytest.raises(ingot.ArgumentError, match=reason):
            ingot.load_safetensors(path, device)  # type: ignore[arg-type]


def test_a_file_that_changes_while_it_is_read(
    device: ingot.Device, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    true = ingot.safetensors._header

    def slow(path: str) -> Any:
        header = true(path)
        os.truncate(path, 100)
        return header

    monkeypatch.setattr(ingot.safetensors, "_header", slow)
    with pytest.raises(ingot.ArgumentError, match=r"changed from \d+ to 100 bytes"):
        ingot.load_safetensors(weights, device)
