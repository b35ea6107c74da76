"""Mappings: host access over time, which submissions must not disturb."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import numpy as np

from ingot import _native, _native_host
from ingot._native import lib
from ingot._native_places import place
from ingot.errors import ArgumentError, Unpicklable, shown
from ingot.storage_memory import read_only

if TYPE_CHECKING:
    from types import TracebackType

    import numpy.typing as npt

    from ingot.host import HostAccess

Mode: TypeAlias = Literal["r", "w", "rw"]
"""What is done to a buffer."""

ACCESS: Final = {
    "r": lib.INGOT_ACCESS_READ,
    "w": lib.INGOT_ACCESS_WRITE,
    "rw": lib.INGOT_ACCESS_READ | lib.INGOT_ACCESS_WRITE,
}
"""What ingot.h calls a mode."""


class Mapping(Unpicklable):
    """A buffer that is mapped for the host; `Buffer.mapped` makes it. The `with` statement gives the array.

    The array lives as long as somebody has it; after the mapping was closed, it is memory that nothing protects. A
    mapping may be used from any thread.
    """

    __slots__ = ("_array", "_mapping", "_text")

    def __init__(self, buffer: HostAccess, mode: Mode, *, wait: bool) -> None:
        self._mapping = place("mapping")  # __del__ looks at it, even if the next lines raise
        if not isinstance(mode, str) or mode not in ACCESS:
            raise ArgumentError(f"mode is {shown(mode)}; it can be {', '.join(map(repr, ACCESS))}")
        self._text = f"{mode!r} of {buffer!r}"
        handle = buffer._open()
        try:
            buffer._require(_native_host.map_buffer(self._mapping, handle, ACCESS[mode], wait=bool(wait)))
            array = buffer.numpy()
        except BaseException:
            self.close()
            raise
        self._array = _read_only(array) if mode == "r" else array

    @property
    def array(self) -> npt.NDArray[Any]:
        """The elements."""
        return self._array

    @property
    def is_closed(self) -> bool:
        """Whether submissions may use the bytes again."""
        return bool(self._mapping[0] == _native.NULL)

    def close(self) -> None:
        """Lets submissions use the bytes again. Twice is once."""
        lib.drop_mapping(self._mapping)

    def __enter__(self) -> npt.NDArray[Any]:
        return self._array

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if hasattr(self, "_mapping") and not self.is_closed:
            warnings.warn(f"the mapping {self._text} was never closed", ResourceWarning, source=self, stacklevel=2)
            self.close()

    def __repr__(self) -> str:
        return f"<ingot.Mapping {self._text}{', closed' if self.is_closed else ''}>"


def _read_only(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """An array on the same memory that nobody can make writable again."""
    return read_only(array.reshape(-1).view(np.uint8)).view(array.dtype).reshape(array.shape)
