"""Buffers on memory that others have made: arrays, files, Metal's own objects."""

from __future__ import annotations

import operator
import os
from typing import TYPE_CHECKING, Any, SupportsIndex, TypeAlias, cast

import numpy as np

from ingot import _native_imports, dtypes
from ingot._native_imports import Bytes
from ingot.aligned import address, is_plain, is_writable_elsewhere, pages_of, root
from ingot.buffer import Buffer
from ingot.errors import ArgumentError, IngotError, shown
from ingot.shapes import extents

if TYPE_CHECKING:
    import numpy.typing as npt

    from ingot.aligned import Span
    from ingot.device import Device
    from ingot.shapes import Shape

Path: TypeAlias = "str | os.PathLike[str]"


class Imports:
    """What a `Device` makes of memory that is there already."""

    __slots__ = ()

    def wrap(self, values: Any, *, copy: bool | None = False, label: str | None = None) -> Buffer:
        """A buffer on the memory of `values`, without a copy (`makeBuffer(bytesNoCopy:)`).

        `values` is a NumPy array, or anything with the buffer protocol, `__array_interface__` or DLPack of the CPU; of
        a dtype that MSL has, and contiguous. Metal shares whole pages of 16 KiB, so all of the pages that it lies in
        must be its own, or that of the array that it is a view of: `ingot.aligned_empty` makes such arrays. All parts
        of one array are windows on one storage. The memory stays as long as a buffer, array or submission uses it. A
        read-only array becomes a buffer that kernels cannot write.

        What does not fit this is an error with `copy=False`, and copied, as `array` does, with `copy=None`;
        `copy=True` always copies. A buffer of this device is given back as a window on it.

        Raises:
            ArgumentError: There is no such dtype or no memory that can be shared; the text says what can be done.
            OutOfMemoryError: Metal does not take the memory.

        Example:
            samples = ingot.aligned_empty((1024, 1024), np.int16)
            buffer = device.wrap(samples)
        """
        _check_copy(copy)
        device = cast("Device", self)
        if isinstance(values, Buffer) and values.device is self:
            return values.copy(label=label) if copy else values[...]
        try:
            values = _exported(values)
            if not copy:
                return _wrapped(device, values, label)
        except ArgumentError:
            if copy is False:
                raise
        return device.array(values, label=label)

    def from_dlpack(self, values: Any, *, copy: bool | None = None, label: str | None = None) -> Buffer:
        """A buffer with what an object with `__dlpack__` holds in memory of the CPU, such as a tensor of torch or jax.

        Without a copy where that is possible, as `wrap` says; `copy=False` makes it an error where it is not, and
        `copy=True` always copies.

        Raises:
            ArgumentError: There is no DLPack, not of the CPU, or the dtype has no equal in MSL.
            OutOfMemoryError: Metal has or takes no memory for it.

        Example:
            weights = device.from_dlpack(model.weight.detach())
        """
        _check_copy(copy)
        if not isinstance(values, Buffer):
            values = _from_dlpack(values)
        return self.wrap(values, copy=copy, label=label)

    def mmap(
        self,
        path: Path,
        dtype: npt.DTypeLike = np.uint8,
        shape: Shape | None = None,
        offset: SupportsIndex = 0,
        *,
        writable: bool = False,
    ) -> Buffer:
        """A buffer on a file's own bytes: nothing is copied, and nothing is read before it is used.

        `offset` is in bytes from the beginning of the file; `shape` is one dimension with all elements from there on,
        unless given. Only with `writable=True` can kernels and the host write, which changes the file. The label is
        the file's name. If the file becomes shorter, a dispatch that uses what is gone is an error at the commit, or
        fails; an array ends the process, as that of `numpy.memmap` does.

        Raises:
            ArgumentError: There is no such file, it is empty, or the elements are not in it.
            OutOfMemoryError: The system or Metal cannot map it.

        Example:
            pixels = device.mmap("photo.raw", np.uint16, (3000, 4000), offset=64)
        """
        device, resolved, start = cast("Device", self), dtypes.resolve(dtype), _offset(offset)
        dtypes.code(resolved)
        file = MappedFile(device, path, writable=writable)
        numbers = file.rest(start, resolved) if shape is None else extents(shape)
        return file.window(start, numbers, resolved)

    def from_raw(  # noqa: PLR0913, what there is to say of an MTLBuffer
        self,
        pointer: SupportsIndex,
        dtype: npt.DTypeLike,
        shape: Shape,
        offset: SupportsIndex = 0,
        *,
        read_only: bool = False,
        label: str | None = None,
    ) -> Buffer:
        """A buffer on somebody else's `MTLBuffer`, which it retains; `pointer` is the address of that object.

        `offset` is in bytes. An untracked `MTLBuffer` (MLX makes such) gets a fence between encoders of a queue;
        what others do to it on queues of their own is theirs to order. A private one is for kernels only. An address
        that is no object's ends the process. `Buffer.raw_pointer` is the way back.

        Raises:
            ArgumentError: It is no `MTLBuffer`, of another device or too short, or memory that Ingot reuses.

        Example:
            x = device.from_raw(objc.pyobjc_id(metal_buffer), np.float32, 1024)  # of PyObjC
        """
        device, resolved, numbers = cast("Device", self), dtypes.resolve(dtype), extents(shape)
        code, start = dtypes.code(resolved), _offset(offset)
        metal = _number(pointer, "the pointer", "address of an MTLBuffer")
        read_only = bool(read_only)
        imported = _native_imports.from_raw(device._handle, metal, start, code, numbers, label, read_only=read_only)
        return Buffer._made(device, imported, label)


