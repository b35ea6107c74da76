"""Events: numbers that queues and the host wait for."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Final, SupportsIndex

from ingot import _native
from ingot import _native_queues as border
from ingot._native import lib
from ingot.errors import ArgumentError, Unpicklable, shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from ingot.device import Device

_MOST: Final = (1 << 64) - 1


class Event(Unpicklable):
    """A number that only grows, and that queues and the host wait for (`MTLSharedEvent`); `Device.event` makes it.

    It orders the work of different queues, which nothing else does, and the GPU after the host. It begins with 0. A
    wait is over as soon as the value is at least what is waited for. When the last thing of an encoder is a signal, its
    buffers can be read and written on the host once the value is reached; after one in the middle only when its
    submission is done. It may be used from any thread, and is kept by the encoders and submissions that use it.

    Example:
        loaded = device.event("loaded")
        with uploads.encoder() as encoder:
            encoder.copy(staged, x)
            encoder.signal(loaded, 1)
            encoder.commit()
        with device.encoder() as encoder:
            encoder.wait(loaded, 1)
            encoder.dispatch(kernel, x, grid=x.size)
            encoder.commit()
        loaded.wait(1)
    """

    __slots__ = ("_device", "_handle", "_label")

    def __init__(self, device: Device, label: str | None) -> None:
        self._handle = border.create_event(device._handle, label)
        self._device = device
        self._label = label

    @classmethod
    def _of(cls, handle: _native.Handle, device: Device, label: str | None) -> Event:
        event = cls.__new__(cls)
        event._handle, event._device, event._label = handle, device, label
        return event

    @property
    def device(self) -> Device:
        """The device it is of."""
        return self._device

    @property
    def label(self) -> str | None:
        """What errors and Metal's tools call it."""
        return self._label

    @property
    def value(self) -> int:
        """The value that it has reached (`signaledValue`)."""
        return border.event_value(self._handle)

    def signal(self, value: SupportsIndex) -> None:
        """Lets it reach `value` now, on the host; one that is not above the present one is ignored, as Metal does."""
        _native.check(lib.ingot_event_signal(self._handle, _checked(value)))

    def wait(self, value: SupportsIndex, timeout: float | None = None) -> None:
        """Blocks until it has reached `value`, or for `timeout` seconds; 0 only looks.

        Other threads run meanwhile; Ctrl-C interrupts it.

        Raises:
            WaitTimeoutError: The time is over.
            CommandBufferError: Only the failure of a submission, which was to signal it, has let it reach the value.
        """
        wait = border.event_wait(self._handle, _checked(value))
        _native.check(_native.wait(self._handle, timeout, wait))

    def __repr__(self) -> str:
        label = "" if self._label is None else f" {self._label!r}"
        return f"<ingot.Event{label}, {self.value}>"


class EncodesEvents:
    """Waits and signals between the dispatches of a `CommandEncoder`."""

    __slots__ = ()

    if TYPE_CHECKING:  # by CommandEncoder

        def _call(self, function: Callable[..., int], *arguments: object) -> None: ...

    def wait(self, event: Event, value: SupportsIndex) -> None:
        """Makes all that is encoded after this wait until an event has reached `value` (`encodeWaitForEvent`).

        It may be encoded, and committed, before anybody signals the value. While it waits its queue starts nothing that
        was committed later, so the signal has to come from before, from another queue, or from the host; if it never
        comes the submission is not done before macOS gives it up. What is encoded before and after it may use the same
        memory, and is in order.

        Raises:
            ArgumentError: The event is another device's, or cannot have the value.
            StateError: The encoder was committed or discarded.
        """
        self._call(lib.ingot_encoder_wait_event, _opened(event), _checked(value))

    def signal(self, event: Event, value: SupportsIndex) -> None:
        """Lets an event reach `value` when all is done that was encoded before this (`encodeSignalEvent`).

        A value that is not above the one it has reached is ignored. If the submission fails, the event reaches it all
        the same, so that nobody waits for ever: `Event.wait` raises the error, and work on the GPU goes on, with memory
        whose contents are undefined. An encoder that is discarded or dropped signals nothing. Raises as `wait`.
        """
        self._call(lib.ingot_encoder_signal_event, _opened(event), _checked(value))


def _checked(value: SupportsIndex) -> int:
    """A value that an event can have."""
    try:
        number = operator.index(value)
    except TypeError:
        number = -1
    if not 0 <= number <= _MOST:
        raise ArgumentError(f"the value of an event is {shown(value)}; it is a whole number, 0 to 2**64 - 1")
    return number


def _opened(event: Event) -> _native.Handle:
    """What ingot.h knows it by."""
    if not isinstance(event, Event):
        raise ArgumentError(f"{shown(event)} is no ingot.Event; device.event() makes one")
    return event._handle
