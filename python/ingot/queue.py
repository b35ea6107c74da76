"""Command queues: where encoders are committed to."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, cast

from ingot import _native, _native_notify
from ingot import _native_queues as border
from ingot._native import lib
from ingot.encoder import CommandEncoder
from ingot.errors import ArgumentError, Unpicklable, shown
from ingot.event import Event
from ingot.session import EncoderSession
from ingot.weak import cached

if TYPE_CHECKING:
    import weakref

    from ingot.device import Device
    from ingot.encoder import Ordering


class Queue(Unpicklable):
    """A command queue (`MTLCommandQueue`): what is committed to it starts in that order, and beside other queues' work.

    A device has one already, and that is enough for most programs; `Device.queue` makes more. Metal orders the work of
    one queue where it uses the same memory. **Nothing orders the work of two queues but events**, whatever memory it
    uses, imported memory too: see `Event`. Each queue has command buffers of its own, of which 63 can be unfinished. A
    queue that is dropped takes nothing down: its work goes on. It may be used from any thread.

    Example:
        uploads = device.queue("uploads")
        with uploads.encoder() as encoder:
            ...
    """

    __slots__ = ("__weakref__", "_device", "_handle", "_label")

    def __init__(self, device: Device, label: str | None) -> None:
        self._handle = border.create_queue(device._handle, label)
        self._device = device
        self._label = label

    @classmethod
    def _of_device(cls, device: Device) -> Queue:
        queue = cls.__new__(cls)
        queue._handle, queue._device, queue._label = border.own_queue(device._handle), device, None
        return queue

    @property
    def device(self) -> Device:
        """The device it is of."""
        return self._device

    @property
    def label(self) -> str | None:
        """Its name in Metal's tools; None for the device's own."""
        return self._label

    def encoder(
        self, label: str | None = None, ordering: Ordering = "automatic", *, profile: bool = False
    ) -> CommandEncoder:
        """Starts an encoder that is committed to this queue; see `Device.encoder`."""
        return CommandEncoder(self._device, label, ordering, self, profile=profile)

    def session(self, label: str | None = None) -> EncoderSession:
        """Starts a session, whose stages are committed to this queue."""
        return EncoderSession(self, label)

    def synchronize(self, timeout: float | None = None) -> None:
        """Blocks until everything that was committed to it is done, or for `timeout` seconds.

        Raises as `Device.synchronize`, which waits for all queues.
        """
        _native.check(_native.wait(self._handle, timeout, lib.ingot_queue_synchronize))

    @property
    def slot_timeout(self) -> float:
        """Seconds that an encoder of it waits for a command buffer, 60 at first: see `Device.slot_timeout`."""
        nanoseconds = _native_notify.slot_timeout(self._handle)
        return math.inf if nanoseconds == _native.FOREVER else nanoseconds / 1e9

    @slot_timeout.setter
    def slot_timeout(self, seconds: float) -> None:
        number = _native.number(seconds)
        if not number >= 0:
            raise ArgumentError(f"a slot timeout of {shown(seconds)} seconds; it is 0 or more, or math.inf")
        _native_notify.set_slot_timeout(self._handle, _native.nanoseconds(number))

    def __repr__(self) -> str:
        label = "" if self._label is None else f" {self._label!r}"
        return f"<ingot.Queue{label} of {self._device.name!r}>"


class HasQueues:
    """The queues of a `Device`, and what orders them."""

    __slots__ = ()

    if TYPE_CHECKING:  # by Device
        _handle: _native.Handle
        _queue: weakref.ref[Queue] | None

    def queue(self, label: str | None = None) -> Queue:
        """Makes another command queue (`makeCommandQueue`), whose work runs beside that of the others.

        Example:
            uploads = device.queue("uploads")
        """
        return Queue(cast("Device", self), label)

    @property
    def default_queue(self) -> Queue:
        """Its own queue, which `encoder` is for."""
        return cached(self, "_queue", lambda: Queue._of_device(cast("Device", self)))

    def event(self, label: str | None = None) -> Event:
        """Makes an event (`makeSharedEvent`), which begins with 0: see `Event`."""
        return Event(cast("Device", self), label)

    def session(self, label: str | None = None) -> EncoderSession:
        """Starts a session on its own queue: work in stages, see `EncoderSession`."""
        return self.default_queue.session(label)
