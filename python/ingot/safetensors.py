"""Files of weights in the format safetensors, as buffers on the file itself."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from ingot import dtypes
from ingot.device import Device
from ingot.errors import ArgumentError, Unpicklable, shown
from ingot.imports import MappedFile, file_path
from ingot.safetensors_header import Header, TensorInfo, read
from ingot.shapes import extents

if TYPE_CHECKING:
    from ingot.buffer import Buffer

_DTYPES: Final[Mapping[str, str]] = {
    "BOOL": "bool",
    **{f"{kind}{bits}": f"{name}{bits}" for kind, name in (("I", "int"), ("U", "uint")) for bits in (8, 16, 32, 64)},
    "F16": "float16",
    "BF16": "bfloat16",
    "F32": "float32",
}


def load_safetensors(path: str | os.PathLike[str], device: Device | None = None) -> SafeTensors:
    """Maps a safetensors file and gives its tensors as buffers, by name; nothing is read but the header.

    The header is checked whole before anything is made. `device` is the default one unless given.

    Raises:
        ArgumentError: There is no such file, or it breaks a rule of the format; the text says which, and where.

    Example:
        weights = ingot.load_safetensors("model.safetensors")
        encoder.dispatch(matmul, x, weights["layers.0.weight"], y, grid=y.size)
    """
    if device is not None and not isinstance(device, Device):
        raise ArgumentError(f"{shown(device)} is no ingot.Device")
    return SafeTensors(path, Device() if device is None else device)


class SafeTensors(Unpicklable, Mapping[str, "Buffer"]):
    """The tensors of a safetensors file, by name. They are read-only windows on one mapping of the file.

    A tensor is made when it is asked for. What begins at no multiple of its own element size, where no kernel could
    read it, is copied once, into an allocation of its own, and kept. (A vector argument such as `float4 *` needs 16
    bytes, for which few files care: `.copy()` of the buffer has them.) A tensor that MSL has no dtype for, or that is
    empty, is an error when it is asked for, and not before: go through the names, and look at `tensors`. The file
    stays mapped as long as this or a buffer of it is there. It may be used from any thread.
    """

    __slots__ = ("_copies", "_device", "_file", "_header")
    # Those of Mapping would make all tensors to compare them.
    __eq__ = object.__eq__
    __hash__ = object.__hash__

    def __init__(self, path: str | os.PathLike[str], device: Device) -> None:
        text = file_path(path)
        nbytes, self._header = _header(text)
        self._device = device
        self._file = MappedFile(device, text)
        self._copies: dict[str, Buffer] = {}
        if self._file.nbytes != nbytes:
            raise ArgumentError(f"{text!r} changed from {nbytes} to {self._file.nbytes} bytes while it was read")

    @property
    def device(self) -> Device:
        """The device that the buffers belong to."""
        return self._device

    @property
    def metadata(self) -> dict[str, str]:
        """What the file says of itself (`__metadata__`)."""
        return dict(self._header.metadata)

    @property
    def tensors(self) -> dict[str, TensorInfo]:
        """The dtype, shape and place in the file of each tensor, also of those that cannot be a buffer."""
        return dict(self._header.tensors)

    def raw(self, name: str) -> Buffer:
        """The bytes of a tensor of any dtype, as a buffer of uint8: for kernels that decode them, or for `view`.

        Example:
            doubles = weights.raw("scale").numpy().view(np.float64)
        """
        info = self._info(name)
        return self._file.window(info.offset, (info.nbytes,), np.dtype(np.uint8))

    def __getitem__(self, name: str) -> Buffer:
        """The buffer of a tensor.

        Raises:
            KeyError: There is no such tensor.
            ArgumentError: MSL has no such dtype, or the tensor has no elements.
        """
        info = self._info(name)
        if info.dtype not in _DTYPES:
            raise ArgumentError(
                f"tensor {shown(name)} is {info.dtype}, which MSL does not have: raw({shown(name)}) has its bytes, for "
                f"a kernel that decodes them{_advice(info.dtype)}"
            )
        dtype = dtypes.resolve(_DTYPES[info.dtype])
        if info.offset % dtype.itemsize == 0:
            return self._file.window(info.offset, info.shape, dtype)
        copy = self._copies.get(name)
        if copy is None or copy.is_closed:
            copy = self._copies[name] = self._copied(name, info, dtype)
        return copy

    def _copied(self, name: str, info: TensorInfo, dtype: np.dtype[np.generic]) -> Buffer:
        values = self.raw(name).numpy().view(dtype).reshape(extents(info.shape))
        return self._device.array(values, exact=True, label=name)

    def _info(self, name: str) -> TensorInfo:
        info = self._header.tensors[name]
        if info.nbytes == 0:
            raise ArgumentError(
                f"tensor {shown(name)} of shape {info.shape} has no elements; Metal has no buffers of zero bytes"
            )
        return info

    def __iter__(self) -> Iterator[str]:
        return iter(self._header.tensors)

    def __contains__(self, name: object) -> bool:
        return name in self._header.tensors

    def __len__(self) -> int:
        return len(self._header.tensors)

    def __repr__(self) -> str:
        return f"<ingot.SafeTensors {self._file.path!r}: {len(self)} tensors, {self._file.nbytes} bytes>"


def _header(path: str) -> tuple[int, Header]:
    """The size of the file, and its header."""
    try:
        is_plain = stat.S_ISREG(Path(path).stat().st_mode)  # a pipe would be waited for
        if is_plain:
            with Path(path).open("rb") as file:
                nbytes = file.seek(0, os.SEEK_END)
                file.seek(0)
                return nbytes, read(file, nbytes, repr(path))
    except OSError as error:
        raise ArgumentError(f"{path!r} cannot be read: {error}") from error
    raise ArgumentError(f"{path!r} is no plain file; only those can be mapped")


def _advice(dtype: str) -> str:
    """How to have it all the same."""
    names = {"F64": "float64", "C64": "complex64"}
    if dtype not in names:
        return ""
    converted = ".astype(np.float32)" if dtype == "F64" else ".view(np.float32)"
    return f", and device.array(raw(...).numpy().view(np.{names[dtype]}){converted}) converts it"