class MappedFile:
    """A mapped file, of which any number of buffers can be made. It stays mapped until the last of them is gone."""

    __slots__ = ("_device", "_file", "_name", "nbytes", "path")

    def __init__(self, device: Device, path: Path, *, writable: bool = False) -> None:
        self.path = file_path(path)
        self._device = device
        self._name = os.path.basename(self.path)  # noqa: PTH119, of a str
        self._file, self.nbytes = _native_imports.map_file(device._handle, self.path, writable=bool(writable))

    def window(self, offset: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Buffer:
        """A buffer on the bytes from `offset` on."""
        imported = _native_imports.file_window(self._file, offset, dtypes.code(dtype), shape)
        return Buffer._made(self._device, imported, self._name)

    def rest(self, offset: int, dtype: np.dtype[Any]) -> tuple[int]:
        """The shape of all elements from `offset` on."""
        nbytes = self.nbytes - offset
        if nbytes <= 0 or nbytes % dtype.itemsize:
            raise ArgumentError(
                f"{self.path!r} has {self.nbytes} bytes, {max(nbytes, 0)} of them from byte {offset} on: no whole "
                f"number of elements of {dtype}, which have {dtype.itemsize}; give the shape, or another offset"
            )
        return (nbytes // dtype.itemsize,)


def _check_copy(copy: object) -> None:
    if not (copy is None or isinstance(copy, bool)):
        raise ArgumentError(f"copy={shown(copy)}; it is True, False, or None for where it is needed")


def _wrapped(device: Device, array: npt.NDArray[Any], label: str | None) -> Buffer:
    """A buffer on the memory of an array, which stays until Ingot gives up the memory."""
    code = dtypes.code(array.dtype)
    if array.size == 0:
        raise ArgumentError(f"no elements in shape {array.shape}; Metal has no buffers of zero bytes")
    if not array.flags.c_contiguous:
        raise ArgumentError(
            f"an array of shape {array.shape} and strides {array.strides} is not contiguous, as buffers are: "
            "let it be copied (copy=None)"
        )
    pages = _pages(array, device.max_buffer_length)
    region = _native_imports.Region(pages.start, pages.end - pages.start, address(array) - pages.start)
    _storage = _writable_storage(device, region, array)  # alive until it has the window
    read_only = not array.flags.writeable
    imported = _native_imports.wrap(
        device._handle, region, code, array.shape, array, label, read_only=read_only, is_spare=is_plain(array)
    )
    return Buffer._made(device, imported, label)


def _writable_storage(device: Device, region: _native_imports.Region, array: npt.NDArray[Any]) -> object:
    """Wraps the memory of a read-only part of a writable array, so that the other parts can be written."""
    if array.flags.writeable or not is_writable_elsewhere(array):
        return None
    code = dtypes.code(array.dtype)
    return _native_imports.wrap(
        device._handle, region, code, array.shape, array, None, read_only=False, is_spare=is_plain(array)
    )


def _pages(array: npt.NDArray[Any], most: int) -> Span:
    try:
        return pages_of(array, most)
    except ArgumentError as error:
        hint = "; if it is memory of a buffer of Ingot, use that buffer" if isinstance(root(array), Bytes) else ""
        raise ArgumentError(f"{error}{hint}") from None


def _exported(values: Any) -> npt.NDArray[Any]:
    """The memory of an object as an array, which keeps the object alive."""
    try:
        if isinstance(values, np.ndarray) or hasattr(values, "__array_interface__"):
            return np.asarray(values)
        return np.asarray(memoryview(values))
    except IngotError:
        raise
    except Exception as error:  # of any class: it comes from the class of the object
        if hasattr(values, "__dlpack__"):
            return _from_dlpack(values)
        raise ArgumentError(
            f"a {type(values).__name__} has no memory that can be shared: {error}. It must be an array, or have the "
            "buffer protocol, __array_interface__ or DLPack; device.array copies all that NumPy makes an array of"
        ) from error


def _from_dlpack(values: Any) -> npt.NDArray[Any]:
    try:
        return np.from_dlpack(values)
    except IngotError:  # of a buffer of another device
        raise
    except Exception as error:  # of any class: it comes from the library that made the object
        raise ArgumentError(
            f"NumPy makes no array of this {type(values).__name__} by DLPack: {error}. It must be in memory of the "
            "CPU; bfloat16 goes as uint16: device.from_dlpack(x.view(torch.uint16)).view('bfloat16')"
        ) from error


def file_path(path: Path) -> str:
    """A path as text."""
    text = os.fspath(path) if hasattr(path, "__fspath__") else path
    if not isinstance(text, str) or not text:
        raise ArgumentError(f"{shown(path)} is no path; it is a str or an os.PathLike of one")
    if "\0" in text:
        raise ArgumentError(f"the path {shown(path)} has a NUL character at {text.index(chr(0))}")
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        # In ingot.h text is UTF-8, and what replaces such bytes would be the name of another file.
        raise ArgumentError(f"the path {shown(path)} is not UTF-8; give the file another name, or a link with one")
    return text


def _offset(offset: SupportsIndex) -> int:
    return _number(offset, "the offset", "number of bytes")


def _number(value: SupportsIndex, what: str, kind: str) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        number = -1
    if not 0 <= number < 1 << 64:
        raise ArgumentError(f"{what} {shown(value)} is no {kind}")
    return number
