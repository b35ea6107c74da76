"""Function constants: what kernels have, and values for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from ingot import _native, _native_constants, dtypes
from ingot._native import lib
from ingot._native_constants import Constant
from ingot.errors import ArgumentError, shown

if TYPE_CHECKING:
    import numpy.typing as npt

Scalar: TypeAlias = "bool | int | float | np.generic"
Value: TypeAlias = "Scalar | Sequence[Scalar] | npt.NDArray[Any]"
"""A value for a function constant: a number takes the constant's type, a NumPy scalar or array has one."""

Constants: TypeAlias = "Mapping[str | int, Value]"

_WIDEST: Final = 4


@dataclass(frozen=True, slots=True)
class FunctionConstant:
    """A function constant of a kernel, as Metal's reflection describes it (`MTLFunctionConstant`)."""

    name: str
    index: int
    """The n of `[[function_constant(n)]]`."""
    dtype: np.dtype[Any] | None
    """Of its scalars; None for bfloat16 without ml_dtypes."""
    width: int
    """Scalars in it: 4 for float4."""
    is_required: bool
    """Whether the kernel cannot be made without a value for it."""


def of_kernel(library: _native.Handle, kernel: str) -> tuple[FunctionConstant, ...]:
    """The function constants of a kernel that has no values for them yet."""
    return tuple(
        FunctionConstant(
            name=_native.string(native.name),
            index=native.index,
            dtype=dtypes.from_code(native.dtype),
            width=native.width,
            is_required=bool(native.is_required),
        )
        for native in _native_constants.constants(library, kernel)
    )


def given(kernel: _native.Handle, count: int) -> dict[str | int, np.generic | npt.NDArray[Any]]:
    """The values that a kernel was made with, by the names of the constants (by index where Metal does not tell it)."""
    values: dict[str | int, np.generic | npt.NDArray[Any]] = {}
    for native in _native_constants.kernel_constants(kernel, count):
        dtype = dtypes.from_code(native.dtype) or np.dtype(np.uint16)
        words = np.array(list(native.value[0 : native.width]), np.uint64).view(np.uint8).reshape(native.width, 8)
        scalars = np.ascontiguousarray(words[:, : dtype.itemsize]).view(dtype)[:, 0]
        scalars.flags.writeable = False
        values[_native.string(native.name) or native.index] = scalars if native.width > 1 else scalars[0]
    return values


def native(constants: Constants) -> list[Constant]:
    """Values in the form that C takes."""
    if not isinstance(constants, Mapping):
        raise ArgumentError(f"constants is {shown(constants)}; it is a dict of names or indices, and values")
    return [_constant(key, value) for key, value in constants.items()]


def _constant(key: str | int, value: Value) -> Constant:
    kind, dtype, words = _value(key, value)
    if not 1 <= len(words) <= _WIDEST:
        raise ArgumentError(f"function constant {shown(key)} was given {len(words)} values; it takes 1 to {_WIDEST}")
    if isinstance(key, str):
        return Constant(_native.encoded(key, "the name of a function constant"), 0, kind, dtype, words)
    if isinstance(key, bool) or not isinstance(key, int | np.integer) or not 0 <= key < 1 << 32:
        raise ArgumentError(f"{shown(key)} is neither the name nor the index of a function constant")
    return Constant(None, int(key), kind, dtype, words)


def _value(key: object, value: object) -> tuple[int, int, list[int]]:
    """The kind, dtype and words of a value."""
    # NumPy's float64, which MSL does not have, is Python's float.
    if isinstance(value, bool | int | float):
        return _plain(key, [value])
    if isinstance(value, np.generic | np.ndarray):
        return _typed(key, np.atleast_1d(np.asarray(value)))
    if not isinstance(value, Sequence) or isinstance(value, str | bytes | bytearray | memoryview):
        raise ArgumentError(f"function constant {shown(key)} was given {shown(value)}; it takes numbers")
    parts = list(value)
    if parts and all(isinstance(part, bool | int | float) for part in parts):
        return _plain(key, parts)
    kinds = {part.dtype for part in parts if isinstance(part, np.generic)}
    if len(kinds) != 1 or not all(isinstance(part, np.generic) for part in parts):
        raise ArgumentError(
            f"function constant {shown(key)} was given {shown(value)}; a vector is of numbers of one type"
        )
    return _typed(key, np.array(parts, kinds.pop()))


def _typed(key: object, array: npt.NDArray[Any]) -> tuple[int, int, list[int]]:
    if array.ndim != 1:
        raise ArgumentError(f"function constant {shown(key)} was given an array of shape {array.shape}; it takes (n,)")
    if array.dtype == np.float64:
        return _plain(key, array.tolist())
    code = dtypes.code(array.dtype)
    data, size = array.tobytes(), array.dtype.itemsize
    words = [int.from_bytes(data[at : at + size], "little") for at in range(0, len(data), size)]
    return lib.INGOT_CONSTANT_TYPED, code, words


def _plain(key: object, values: list[bool | int | float]) -> tuple[int, int, list[int]]:
    """Numbers that take the type of the constant."""
    if all(isinstance(value, bool) for value in values):
        return lib.INGOT_CONSTANT_TYPED, lib.INGOT_BOOL, [int(value) for value in values]
    if any(isinstance(value, bool) for value in values):
        raise ArgumentError(
            f"function constant {shown(key)} was given {shown(values)}; a vector is of numbers of one type"
        )
    if all(isinstance(value, int) for value in values):
        integers = [int(value) for value in values]
        if min(integers) >= 0 and max(integers) < 1 << 64:
            return lib.INGOT_CONSTANT_UNSIGNED, 0, integers
        if min(integers) >= -(1 << 63) and max(integers) < 1 << 63:
            return lib.INGOT_CONSTANT_INTEGER, 0, [value & ((1 << 64) - 1) for value in integers]
        raise ArgumentError(f"function constant {shown(key)} was given {shown(values)}, which 64 bits do not hold")
    try:
        data = np.array([float(value) for value in values], np.float64).view(np.uint64)
    except OverflowError as error:
        raise ArgumentError(
            f"function constant {shown(key)} was given {shown(values)}, which no float holds"
        ) from error
    return lib.INGOT_CONSTANT_REAL, 0, data.tolist()
