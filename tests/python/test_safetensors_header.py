"""Headers of safetensors files: read as the format's own package reads them, and refused where it refuses them."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import pytest
import safetensors
from hypothesis import example, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save

import ingot
from ingot.safetensors_header import BITS, Header, TensorInfo, read

F32 = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


def parse(data: bytes) -> Header:
    return read(io.BytesIO(data), len(data), "model.safetensors")


def file(header: object, data: bytes = b"", length: int | None = None) -> bytes:
    """A file of a header, as JSON unless it is text already; `length` is what the prefix says."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + data


def tensor(dtype: str, shape: list[int], begin: int, end: int) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def test_a_file_of_the_package() -> None:
    tensors = {
        "weight": np.arange(6, dtype=np.float32).reshape(2, 3),
        "b.bias": np.arange(3, dtype=np.int64),
        "ünïcode \U0001d11e": np.zeros((0, 4), np.uint8),
        "scalar": np.array(1.5, np.float16),
    }
    data = save(tensors, metadata={"format": "np", "é": ""})
    header = parse(data)
    assert header.metadata == {"format": "np", "é": ""}
    assert set(header.tensors) == set(tensors)
    for name, info in header.tensors.items():
        values = tensors[name]
        assert info.shape == values.shape
        assert info.nbytes == values.nbytes
        assert data[info.offset : info.offset + info.nbytes] == values.tobytes()


def test_the_smallest_files() -> None:
    assert parse(file(b"{}")) == Header({}, {})
    assert parse(file(b"{}      ")) == Header({}, {})
    assert parse(file({"__metadata__": {}})) == Header({}, {})
    header = {"x": tensor("U8", [], 0, 1), "empty": tensor("F32", [0, 5], 1, 1), "first": tensor("F32", [0], 0, 0)}
    data = file(header, b"\7")
    assert parse(data).tensors["x"] == TensorInfo("U8", (), len(data) - 1, 1)


@pytest.mark.parametrize(("dtype", "bits"), BITS.items())
def test_all_dtypes_of_the_format(dtype: str, bits: int) -> None:
    data = file({"x": tensor(dtype, [3, 8], 0, 3 * bits)}, bytes(3 * bits))
    assert parse(data).tensors["x"].dtype == dtype
    safetensors.deserialize(data)
    with pytest.raises(ingot.ArgumentError, match=f"{3 * bits + 1} bytes of data, and {dtype} of .* {3 * bits} bytes"):
        parse(file({"x": tensor(dtype, [3, 8], 0, 3 * bits + 1)}, bytes(3 * bits + 1)))


def test_dtypes_of_later_versions_are_listed() -> None:
    header = parse(file({"x": tensor("F2", [4], 0, 1), "y": tensor("U8", [1], 1, 2)}, bytes(2)))
    assert header.tensors["x"].dtype == "F2"


