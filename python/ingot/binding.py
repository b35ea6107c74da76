"""How what Python passes for a kernel's arguments becomes the handles and bytes of one C call."""

from __future__ import annotations

import operator
import struct
from typing import TYPE_CHECKING, Any, Final, SupportsIndex, TypeAlias

import numpy as np

from ingot import _native, dtypes
from ingot.buffer import Buffer
from ingot.errors import ArgumentError, shown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from ingot.kernel import KernelArgument

Bound: TypeAlias = "tuple[list[_native.Handle], bytes]"
"""A handle or NULL for each argument; and the values, each behind its head."""

HEAD: Final = struct.Struct("=HHI")
"""An `ingot_value`: position, dtype, bytes that follow (of threadgroup memory: its length, and none follow)."""

_MOST: Final = _native.lib.INGOT_MAX_VALUES_NBYTES
_MOST_THREADGROUP: Final = (1 << 32) - 1


class Threadgroup:
    """So many bytes of threadgroup memory, made by `ingot.threadgroup`."""

    __slots__ = ("_length",)

    def __init__(self, nbytes: SupportsIndex) -> None:
        length = operator.index(nbytes) if hasattr(nbytes, "__index__") and not isinstance(nbytes, bool) else 0
        if not 0 < length <= _MOST_THREADGROUP:
            raise ArgumentError(
                f"threadgroup memory of {shown(nbytes)} bytes; it is a whole number from 1 to {_MOST_THREADGROUP}"
            )
        self._length = length

    @property
    def nbytes(self) -> int:
        """How many bytes."""
        return self._length

    def __repr__(self) -> str:
        return f"ingot.threadgroup({self._length})"


def threadgroup(nbytes: SupportsIndex) -> Threadgroup:
    """Threadgroup memory, for an argument declared as `threadgroup float *tile [[threadgroup(0)]]`.

    Every threadgroup gets so many bytes of its own (`setThreadgroupMemoryLength`); a plain int means the same.

    Example:
        encoder.dispatch(kernel, x, tile=ingot.threadgroup(256 * 4), grid=x.size, group=256)
    """
    return Threadgroup(nbytes)


