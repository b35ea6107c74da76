"""Kernels that are bound ahead: with arguments that are checked once, and dispatched often."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from ingot._native import dispatch_bound, dispatch_bound_along
from ingot._native_bound import Used
from ingot.buffer import Buffer
from ingot.errors import ArgumentError, Unpicklable, shown
from ingot.mapping import ACCESS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ingot import _native
    from ingot.device import Device
    from ingot.grids import Extent
    from ingot.kernel import Kernel
    from ingot.mapping import Mode
    from ingot.submission import Submission

Use: TypeAlias = "tuple[Buffer, Mode]"
"""A buffer that a kernel reaches through a pointer, and what it does to it."""

_PAIR: Final = 2


class BoundKernel(Unpicklable):
    """A kernel with its arguments, which `Kernel.bind` makes. It never changes, and keeps its buffers alive.

    Its arguments were checked when they were bound, so a dispatch of it costs a fraction of one with arguments. It may
    be used from any thread.

    Example:
        bound = saxpy.bind(x, y, a=2.0)
        with device.encoder() as encoder:
            for _ in range(1000):
                encoder.dispatch(bound, grid=x.size)
            encoder.commit_and_wait()
    """

    __slots__ = ("_handle", "_kernel")

    def __init__(self, kernel: Kernel, handle: _native.Handle) -> None:
        self._kernel = kernel
        self._handle = handle

    # What an encoder calls, as of a kernel; None if it is not a call without arguments.

    def _encode_along(
        self, encoder: _native.Handle, threads: int, args: Sequence[object], named: Mapping[str, object]
    ) -> int | None:
        return None if args or named else dispatch_bound_along(encoder, self._handle, threads)

    def _encode_over(
        self, encoder: _native.Handle, extents: tuple[int, ...], args: Sequence[object], named: Mapping[str, object]
    ) -> int | None:
        return None if args or named else dispatch_bound(encoder, self._handle, *extents)

    @property
    def kernel(self) -> Kernel:
        """The kernel that is bound."""
        return self._kernel

    @property
    def device(self) -> Device:
        """The device it was compiled for."""
        return self._kernel.device

    def __call__(
        self, *, grid: Extent | None = None, groups: Extent | None = None, group: Extent | None = None
    ) -> Submission:
        """Encodes, commits and waits in one, as calling a kernel does; returns what it waited for."""
        with self.device.encoder(self._kernel.name) as encoder:
            encoder.dispatch(self, grid=grid, groups=groups, group=group)
            return encoder.commit_and_wait()

    def __repr__(self) -> str:
        return f"<ingot.BoundKernel {self._kernel.label}>"


def opened(buffer: Buffer) -> _native.Handle:
    """The handle of what must be a buffer."""
    if not isinstance(buffer, Buffer):
        raise ArgumentError(f"{shown(buffer)} is no ingot.Buffer; device.array() makes one of an array")
    return buffer._open()


def used(uses: Iterable[Use] | None) -> Used:
    """What C takes for `uses`."""
    try:
        pairs = [] if uses is None else [tuple(use) for use in uses]
    except TypeError:
        raise _refusal(uses) from None
    handles, accesses = [], []
    for pair in pairs:
        buffer, access = pair if len(pair) == _PAIR else (None, None)
        if not isinstance(buffer, Buffer) or not isinstance(access, str) or access not in ACCESS:
            raise _refusal(pair)
        handles.append(buffer._open())
        accesses.append(ACCESS[access])
    return Used(handles, accesses)


def _refusal(given: object) -> ArgumentError:
    return ArgumentError(f"{shown(given)} in uses; it is a list of (buffer, 'r'), (buffer, 'w') or (buffer, 'rw')")
