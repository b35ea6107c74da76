"""Buffers for others: DLPack, the buffer protocol, NumPy's protocol and pickling."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ingot import _native, _native_bound, _native_imports, dtypes
from ingot.errors import ArgumentError, ExportError

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from ingot.buffer import Buffer

_CPU: Final = (1, 0)  # kDLCPU
_OUT_OF_BAND: Final = 5  # the pickle protocol that can leave data out


class Exports:
    """What a `Buffer` is to other libraries. All of it is made of `numpy()`, with its checks and its lifetime."""

    __slots__ = ()

    if TYPE_CHECKING:  # by Buffer

        @property
        def label(self) -> str | None: ...  # noqa: D102
        def numpy(self, *, wait: bool = ..., copy: bool = ...) -> npt.NDArray[Any]: ...  # noqa: D102
        def _open(self) -> _native.Handle: ...
        def copy(self, key: Any = ..., *, label: str | None = ...) -> Buffer: ...  # noqa: D102

    def __array__(
        self,
        dtype: npt.DTypeLike | None = None,
        copy: bool | None = None,  # noqa: FBT001, NumPy's protocol
    ) -> npt.NDArray[Any]:
        """What `np.asarray(buffer)` is: `numpy()`, or a copy where a dtype or a copy is asked for."""
        return np.array(self.numpy(), dtype, copy=copy)

    def __dlpack__(
        self,
        *,
        stream: object = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[int, int] | None = None,
        copy: bool | None = None,
    ) -> Any:
        """The memory as a DLPack capsule of the CPU, for `np.from_dlpack`, `torch.from_dlpack` and others: no copy.

        Raises:
            ExportError: DLPack has no such dtype, or not what else is asked for (also a `BufferError`).
            InFlightError: A submission that writes these bytes is not done.
        """
        array = self.numpy()
        if array.dtype.name == "bfloat16":
            raise ExportError(
                _no_bfloat16("NumPy's DLPack", "torch.from_dlpack(b.view(np.uint16)).view(torch.bfloat16)")
            )
        given = {"stream": stream, "max_version": max_version, "dl_device": dl_device, "copy": copy}
        try:
            # Without those not given, which NumPy before 2.1 does not know.
            return array.__dlpack__(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]
        except (BufferError, RuntimeError, ValueError) as error:
            raise ExportError(f"no DLPack of {self!r}: {error}") from None

    def __dlpack_device__(self) -> tuple[int, int]:
        """The CPU, whose memory it is as well as the GPU's."""
        return _CPU

    def __buffer__(self, flags: int, /) -> memoryview:
        """What `memoryview(buffer)` is from Python 3.12 on, in its shape and with the format of its dtype: no copy.

        Before, `memoryview(buffer.numpy())` is the same. Python lets such a view hold the buffer, and so its device,
        not only the memory; so does `np.asarray(buffer)` then, which NumPy makes of it, and not `numpy()`.

        Raises:
            ExportError: It is bfloat16, which the buffer protocol does not have (also a `BufferError`).
            InFlightError: A submission that writes these bytes is not done.
        """
        array = self.numpy()
        if array.dtype.name == "bfloat16":
            raise ExportError(_no_bfloat16("the buffer protocol", "memoryview(b.view(np.uint16))"))
        return array.data

    @property
    def raw_pointer(self) -> tuple[int, int]:
        """The address of the `MTLBuffer`, and the byte of it at which this buffer begins: for other libraries.

        It is borrowed: good as long as this buffer, or another on the same memory. `Device.from_raw` is the way back.
        """
        return _native_imports.raw_pointer(self._open())

    @property
    def gpu_address(self) -> int:
        """Where the GPU finds it: a pointer to its first element, for kernels that follow pointers (`gpuAddress`).

        The number keeps nothing alive; a dispatch that follows it names the buffer in `uses`.

        Example:
            nodes = device.array([x.gpu_address, y.gpu_address], np.uint64)
            encoder.dispatch(follow, nodes, grid=n, uses=[(x, "r"), (y, "w")])
        """
        return _native_bound.gpu_address(self._open())

    @property
    def is_read_only(self) -> bool:
        """Whether neither kernels nor the host may write it: what was imported so. `copy()` can be written."""
        return bool(_native.buffer_info(self._open()).is_read_only)

    def __copy__(self) -> Buffer:
        return self.copy()

    def __deepcopy__(self, memo: dict[int, Any]) -> Buffer:
        return self.copy()

    def __reduce_ex__(self, protocol: Any) -> tuple[Callable[..., Buffer], tuple[Any, ...]]:
        """Pickles the contents, dtype, shape and label of this window, not the storage it is a part of."""
        array = self.numpy()
        data = array.reshape(-1).view(np.uint8)
        content = pickle.PickleBuffer(data.data) if protocol >= _OUT_OF_BAND else data.tobytes()
        return _restored, (content, array.dtype.name, array.shape, self.label)


def _restored(data: Any, dtype: str, shape: tuple[int, ...], label: str | None) -> Buffer:
    """What a pickled buffer becomes: a copy, on the default device."""
    from ingot.device import Device  # noqa: PLC0415, which imports this

    resolved = dtypes.resolve(dtype)
    try:
        array = np.frombuffer(data, resolved).reshape(shape)
    except (BufferError, TypeError, ValueError) as error:
        raise ArgumentError(f"pickled data that is no {dtype} of shape {shape}: {error}") from error
    return Device().array(array, label=label)


def _no_bfloat16(protocol: str, advice: str) -> str:
    return f"{protocol} has no bfloat16: give the same bytes as uint16, for example {advice}"