MALFORMED: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "it has 0 bytes"),
    "too short for the length": (b"1234567", "it has 7 bytes"),
    "header beyond the file": (file(b"{}", length=3), "would have 3 bytes, and the file has 10"),
    "huge header": (file(b"{}", length=(1 << 64) - 1), "18446744073709551615 bytes; the format allows 100000000"),
    "just too large a header": (file(b"{}", length=100_000_001), "100000001 bytes; the format allows"),
    "no header": (file(b""), "must begin with '{'"),
    "not an object": (file(b"[]"), "must begin with '{'"),
    "space before": (file(b" {}"), "must begin with '{'"),
    "byte order mark": (file(b"\xef\xbb\xbf{}"), "must begin with '{'"),
    "not UTF-8": (file(b'{"\xff": 1}'), "not UTF-8"),
    "not JSON": (file(b"{'a': 1}"), "no JSON"),
    "text behind": (file(b"{} x"), "no JSON"),
    "cut": (file(b'{"x": {"dtype"'), "no JSON"),
    "NaN": (file(b'{"x": NaN}'), "NaN"),
    "deep": (file(b'{"x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"), "nested too deep"),
    "long number": (file(b'{"x": ' + b"9" * 5000 + b"}"), "no JSON"),
    "half a character": (file(b'{"\\ud800": {}}'), "no text"),
    "duplicate names": (file(b'{"x": 1, "y": 2, "x": 3}'), "'x' twice"),
    "duplicate keys": (file(b'{"x": {"dtype": "U8", "dtype": "I8"}}'), "'dtype' twice"),
    "metadata no object": (file({"__metadata__": []}), "object of texts"),
    "metadata null": (file({"__metadata__": None}), "object of texts"),
    "metadata not text": (file({"__metadata__": {"a": 1}}), "'a': 1"),
    "tensor no object": (file({"x": 5}), "tensor 'x' must have dtype, shape, data_offsets"),
    "no dtype": (file({"x": {"shape": [2], "data_offsets": [0, 8]}}), r"not \['shape', 'data_offsets'\]"),
    "unknown key": (file({"x": F32 | {"strides": [1]}}, bytes(8)), "'strides'"),
    "dtype no text": (file({"x": F32 | {"dtype": 4}}, bytes(8)), "dtype 4"),
    "dtype empty": (file({"x": F32 | {"dtype": ""}}, bytes(8)), "dtype ''"),
    "shape no list": (file({"x": F32 | {"shape": 2}}, bytes(8)), "shape 2"),
    "shape negative": (file({"x": F32 | {"shape": [-2]}}, bytes(8)), r"shape \[-2\]"),
    "shape of floats": (file({"x": F32 | {"shape": [2.0]}}, bytes(8)), r"shape \[2.0\]"),
    "shape of truth": (file({"x": F32 | {"shape": [2, True]}}, bytes(8)), "True"),
    "shape of large numbers": (file({"x": F32 | {"shape": [1 << 64]}}, bytes(8)), "18446744073709551616"),
    "shape overflows": (file({"x": F32 | {"shape": [1 << 32, 1 << 32]}}, bytes(8)), "any memory"),
    "shape overflows to 0": (file({"x": tensor("F32", [1 << 62], 0, 0)}), "any memory"),
    "one offset": (file({"x": F32 | {"data_offsets": [0]}}, bytes(8)), r"\[0\], which must be \[begin, end\]"),
    "three offsets": (file({"x": F32 | {"data_offsets": [0, 4, 8]}}, bytes(8)), r"\[begin, end\]"),
    "offsets as text": (file({"x": F32 | {"data_offsets": ["0", "8"]}}, bytes(8)), r"\[begin, end\]"),
    "offsets backwards": (file({"x": F32 | {"data_offsets": [8, 0]}}, bytes(8)), r"\[8, 0\]"),
    "negative offset": (file({"x": F32 | {"data_offsets": [-8, 0]}}, bytes(8)), r"\[-8, 0\]"),
    "offsets of null": (file({"x": F32 | {"data_offsets": None}}, bytes(8)), "None"),
    "size of another shape": (file({"x": F32 | {"shape": [3]}}, bytes(8)), "8 bytes of data, and F32 .* takes 12"),
    "half a byte": (file({"x": tensor("F4", [3], 0, 1)}, bytes(1)), "takes 12 bits"),
    "beyond the end": (file({"x": F32}, bytes(7)), r"ends at \d+, and the file has \d+ bytes"),
    "offsets far beyond": (file({"x": tensor("U8", [8], 1 << 63, (1 << 63) + 8)}, bytes(8)), "leave a hole"),
    "data behind": (file({"x": F32}, bytes(9)), r"ends at \d+, and the file has"),
    "data without tensors": (file({}, bytes(1)), "ends at 10, and the file has 11"),
    "hole before": (file({"x": tensor("F32", [2], 1, 9)}, bytes(9)), "the header, .* tensor 'x', at 1, leave a hole"),
    "hole between": (
        file({"x": F32, "y": tensor("U8", [1], 9, 10)}, bytes(10)),
        "tensor 'x', which ends at 8 of the data, and tensor 'y', at 9, leave a hole",
    ),
    "overlap": (
        file({"x": F32, "y": tensor("U8", [4], 7, 11)}, bytes(11)),
        "tensor 'x', which ends at 8 of the data, and tensor 'y', at 7, overlap",
    ),
    "the same place": (file({"x": F32, "y": F32}, bytes(8)), "overlap"),
}


@pytest.mark.parametrize(("data", "reason"), MALFORMED.values(), ids=MALFORMED)
def test_malformed_files_are_refused_with_the_reason(data: bytes, reason: str) -> None:
    with pytest.raises(ingot.ArgumentError, match=f"model.safetensors is no safetensors file: .*{reason}"):
        parse(data)


def test_a_file_that_became_shorter() -> None:
    data = file({"x": F32}, bytes(8))
    with pytest.raises(ingot.ArgumentError, match="ends after 12 of"):
        read(io.BytesIO(data[:20]), len(data), "short")


def accepted(data: bytes) -> bool:
    """Whether Ingot takes the file; it may refuse it by nothing but its own error."""
    try:
        header = parse(data)
    except ingot.ArgumentError:
        return False
    assert all(info.offset + info.nbytes <= len(data) for info in header.tensors.values())
    return True


def known(data: bytes) -> bool:
    """Whether all dtypes are ones that the package knows."""
    return all(info.dtype in BITS for info in parse(data).tensors.values())


def agrees(data: bytes) -> None:
    if accepted(data) and known(data):
        safetensors.deserialize(data)  # raises where it refuses


# ---- What a file could say, rightly and wrongly ----------------------------------------------------------------

names = st.text(max_size=3) | st.just("__metadata__")
numbers = st.integers(-2, 20) | st.sampled_from([1 << 31, 1 << 62, 1 << 63, 1 << 64])
leaves = st.none() | st.booleans() | st.floats() | numbers | st.text(max_size=2)
dtypes = st.sampled_from(sorted(BITS)) | st.text(max_size=3)
anything = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3))
entries = st.fixed_dictionaries(
    {
        "dtype": dtypes | leaves,
        "shape": st.lists(numbers, max_size=3) | anything,
        "data_offsets": st.lists(numbers, min_size=2, max_size=2) | anything,
    },
    optional={"more": leaves},
)
headers = st.dictionaries(names, entries | anything, max_size=4)