class Binder:
    """The arguments of one kernel; `codes` are the dtypes of their scalars in the numbers of ingot.h."""

    __slots__ = ("arguments", "codes", "kernel", "positions")

    def __init__(self, kernel: str, arguments: Sequence[KernelArgument], codes: Sequence[int]) -> None:
        self.kernel = kernel
        self.arguments = arguments
        self.codes = codes
        self.positions = {argument.name: position for position, argument in enumerate(arguments)}

    def bind(self, args: Sequence[object], named: Mapping[str, object]) -> Bound:
        """Handles and values of a call; `ArgumentError` for what the kernel cannot take.

        Whether all are there, and fit, is for Ingot to say: it knows the kernel better.
        """
        handles, values = [_native.NULL] * len(self.arguments), []
        for position, value in enumerate(self.match(args, named)):
            if isinstance(value, Buffer):
                handles[position] = value._open()
            elif value is not None:
                values.append(self._packed(position, value))
        return handles, b"".join(values)

    def match(self, args: Sequence[object], named: Mapping[str, object]) -> list[object]:
        """What was passed for each argument, None for nothing."""
        if len(args) > len(self.arguments):
            raise self._refusal(f"takes {len(self.arguments)} arguments ({self._names()}), but {len(args)} were given")
        given: list[object] = [*args, *[None] * (len(self.arguments) - len(args))]
        for name, value in named.items():
            position = self.positions.get(name)
            if position is None:
                raise self._refusal(f"has no argument {name!r}; it has {self._names()}")
            if position < len(args):
                raise self._refusal(f"was given {name!r} twice, by position and by name")
            given[position] = value
        return given

    def _packed(self, position: int, value: object) -> bytes:
        argument, code = self.arguments[position], self.codes[position]
        if argument.kind == "threadgroup":
            return HEAD.pack(position, 0, self._length(position, value))
        if not argument.takes_inline:
            reason = "is written by the kernel, so it needs" if "w" in argument.access else "takes"
            raise self._wrong(position, value, f"{reason} an ingot.Buffer")
        if argument.width == 1 and isinstance(value, bool | int | float | np.generic):
            data = self._scalar(position, value, code)
            return HEAD.pack(position, code, len(data)) + data
        data = self._raw(position, value)
        return HEAD.pack(position, 0, len(data)) + data

    def _length(self, position: int, value: object) -> int:
        if isinstance(value, int | np.integer) and not isinstance(value, bool):
            value = Threadgroup(value)
        if isinstance(value, Threadgroup):
            return value.nbytes
        raise self._wrong(position, value, "is threadgroup memory; give its length with ingot.threadgroup(nbytes)")

    def _scalar(self, position: int, value: object, code: int) -> bytes:
        if isinstance(value, np.generic):
            if value.dtype == self.arguments[position].dtype:
                return value.tobytes()
            raise self._wrong(position, value, f"is {dtypes.name(code)}: convert it, or give a Python number")
        try:
            return dtypes.pack(value, code)
        except ArgumentError as error:
            raise self._refusal(f"argument {self.arguments[position].name!r}: {error}") from None

    def _raw(self, position: int, value: object) -> bytes:
        """The bytes of a vector, struct or array that is given as numbers, as an array or as bytes."""
        argument = self.arguments[position]
        try:
            nbytes = len(value) if isinstance(value, bytes | bytearray) else getattr(value, "nbytes", 0)
        except ValueError as error:  # a memoryview that was released
            raise self._wrong(position, value, f"takes bytes, and has none: {error}") from None
        if nbytes > _MOST:
            raise self._wrong(position, value, f"takes at most {_MOST} bytes as a value, and more in a buffer")
        if isinstance(value, bytes | bytearray | memoryview):
            return bytes(value)
        if isinstance(value, tuple | list) and argument.width > 1:
            return self._vector(position, value)
        if isinstance(value, np.ndarray | np.void):
            self._check_layout(position, value)
            if value.dtype == argument.dtype or argument.dtype is None:
                # As many numbers as a vector has are one vector, and a float3 is as long as a float4.
                return value.tobytes().ljust(argument.nbytes if value.shape == (argument.width,) else 0, b"\0")
            raise self._wrong(position, value, f"has elements of {argument.dtype}: convert it with .astype()")
        raise self._wrong(position, value, f"takes {self._wanted(position)}")

    def _check_layout(self, position: int, value: npt.NDArray[Any] | np.void) -> None:
        """Refuses elements that are no plain bytes, and structs that are not as long as the argument's."""
        argument, dtype = self.arguments[position], value.dtype
        if dtype.hasobject:
            raise self._wrong(position, value, "takes bytes, and Python objects are none")
        if not dtype.isnative:
            raise self._wrong(position, value, "takes numbers in the byte order of this machine")
        if dtype.names is not None and argument.dtype is None and dtype.itemsize != argument.nbytes > 0:
            raise self._wrong(
                position,
                value,
                f"is a struct of {argument.nbytes} bytes, but a struct of the dtype has {dtype.itemsize}: np.dtype(...,"
                " align=True) pads as MSL does, where a vector of 3 is as long as one of 4",
            )

    def _vector(self, position: int, values: Sequence[object]) -> bytes:
        argument, code = self.arguments[position], self.codes[position]
        if len(values) != argument.width:
            raise self._wrong(position, values, f"takes {self._wanted(position)}")
        data = b"".join(self._scalar(position, value, code) for value in values)
        return data.ljust(argument.nbytes, b"\0")  # a float3 is as long as a float4

    def _wanted(self, position: int) -> str:
        argument, code = self.arguments[position], self.codes[position]
        if argument.dtype is None and not code:
            return f"an ingot.Buffer or {argument.nbytes or 'its'} bytes"
        if argument.width == 1:
            return f"an ingot.Buffer or a {dtypes.name(code)}"
        return f"an ingot.Buffer or {argument.width} numbers of {dtypes.name(code)}"

    def _wrong(self, position: int, value: object, why: str) -> ArgumentError:
        what = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
        if isinstance(value, np.ndarray | np.generic):
            what = f"a NumPy {'scalar' if isinstance(value, np.generic) else 'array'} of {value.dtype}"
        advice = "; device.array() makes a buffer of it" if isinstance(value, np.ndarray) else ""
        return self._refusal(f"argument {self.arguments[position].name!r} {why}; {what} was given{advice}")

    def _refusal(self, what: str) -> ArgumentError:
        return ArgumentError(f"kernel {self.kernel!r} {what}")

    def _names(self) -> str:
        return ", ".join(argument.name for argument in self.arguments) or "none"
