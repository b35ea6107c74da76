"""Devices: where buffers, libraries and encoders come from."""

from __future__ import annotations

import operator
import re
import sys
import weakref
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self, SupportsIndex, cast

import numpy as np

from ingot import _native, dtypes
from ingot.buffer import Buffer
from ingot.encoder import CommandEncoder
from ingot.errors import ArgumentError, DeviceNotFoundError, OutOfMemoryError, Unpicklable, shown
from ingot.kernel import Library
from ingot.shapes import extents

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from ingot.encoder import Ordering
    from ingot.kernel import MathMode
    from ingot.shapes import Shape

# MTLGPUFamily: the name of a family is one of these and a number.
_FAMILIES: Final = {"apple": 1000, "mac": 2000, "common": 3000, "metal": 4998}


class DeviceStatistics(NamedTuple):
    """What a device has done since it was opened."""

    current_allocated: int
    """Bytes, Metal's own figure (`MTLDevice.currentAllocatedSize`)."""
    resident_count: int
    """Allocations in residency sets."""
    residency_commits: int
    """Calls of `MTLResidencySet.commit`."""
    submissions: int
    """Command buffers committed."""
    unfinished: int
    """Those of them that are not done."""


class Device(Unpicklable):
    """A GPU with its command queue (`MTLDevice`); on Linux the software device, and its `name` says so.

    `Device()` is the system's default, `Device(i)` the one at that index of `devices()`, `Device(name)` the one with
    that name; each is one object per process. `require_gpu=True`, or `INGOT_REQUIRE_GPU=1` in the environment, refuses
    the software device. Devices may be used from any thread.

    Raises:
        DeviceNotFoundError: There is no such device.

    Example:
        device = ingot.Device()
        x = device.array(np.arange(4, dtype=np.float32))
    """

    __slots__ = ("__weakref__", "_handle", "_info", "_name")

    _handle: _native.Handle
    _info: _native.Struct
    _name: str

    def __new__(cls, index: SupportsIndex | str | None = None, *, require_gpu: bool | None = None) -> Self:
        """Opens the device, or gives the object that it has in this process."""
        opened = cls._open(_index(index), isolated=False, require_gpu=bool(require_gpu), residency=True)
        with _native.lock:
            device = _opened.setdefault((cls, opened.registry_id), opened)
        if index is None:
            _announce(device)
        return cast("Self", device)

    @classmethod
    def new(
        cls, index: SupportsIndex | str | None = None, *, require_gpu: bool | None = None, residency: bool = True
    ) -> Self:
        """An isolated device object: its own queue, caches, residency set and counters.

        `residency=False` leaves residency sets out (`MTLResidencySet`).
        """
        device = cls._open(_index(index), isolated=True, require_gpu=bool(require_gpu), residency=residency)
        if index is None:
            _announce(device)
        return device

    @classmethod
    def _open(cls, index: int, *, isolated: bool, require_gpu: bool, residency: bool) -> Self:
        device = super().__new__(cls)
        device._handle = _native.open_device(index, isolated=isolated, require_gpu=require_gpu, residency=residency)
        device._info = _native.device_info(device._handle)
        device._name = _native.string(device._info.name)
        return device

    @property
    def name(self) -> str:
        """Metal's name for it."""
        return self._name

    @property
    def registry_id(self) -> int:
        """The same for the same GPU in all processes until the next start of the system."""
        return int(self._info.registry_id)

    @property
    def is_software(self) -> bool:
        """Whether it is the software device and no GPU."""
        return bool(self._info.is_software)

    @property
    def unified_memory(self) -> bool:
        """Whether CPU and GPU share their memory (`hasUnifiedMemory`)."""
        return bool(self._info.has_unified_memory)

    @property
    def has_residency_sets(self) -> bool:
        """Whether this device object keeps its buffers in residency sets."""
        return bool(self._info.has_residency_sets)

    @property
    def max_buffer_length(self) -> int:
        """Bytes that one buffer may have."""
        return int(self._info.max_buffer_length)

    @property
    def recommended_working_set(self) -> int:
        """Bytes that can be in use at a time without paging."""
        return int(self._info.recommended_working_set)

    @property
    def max_threadgroup_memory(self) -> int:
        """Bytes of threadgroup memory that a dispatch may use."""
        return int(self._info.max_threadgroup_memory)

    @property
    def max_threads_per_group(self) -> tuple[int, int, int]:
        """Threads of a threadgroup along x, y and z; a kernel's own limit is `Kernel.max_threads_per_group`."""
        x, y, z = self._info.max_threads_per_threadgroup
        return x, y, z

    @property
    def current_allocated(self) -> int:
        """Bytes that Metal has allocated on it now."""
        return self.statistics().current_allocated

    def statistics(self) -> DeviceStatistics:
        """Counters of memory, residency and submissions."""
        native = _native.device_statistics(self._handle)
        return DeviceStatistics(*(int(getattr(native, field)) for field in DeviceStatistics._fields))

    def supports(self, family: str) -> bool:
        """Whether it is of a GPU family (`supportsFamily`), for example `"apple7"` or `"metal3"`."""
        found = re.fullmatch(r"(apple|mac|common|metal)([0-9]{1,2})", family) if isinstance(family, str) else None
        if found is None:
            message = f"{shown(family)} is no GPU family; they are named as 'apple7', 'mac2', 'common3' and 'metal3'"
            raise ArgumentError(message)
        return _native.device_supports(self._handle, _FAMILIES[found[1]] + int(found[2]))

    def array(self, values: npt.ArrayLike, dtype: npt.DTypeLike | None = None, *, label: str | None = None) -> Buffer:
        """A buffer with a copy of `values`, which is anything that NumPy makes an array of.

        It has the dtype and shape that NumPy gives it, or the `dtype` given. float64 and complex numbers, which MSL
        does not have, are refused. Arrays that are not contiguous are copied in C order.

        Raises:
            ArgumentError: The dtype has no equal in MSL, or there are no elements, or too many.
            OutOfMemoryError: Metal has no memory for it.

        Example:
            x = device.array([1, 2, 3], np.float32)
        """
        array = _as_array(values, dtype)
        code = dtypes.code(array.dtype)
        if array.nbytes > self.max_buffer_length:  # a broadcast array can be, and has no copy
            return Buffer(self, array.dtype, code, array.shape, None, label)
        data = _contiguous(array).reshape(-1).view(np.uint8)
        return Buffer(self, array.dtype, code, array.shape, data, label)

    def zeros(self, shape: Shape, dtype: npt.DTypeLike = np.float32, *, label: str | None = None) -> Buffer:
        """A buffer of zeros."""
        return self.full(shape, 0, dtype, label=label)

    def full(self, shape: Shape, value: Any, dtype: npt.DTypeLike = np.float32, *, label: str | None = None) -> Buffer:
        """A buffer in which every element is `value`; a value that the dtype cannot hold is an `ArgumentError`."""
        resolved = dtypes.resolve(dtype)
        code = dtypes.code(resolved)
        return Buffer(self, resolved, code, extents(shape), dtypes.pack(_plain(value), code), label)

    def empty(self, shape: Shape, dtype: npt.DTypeLike = np.float32, *, label: str | None = None) -> Buffer:
        """A buffer whose contents are undefined until they are written: faster than `zeros`."""
        resolved = dtypes.resolve(dtype)
        return Buffer(self, resolved, dtypes.code(resolved), extents(shape), None, label)

    def compile(
        self,
        source: str,
        *,
        math_mode: MathMode = "default",
        language_version: str | tuple[int, int] | None = None,
        macros: Mapping[str, object] | None = None,
    ) -> Library:
        """Compiles MSL (`makeLibrary(source:options:)`), once per text and options and device.

        `math_mode` is what the compiler may do to floating point (`MTLMathMode`; Metal's default is fast),
        `language_version` is for example `"3.2"`, and `macros` are defined above the source.

        Raises:
            CompileError: The source does not compile; it says where.
            ArgumentError: There are no such options.

        Example:
            library = device.compile(source, macros={"TILE": 16})
        """
        return Library(self, source, math_mode, language_version, macros or {})

    def encoder(self, label: str | None = None, ordering: Ordering = "automatic") -> CommandEncoder:
        """Starts an encoder, which becomes one command buffer (`MTLCommandBuffer`).

        By default dispatches behave as if they ran one after another, while independent ones may overlap;
        `ordering="serial"` runs them one after another. The label is in every error that its work leads to.
        """
        return CommandEncoder(self, label, ordering)

    def __repr__(self) -> str:
        return f"<ingot.Device {self._name!r}>"