@st.composite
def right(draw: st.DrawFn) -> bytes:
    """A file by the rules: tensors in any order, one behind the other."""
    header: dict[str, Any] = {}
    end = 0
    for name in draw(st.lists(st.text(max_size=3), unique=True, max_size=4)):
        shape = draw(st.lists(st.integers(0, 4), max_size=3))
        dtype = draw(st.sampled_from(sorted(BITS)))
        bits = int(np.prod(shape)) * BITS[dtype]
        if bits % 8 == 0 and name != "__metadata__":
            header[name] = tensor(dtype, shape, end, end + bits // 8)
            end += bits // 8
    if draw(st.booleans()):
        header["__metadata__"] = draw(st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=2))
    order = draw(st.permutations(sorted(header)))
    text = json.dumps({name: header[name] for name in order}, ensure_ascii=draw(st.booleans())).encode()
    return file(text + b" " * draw(st.integers(0, 3)), draw(st.binary(min_size=end, max_size=end)))


@settings(deadline=None, max_examples=300)
@given(right())
def test_files_by_the_rules_are_taken(data: bytes) -> None:
    assert accepted(data)
    theirs = dict(safetensors.deserialize(data))
    ours = parse(data).tensors
    assert set(ours) == set(theirs)
    for name, info in ours.items():
        assert list(info.shape) == theirs[name]["shape"]
        assert info.dtype == theirs[name]["dtype"]
        assert data[info.offset : info.offset + info.nbytes] == bytes(theirs[name]["data"])


@settings(deadline=None, max_examples=500)
@given(right(), st.integers(0, 1 << 20), st.integers(0, 3), st.binary(max_size=3))
def test_files_with_a_mistake(data: bytes, place: int, cut: int, put: bytes) -> None:
    place %= len(data) + 1
    agrees(data[:place] + put + data[place + cut :])


@settings(deadline=None, max_examples=500)
@given(headers, st.integers(0, 40), st.none() | st.integers(0, (1 << 64) - 1))
@example({"x": F32 | {"shape": [1 << 63, 4, 0], "data_offsets": [0, 0]}}, 0, None)
def test_any_header(header: dict[str, Any], more: int, length: int | None) -> None:
    agrees(file(header, bytes(more), length))


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=100))
def test_any_bytes(data: bytes) -> None:
    agrees(data)
    agrees(file(data))
    agrees(file(b"{" + data + b"}"))
