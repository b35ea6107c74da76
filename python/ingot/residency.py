"""Residency: memory that is kept wired, so that the GPU finds it without a wait."""

from __future__ import annotations

import math
import operator
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

from ingot import _native
from ingot import _native_residency as border
from ingot.buffer import Buffer
from ingot.errors import ArgumentError, ClosedError, Unpicklable, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ingot._native import Handle
    from ingot.device import Device


class ResidencySet(Unpicklable):
    """Memory that you keep resident (`MTLResidencySet`), besides what the device keeps by itself.

    Made by `Device.residency_set`, and attached to the device's queues until it is closed or dropped. Changes are
    staged until `commit()`; `len` and `in` see them at once, `allocated_bytes` after the commit. It holds whole
    allocations: of a buffer from a pool that is the memory around it as well. What is in it stays allocated, whatever
    becomes of the buffer, until it is removed and that is committed. It may be used from any thread.

    Example:
        weights = device.residency_set(label="weights")
        weights.add(*layers)
        with weights.resident():
            ...
    """

    __slots__ = ("_device", "_handle", "_label")

    def __init__(self, device: Device, label: str | None) -> None:
        self._handle: Handle | None = border.create_set(device._handle, label)
        self._device = device
        self._label = label

    @property
    def device(self) -> Device:
        """The device it is of."""
        return self._device

    @property
    def label(self) -> str | None:
        """Its name in Metal's tools."""
        return self._label

    def add(self, *buffers: Buffer) -> None:
        """Stages the memory of buffers (`addAllocations`): all, or after an error none. What is in it already stays.

        Raises:
            ArgumentError: A buffer is another device's, or the set would hold more than 131,072 allocations.
            ClosedError: A buffer was closed.
        """
        border.add(self._open(), _handles(buffers))

    def remove(self, *buffers: Buffer) -> None:
        """Stages the removal of what was added of the buffers' memory (`removeAllocations`), if it was.

        All windows of one memory are one. An allocation that several of these share, as a pool's slab, goes when the
        last of them that was added is removed.
        """
        border.remove(self._open(), _handles(buffers))

    def clear(self) -> None:
        """Stages the removal of everything (`removeAllAllocations`)."""
        border.clear(self._open())

    def commit(self) -> None:
        """Applies what is staged."""
        border.commit(self._open())

    def request(self) -> None:
        """Has what was committed made resident now (`requestResidency`), and kept so until `end()`.

        Without it that happens with the next submission. It is requested again while the device is idle, for as long as
        `Device.keep_alive` says.
        """
        border.request(self._open())

    def end(self) -> None:
        """Takes the request back (`endResidency`)."""
        border.end(self._open())

    @contextmanager
    def resident(self) -> Iterator[ResidencySet]:
        """Commits and requests; at the end of the `with` block it ends."""
        self.commit()
        self.request()
        try:
            yield self
        finally:
            if self._handle is not None:
                self.end()

    @property
    def allocated_bytes(self) -> int:
        """Bytes of its allocations as of the last commit (`allocatedSize`)."""
        return int(border.set_info(self._open()).allocated_bytes)

    def __len__(self) -> int:
        """Allocations in it, with what is staged (`allocationCount`)."""
        return int(border.set_info(self._open()).count)

    def __contains__(self, buffer: object) -> bool:
        """Whether the memory of a buffer is in it, with what is staged (`containsAllocation`)."""
        return isinstance(buffer, Buffer) and border.contains(self._open(), buffer._open())

    def __bool__(self) -> bool:
        return True

    def close(self) -> None:
        """Takes it off the queue, and lets go of what is in it. Twice is once."""
        self._handle = None

    def __repr__(self) -> str:
        label = "" if self._label is None else f" {self._label!r}"
        if self._handle is None:
            return f"<ingot.ResidencySet{label}, closed>"
        info = border.set_info(self._handle)
        return f"<ingot.ResidencySet{label}, {info.count} allocations, {info.allocated_bytes} bytes>"

    def _open(self) -> Handle:
        handle = self._handle
        if handle is None:
            raise ClosedError(f"{self!r} was closed")
        return handle


def _handles(buffers: tuple[Buffer, ...]) -> list[Handle]:
    for buffer in buffers:
        if not isinstance(buffer, Buffer):
            raise ArgumentError(f"{shown(buffer)} is no ingot.Buffer; a residency set holds the memory of buffers")
    return [buffer._open() for buffer in buffers]


class KeepsResident:
    """What a `Device` keeps resident by itself."""

    __slots__ = ()

    if TYPE_CHECKING:  # by Device
        _handle: Handle

    def residency_set(self, label: str | None = None) -> ResidencySet:
        """Makes a set of memory that you keep resident (`makeResidencySet`).

        Raises:
            StateError: The queue has 31 sets, which is what Metal takes; those of the device's own count.

        Example:
            with device.residency_set(label="weights").resident():
                ...
        """
        return ResidencySet(cast("Device", self), label)

    @property
    def residency_budget(self) -> int:
        """Bytes that the device keeps wired by itself; 0 without residency sets.

        At first the smaller of 75 % of the working set and what leaves 8 GiB and 35 % of the memory to the system.
        Memory beyond it works as well, but the system may page it: then it is wired with the next submission after
        something else has gone, the longest waiting first. When the budget is lowered what came last leaves first.
        It can be set from 0 to the working set; otherwise `ArgumentError`.
        """
        return int(border.settings(self._handle).budget)

    @residency_budget.setter
    def residency_budget(self, nbytes: int) -> None:
        settings = border.settings(self._handle)
        try:
            settings.budget = operator.index(nbytes)
        except (TypeError, OverflowError):
            message = (
                f"a residency budget of {shown(nbytes)}; it is a whole number of bytes, 0 to {settings.budget_limit}"
            )
            raise ArgumentError(message) from None
        border.set_settings(self._handle, settings)

    @property
    def keep_alive(self) -> float:
        """Seconds for which memory is kept wired after the last submission; 180 at first, 0 for never.

        macOS unwires what was idle for about a second, and wiring it again delays the next submission. So residency is
        requested anew every 400 ms, by a timer that runs only while no submission is under way. `math.inf` is for ever.
        """
        nanoseconds = border.settings(self._handle).keep_alive
        return math.inf if nanoseconds == _native.FOREVER else nanoseconds / 1e9

    @keep_alive.setter
    def keep_alive(self, seconds: float) -> None:
        number = _native.number(seconds)
        if not number >= 0:
            raise ArgumentError(f"{shown(seconds)} seconds to keep memory alive; it is 0 or more, or math.inf")
        settings = border.settings(self._handle)
        settings.keep_alive = _native.nanoseconds(number)
        border.set_settings(self._handle, settings)
