"""What the host does with buffers: reading, writing and waiting, checked against what the GPU does with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ingot import _native, dtypes
from ingot._native import lib
from ingot.errors import ArgumentError, shown
from ingot.mapping import Mapping
from ingot.shapes import picked

if TYPE_CHECKING:
    import numpy.typing as npt

    from ingot.buffer import Buffer
    from ingot.device import Device
    from ingot.mapping import Mode

_WRITE: Final = lib.INGOT_ACCESS_WRITE


class HostAccess:
    """What the host does with a `Buffer`. Each call checks first, and does not wait unless it says so.

    It goes by bytes: what a submission does to the rest of the memory does not matter. Where one uses more than 8
    ranges of one storage that do not touch, all from the first to the last byte count as used.
    """

    __slots__ = ()

    if TYPE_CHECKING:  # by Buffer

        @property
        def device(self) -> Device: ...  # noqa: D102
        @property
        def label(self) -> str | None: ...  # noqa: D102
        @property
        def dtype(self) -> np.dtype[Any]: ...  # noqa: D102
        @property
        def shape(self) -> tuple[int, ...]: ...  # noqa: D102
        @property
        def size(self) -> int: ...  # noqa: D102
        def numpy(self, *, wait: bool = ..., copy: bool = ...) -> npt.NDArray[Any]: ...  # noqa: D102
        def _open(self) -> _native.Handle: ...
        def _failure(self, status: int) -> Exception: ...

    def _require(self, status: int) -> None:
        if status:
            raise self._failure(status)

    def mapped(self, mode: Mode = "r", *, wait: bool = False) -> Mapping:
        """Maps it for the host over time: `with b.mapped("rw") as array:`.

        While the mapping is open, committing an encoder that conflicts raises `InFlightError`: one that writes these
        bytes, or if they are mapped for writing uses them at all. The encoder can be committed when the mapping is
        closed. Any number may read at a time; what is mapped for writing is mapped once. `mode` is `"r"`, whose array
        is read-only, `"w"` for new contents, or `"rw"`. `wait=True` waits for the submissions that are in the way.

        Raises:
            InFlightError: A submission that conflicts is not done.
            StateError: Some of the bytes are mapped already, and one of the two is for writing.
            ArgumentError: It is read-only, and that is not what `mode` is.

        Example:
            with weights.mapped("w") as array:
                array[:] = np.load("weights.npy")
        """
        return Mapping(self, mode, wait=wait)

    def synchronize(self, timeout: float | None = None) -> None:
        """Blocks until every submission that uses these bytes in any way is done, or for `timeout` seconds.

        What uses other bytes of the storage is not waited for. Other threads run meanwhile; Ctrl-C interrupts it.

        Raises:
            WaitTimeoutError: The time is over; the work goes on.
            CommandBufferError: One of the submissions failed, and nobody has been told yet, by this or by
                `Submission.wait`; the contents are undefined.
        """
        self._require(_native.wait(self._open(), timeout, lib.ingot_buffer_synchronize))

    def item(self) -> Any:
        """The only element as a Python number, whatever the shape. Raises `ArgumentError` if there are several.

        Example:
            loss = losses[step].item()
        """
        if self.size != 1:
            raise ArgumentError(f"{self!r} has {self.size} elements, and item() is the one of a single; index it first")
        return self.numpy().item()

    def fill(self, value: Any) -> None:
        """Makes every element `value`, a number that the dtype can hold.

        Raises:
            InFlightError: A submission that uses these bytes is not done.
            ArgumentError: The dtype cannot hold the value, or the buffer is read-only.
        """
        element = dtypes.pack(dtypes.plain(value), dtypes.code(self.dtype))
        self._require(lib.ingot_buffer_fill(self._open(), element, len(element)))

    def copy(self, key: Any = ..., *, label: str | None = None) -> Buffer:
        """A buffer of its own with the same elements, copied by the host; `label` is this one's unless given.

        With a key, those that NumPy would give for it: any slices, lists and masks, where a window cannot be had.

        Raises:
            InFlightError: A submission that writes these bytes is not done.
            OutOfBoundsError: There is no such index (also an `IndexError`).
            ArgumentError: It is no index, or there are no elements at it.
            OutOfMemoryError: Metal has no memory for it.

        Example:
            even = b.copy(np.s_[::2])
        """
        array = self.numpy()
        if key is not ...:
            array = picked(array, key)
        name = self.label if label is None else label
        data = array.reshape(-1).view(np.uint8)
        made: Any = type(self)  # which is Buffer
        copied: Buffer = made(self.device._source(), self.dtype, dtypes.code(self.dtype), array.shape, data, name)
        return copied

    def copy_from(self, source: HostAccess | npt.ArrayLike) -> None:
        """Copies elements into it, on the host: those of a buffer of any device, or of what NumPy makes an array of.

        Shapes must be the same, for nothing is repeated; dtypes too, for nothing is converted, but Python numbers and
        lists of them become elements where these can hold them. Memory that overlaps is as if it were copied away
        first.

        Raises:
            InFlightError: A submission that uses these bytes, or writes the source, is not done.
            ArgumentError: The source does not fit, or the buffer is read-only.
        """
        if isinstance(source, HostAccess):
            self._require(lib.ingot_buffer_copy_from(self._open(), source._open()))
            return
        array = _elements(source, self.dtype)
        _check_fit(array, self.dtype, self.shape, source, self)
        self._require(lib.ingot_buffer_get_contents(self._open(), _WRITE, _native.NULL))
        np.copyto(self.numpy(), array, casting="no")

    def copy_to(self, target: HostAccess | npt.NDArray[Any]) -> None:
        """Copies its elements to a buffer or a NumPy array of the same dtype and shape, on the host.

        Raises:
            InFlightError: A submission that writes these bytes, or uses the target, is not done.
            ArgumentError: The target does not fit, or is read-only.
        """
        if isinstance(target, HostAccess):
            target.copy_from(self)
            return
        if not isinstance(target, np.ndarray):
            raise ArgumentError(f"a {type(target).__name__} is no target for a copy; give a buffer or a NumPy array")
        _check_fit(target, self.dtype, self.shape, self, target)
        if not target.flags.writeable:
            raise ArgumentError("the array that is to be copied to is read-only")
        np.copyto(target, self.numpy(), casting="no")

    @property
    def is_allocated(self) -> bool:
        """Whether it has its memory: a lazy buffer gets it at its first use."""
        return bool(_native.buffer_info(self._open()).is_allocated)

    def ensure_allocated(self) -> None:
        """Gives a lazy buffer its memory now. Raises `OutOfMemoryError` if there is none."""
        self._require(lib.ingot_buffer_ensure_allocated(self._open()))


def _elements(values: Any, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """An array of values. Those of Python are converted, if none of them is changed by more than rounding."""
    try:
        array = np.asarray(values)
        if not isinstance(values, bool | int | float | list | tuple) or array.dtype == dtype:
            return array
        if dtype.kind in "iu":
            return _integers(values, array, dtype)
        with np.errstate(over="raise"):
            return array.astype(dtype) if np.can_cast(array.dtype, dtype, "same_kind") else array
    except ArgumentError:
        raise
    except FloatingPointError:
        raise ArgumentError(f"{shown(values)} has numbers that no {dtype} holds") from None
    except (TypeError, ValueError, OverflowError) as error:
        raise ArgumentError(f"NumPy makes no array of this {type(values).__name__}: {error}") from error


def _integers(values: Any, array: npt.NDArray[Any], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """Whole numbers of any size, which NumPy by itself makes floats or objects of; else the array as it is."""
    numbers = np.asarray(values, object)
    if numbers.size == 0 or not all(isinstance(number, int | np.integer) for number in numbers.flat):
        return array
    limits = np.iinfo(dtype)
    if min(numbers.flat) < limits.min or max(numbers.flat) > limits.max:
        raise ArgumentError(f"{shown(values)} has numbers that no {dtype} holds")
    return numbers.astype(dtype)


def _check_fit(
    array: npt.NDArray[Any], dtype: np.dtype[Any], shape: tuple[int, ...], source: object, target: object
) -> None:
    if array.dtype != dtype:
        raise ArgumentError(
            f"{array.dtype} and {dtype} differ, and nothing is converted: {_short(source)} to {_short(target)}; "
            "use .astype()"
        )
    if array.shape != shape:
        raise ArgumentError(
            f"shapes {array.shape} and {shape} differ, and nothing is repeated: {_short(source)} to {_short(target)}; "
            "reshape or index one of them, or use fill()"
        )


def _short(value: object) -> str:
    return f"an array of {value.dtype}, {value.shape}" if isinstance(value, np.ndarray) else shown(value)
