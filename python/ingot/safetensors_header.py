"""The header of a safetensors file, read by the published rules of the format and believed in nothing.

A file is 8 bytes with the length of the header, little-endian; the header, a JSON object of UTF-8; and the data, which
the tensors fill without holes and without overlap, in any order.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, BinaryIO, Final, NamedTuple, NoReturn

from ingot.errors import ArgumentError, shown

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX: Final = 8
LONGEST: Final = 100_000_000
"""Bytes that the format allows for a header."""

BITS: Final[Mapping[str, int]] = {
    **dict.fromkeys(("C64", "F64", "I64", "U64"), 64),
    **dict.fromkeys(("F32", "I32", "U32"), 32),
    **dict.fromkeys(("BF16", "F16", "I16", "U16"), 16),
    **dict.fromkeys(("BOOL", "I8", "U8", "F8_E4M3", "F8_E4M3FNUZ", "F8_E5M2", "F8_E5M2FNUZ", "F8_E8M0"), 8),
    **dict.fromkeys(("F6_E2M3", "F6_E3M2"), 6),
    "F4": 4,
}
"""How large an element of each of the format's dtypes is."""

_KEYS: Final = ("dtype", "shape", "data_offsets")
_METADATA: Final = "__metadata__"
_LIMIT: Final = 1 << 64


class TensorInfo(NamedTuple):
    """What the header of a safetensors file says of a tensor."""

    dtype: str
    """The format's name for it, such as `"F32"`, `"BF16"` or `"F8_E4M3"`."""
    shape: tuple[int, ...]
    """Elements along each dimension."""
    offset: int
    """Where its data begins in the file, in bytes."""
    nbytes: int
    """How many bytes of data it has."""


class Header(NamedTuple):
    """A whole header."""

    tensors: dict[str, TensorInfo]
    """By name, in the order of the file's header."""
    metadata: dict[str, str]
    """What the file says of itself under `__metadata__`."""


def read(file: BinaryIO, nbytes: int, path: str) -> Header:
    """Reads and checks the header of a file of so many bytes.

    Raises:
        ArgumentError: The file is none of the format's; the text says where and why, with names and numbers.
    """
    try:
        return _checked(_text(file, nbytes), nbytes)
    except _Malformed as error:
        raise ArgumentError(f"{path} is no safetensors file: {error}") from None


class _Malformed(Exception):  # noqa: N818, never seen by others
    """Why a file is none."""


def _text(file: BinaryIO, nbytes: int) -> bytes:
    prefix = file.read(PREFIX)
    if len(prefix) < PREFIX:
        raise _Malformed(f"it has {len(prefix)} bytes, and the length of the header alone takes {PREFIX}")
    length = int.from_bytes(prefix, "little")
    if length > LONGEST:
        raise _Malformed(f"its header would have {length} bytes; the format allows {LONGEST}")
    if PREFIX + length > nbytes:
        raise _Malformed(f"its header would have {length} bytes, and the file has {nbytes} with the {PREFIX} before it")
    text = file.read(length)
    if len(text) < length:
        raise _Malformed(f"the header ends after {len(text)} of {length} bytes")
    return text


def _checked(text: bytes, nbytes: int) -> Header:
    entries = _parsed(text)
    metadata = _metadata(entries.pop(_METADATA, {}))
    tensors = {name: _tensor(name, entry, PREFIX + len(text)) for name, entry in entries.items()}
    _check_tiling(tensors, PREFIX + len(text), nbytes)
    return Header(tensors, metadata)


def _parsed(text: bytes) -> dict[str, Any]:
    if not text.startswith(b"{"):
        raise _Malformed(f"its header must begin with '{{', not {shown(text[:20])}")
    try:
        entries: dict[str, Any] = json.loads(
            text.decode("utf-8"), object_pairs_hook=_without_duplicates, parse_constant=_no_constant
        )
    except UnicodeDecodeError as error:
        raise _Malformed(f"its header is not UTF-8: {error}") from None
    except RecursionError:
        raise _Malformed("its header is JSON nested too deep") from None
    except ValueError as error:
        raise _Malformed(f"its header is no JSON: {error}") from None
    return entries


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _Malformed(f"its header has {shown(key)} twice")
        found[key] = value
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is none of JSON's numbers")


def _metadata(entry: Any) -> dict[str, str]:
    if not isinstance(entry, dict):
        raise _Malformed(f"{_METADATA} must be an object of texts, not {shown(entry)}")
    for key, value in entry.items():
        if not isinstance(value, str):
            raise _Malformed(f"{_METADATA} has {shown(key)}: {shown(value)}; all of its values must be texts")
        _check_text(key)
        _check_text(value)
    return entry


def _check_text(text: str) -> None:
    """JSON can spell halves of characters, which are no text and cannot be printed."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise _Malformed(f"{shown(text)} is no text: {error.reason}") from None


def _tensor(name: str, entry: Any, start: int) -> TensorInfo:
    _check_text(name)
    who = f"tensor {shown(name)}"
    if not isinstance(entry, dict) or set(entry) != set(_KEYS):
        given = list(entry) if isinstance(entry, dict) else entry
        raise _Malformed(f"{who} must have {', '.join(_KEYS)} and nothing else, not {shown(given)}")
    dtype, shape, offsets = (entry[key] for key in _KEYS)
    if not isinstance(dtype, str) or not dtype:
        raise _Malformed(f"{who} has the dtype {shown(dtype)}, which must be a name such as 'F32'")
    _check_text(dtype)
    if not _are_whole(shape):
        raise _Malformed(f"{who} has the shape {shown(shape)}, which must be a list of whole numbers")
    if not _are_whole(offsets) or len(offsets) != len(("begin", "end")) or offsets[0] > offsets[1]:
        raise _Malformed(f"{who} has the data_offsets {shown(offsets)}, which must be [begin, end]")
    info = TensorInfo(dtype, tuple(shape), start + offsets[0], offsets[1] - offsets[0])
    _check_size(who, info)
    return info


def _are_whole(numbers: Any) -> bool:
    return isinstance(numbers, list) and all(type(number) is int and 0 <= number < _LIMIT for number in numbers)


def _check_size(who: str, info: TensorInfo) -> None:
    if info.dtype not in BITS:  # of a later version of the format: nobody can read it here
        return
    bits = BITS[info.dtype]
    for extent in info.shape:
        bits *= extent
        if bits >= _LIMIT:
            raise _Malformed(f"{who} of shape {shown(info.shape)} has more elements than fit into any memory")
    if bits != 8 * info.nbytes:
        needed = f"{bits // 8} bytes" if bits % 8 == 0 else f"{bits} bits"
        raise _Malformed(
            f"{who} has {info.nbytes} bytes of data, and {info.dtype} of shape {shown(info.shape)} takes {needed}"
        )


def _check_tiling(tensors: dict[str, TensorInfo], start: int, nbytes: int) -> None:
    """All bytes of the data are some tensor's, and none are two tensors'."""
    end, before = start, "the header"
    for name, info in sorted(tensors.items(), key=lambda item: (item[1].offset, item[1].nbytes)):
        if info.offset != end:
            wrong = "overlap" if info.offset < end else "leave a hole"
            places = f"which ends at {end - start} of the data, and tensor {shown(name)}, at {info.offset - start}"
            raise _Malformed(f"{before}, {places}, {wrong}")
        end, before = info.offset + info.nbytes, f"tensor {shown(name)}"
    if end != nbytes:
        raise _Malformed(f"its data ends at {end}, and the file has {nbytes} bytes")