_opened: Final[weakref.WeakValueDictionary[tuple[type[Device], int], Device]] = weakref.WeakValueDictionary()
_announced = False


def devices() -> list[Device]:
    """All devices there are (`MTLCopyAllDevices`)."""
    return [Device(index) for index in range(_native.device_count())]


def _index(index: SupportsIndex | str | None) -> int:
    """What ingot.h takes: -1 is the default device."""
    if index is None:
        return -1
    if isinstance(index, str):
        names = [device.name for device in devices()]
        if index in names:
            return names.index(index)
        message = f"no device named {index!r}; there is {', '.join(map(repr, names)) or 'none at all'}"
        raise DeviceNotFoundError(message)
    number = operator.index(index)
    if not 0 <= number < 1 << 63:
        message = f"no device {shown(number)}: there are {_native.device_count()}, counted from 0"
        raise DeviceNotFoundError(message)
    return number


def _announce(device: Device) -> None:
    """Says once that no GPU is at work: software is never a silent fallback."""
    global _announced  # noqa: PLW0603, once per process
    if device.is_software and not _announced:
        _announced = True
        print(f"ingot: no GPU here; kernels run on the CPU, by {device.name!r}", file=sys.stderr)  # noqa: T201, said once


def _as_array(values: npt.ArrayLike, dtype: npt.DTypeLike | None) -> npt.NDArray[Any]:
    try:
        return np.asarray(values, None if dtype is None else dtypes.resolve(dtype))
    except (TypeError, ValueError, OverflowError) as error:
        message = f"NumPy makes no array of this {type(values).__name__}: {error}"
        raise ArgumentError(message) from error
    except MemoryError as error:
        raise OutOfMemoryError(f"NumPy has no memory for the array: {error}") from error


def _contiguous(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    try:
        return np.ascontiguousarray(array)
    except MemoryError as error:
        raise OutOfMemoryError(f"NumPy has no memory for a contiguous copy: {error}") from error


def _plain(value: object) -> object:
    """A Python number for a NumPy scalar."""
    return value.item() if isinstance(value, np.generic) else value
