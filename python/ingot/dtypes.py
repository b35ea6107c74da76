"""The element types that MSL and NumPy share, how their values are packed, and why others are refused."""

from __future__ import annotations

import importlib
import struct
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ingot._native import lib
from ingot.errors import ArgumentError, shown

if TYPE_CHECKING:
    import numpy.typing as npt

BFLOAT16: Final[int] = lib.INGOT_BFLOAT16
SUPPORTED: Final = "bool, (u)int8 to (u)int64, float16, bfloat16 and float32"

# Each of NumPy's with what the struct module calls it.
_FORMATS: Final = {
    "bool": "?",
    "int8": "b",
    "uint8": "B",
    "int16": "h",
    "uint16": "H",
    "int32": "i",
    "uint32": "I",
    "int64": "q",
    "uint64": "Q",
    "float16": "e",
    "float32": "f",
}
_DTYPES: Final = {getattr(lib, f"INGOT_{name.upper()}"): np.dtype(name) for name in _FORMATS}
_CODES: Final[dict[np.dtype[Any], int]] = {dtype: code for code, dtype in _DTYPES.items()}

_INFINITY: Final = 0x7F800000  # the bits of a float32

FORMATS: Final = {code: _FORMATS[dtype.name] for code, dtype in _DTYPES.items()}
"""What the struct module calls a dtype's code; it has no bfloat16."""


_KNOWN: Final[dict[object, tuple[np.dtype[Any], int]]] = {
    spelling: (dtype, code) for dtype, code in _CODES.items() for spelling in (dtype, dtype.type, dtype.name)
}


def known(dtype: npt.DTypeLike) -> tuple[np.dtype[Any], int]:
    """`resolve(dtype)` and its `code`: quickly for the usual spellings."""
    try:
        return _KNOWN[dtype]
    except (KeyError, TypeError):
        resolved = resolve(dtype)
        return resolved, code(resolved)


def resolve(dtype: npt.DTypeLike) -> np.dtype[Any]:
    """`np.dtype(dtype)`, which also knows `"bfloat16"`."""
    if isinstance(dtype, str) and dtype == "bfloat16":
        return bfloat16()
    try:
        return np.dtype(dtype)
    except Exception as error:  # NumPy parses dtypes as Python, so there is hardly one that it does not raise
        raise ArgumentError(f"{shown(dtype)} is no dtype; Ingot has {SUPPORTED}") from error


def code(dtype: np.dtype[Any]) -> int:
    """The number that ingot.h has for a dtype; `ArgumentError` says why there is none."""
    found = _CODES.get(dtype)
    if found is not None:
        return found
    if dtype.name == "bfloat16":
        return BFLOAT16
    raise ArgumentError(_refusal(dtype))


def from_code(code: int) -> np.dtype[Any] | None:
    """The dtype of a number of ingot.h; None for 0, and for bfloat16 where ml_dtypes is not installed."""
    try:
        return bfloat16() if code == BFLOAT16 else _DTYPES.get(code)
    except ArgumentError:
        return None


def bfloat16() -> np.dtype[Any]:
    """The dtype of MSL's `bfloat`, which is not NumPy's own but that of ml_dtypes."""
    try:
        found: np.dtype[Any] = np.dtype(importlib.import_module("ml_dtypes").bfloat16)
    except ImportError as error:
        raise ArgumentError("bfloat16 needs the package ml_dtypes: pip install ml_dtypes") from error
    return found


def name(code: int) -> str:
    """NumPy's name of the dtype with this number."""
    return "bfloat16" if code == BFLOAT16 else _DTYPES[code].name


def plain(value: object) -> object:
    """A Python number for a NumPy scalar."""
    return value.item() if isinstance(value, np.generic) else value


def pack(value: object, code: int) -> bytes:
    """The bytes of a Python number as one element; `ArgumentError` if the dtype cannot hold it."""
    try:
        if code == BFLOAT16 and isinstance(value, int | float):
            return struct.pack("=H", _round_to_bfloat16(value))
        if code != lib.INGOT_BOOL or (isinstance(value, int) and value in {0, 1}):
            return struct.pack("=" + FORMATS[code], value)
    except (struct.error, OverflowError, TypeError, ValueError, KeyError):
        pass
    raise ArgumentError(f"{shown(value)} is no {name(code)}, which holds {_range(code)}")


def _range(code: int) -> str:
    if code == lib.INGOT_BOOL:
        return "True and False"
    if code == BFLOAT16:
        return "numbers from -3.39e+38 to 3.39e+38"
    dtype = _DTYPES[code]
    if dtype.kind == "f":
        limits = np.finfo(dtype)
        return f"numbers from {limits.min:.6g} to {limits.max:.6g}"
    return f"whole numbers from {np.iinfo(dtype).min} to {np.iinfo(dtype).max}"


def _refusal(dtype: np.dtype[Any]) -> str:
    if not dtype.isnative:
        return f"{dtype.name} in the byte order of other machines: convert with .astype({dtype.name!r})"
    reasons = {
        "f": "MSL has no double: convert with .astype(np.float32), or give dtype=np.float32",
        "c": "MSL has no complex numbers: use .view() of their real type, as float32",
        "M": "MSL has no dates: use .view(np.int64)",
        "m": "MSL has no time spans: use .view(np.int64)",
        "V": "structured elements are plain bytes to Ingot: use .view(np.uint8)",
    }
    return f"no buffers of {dtype}: {reasons.get(dtype.kind, f'Ingot has {SUPPORTED}')}"


def _round_to_bfloat16(value: float) -> int:
    """The bits of the nearest bfloat16, ties to even; OverflowError beyond the largest."""
    (bits,) = struct.unpack("=I", struct.pack("=f", value))
    magnitude = bits & 0x7FFFFFFF
    if magnitude > _INFINITY:  # NaN, and it must not round to infinity
        return int(bits >> 16 | 0x40)
    rounded = int(bits + 0x7FFF + (bits >> 16 & 1) >> 16)
    if magnitude < _INFINITY == (rounded & 0x7FFF) << 16:
        raise OverflowError
    return rounded
