"""Submissions: work that was committed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, cast

from ingot import _native, callbacks
from ingot._native import lib
from ingot._native_owners import owners, release_owners
from ingot._native_profile import DispatchTime as DispatchTime  # noqa: PLC0414, what submissions give is theirs
from ingot._native_profile import dispatch_times, profile_method
from ingot.errors import (
    ArgumentError,
    CommandBufferError,
    StateError,
    Unpicklable,
    WaitTimeoutError,
    shown,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from ingot.device import Device

_FAILED = lib.INGOT_ERROR_COMMAND_BUFFER
_TIMEOUT = lib.INGOT_ERROR_TIMEOUT


class Submission(Unpicklable):
    """Work that was committed (`MTLCommandBuffer`). It runs whether or not anybody waits, or keeps this object.

    It may be used, and waited for, from any thread.

    Example:
        submission = encoder.commit()
        submission.wait()
        print(f"{submission.gpu_time * 1e3:.2f} ms")
    """

    __slots__ = ("_device", "_handle", "_label", "_place")

    def __init__(self, place: _native.Handle, device: Device, label: str | None) -> None:
        self._place = place
        self._handle = place[0]
        self._device = device
        self._label = label

    @property
    def device(self) -> Device:
        """The device it runs on."""
        return self._device

    @property
    def label(self) -> str | None:
        """The label of its encoder."""
        return self._label

    def wait(self, timeout: float | None = None) -> None:
        """Blocks until the work is done, or for `timeout` seconds. Other threads run meanwhile; Ctrl-C interrupts it.

        Raises `CommandBufferError` if the GPU failed, which leaves the device usable, and `WaitTimeoutError` when the
        time is over; the work goes on then, and can be waited for again.
        """
        status = _native.wait(self._handle, timeout)
        if status == _TIMEOUT:
            message = f"{self._name} was not done after {timeout} s; it goes on, wait again"
            raise WaitTimeoutError(message)
        if status:
            raise _native.failure(status)
        if owners:
            release_owners()

    def __await__(self) -> Generator[Any, None, Self]:
        """Waits as `wait` in asyncio, where other tasks run meanwhile; no thread waits for it. Gives the submission.

        If the task is cancelled, as by `asyncio.wait_for` when the time is over, the work goes on, and can be awaited
        again.

        Example:
            submission = await encoder.commit()
            await asyncio.wait_for(other, timeout=10)
        """
        if not self.done():
            from ingot import loops  # noqa: PLC0415, asyncio is there by now and need not be before

            yield from loops.done(self._handle).__await__()
        self.wait(0)
        return self

    def add_done_callback(self, callback: Callable[[Submission], object]) -> None:
        """Has `callback(submission)` called once the work is done, or has failed; soon if it is.

        Callbacks run one after another on a thread of Ingot's, in the order in which the work ended: a slow one delays
        the others. What one raises goes to `threading.excepthook`. Those whose turn has not come when the interpreter
        exits are not called.

        Example:
            submission.add_done_callback(lambda done: queue.put(done.error or done.gpu_time))
        """
        if not callable(callback):
            message = f"{shown(callback)} cannot be called; a callback takes the submission"
            raise ArgumentError(message)
        callbacks.call_when_done(callback, self)

    def done(self) -> bool:
        """Whether the work is done, or has failed. Does not block."""
        return bool(_native.submission_info(self._handle).is_done)

    @property
    def error(self) -> CommandBufferError | None:
        """Why the GPU failed; None if it did not. Raises `StateError` before the work is done."""
        if not self._info("whether it failed").is_failed:
            return None
        return cast("CommandBufferError", _native.failure(_native.wait(self._handle, 0)))

    @property
    def gpu_time(self) -> float:
        """Seconds that the GPU worked on it (`gpuEndTime - gpuStartTime`). Raises `StateError` before it is done."""
        info = self._info("its GPU time")
        return float(info.gpu_end - info.gpu_start)

    @property
    def host_time(self) -> float:
        """Seconds from the commit until the host was told of the end. Raises `StateError` before it is done."""
        return float(self._info("its time").host_time)

    @property
    def gpu_start(self) -> float:
        """When the GPU began, in seconds on the host's clock. Raises `StateError` before it is done."""
        return float(self._info("its start").gpu_start)

    @property
    def gpu_end(self) -> float:
        """When the GPU ended, in seconds on the host's clock. Raises `StateError` before it is done."""
        return float(self._info("its end").gpu_end)

    @property
    def dispatches(self) -> int:
        """How many dispatches it has."""
        return int(_native.submission_info(self._handle).dispatches)

    @property
    def barriers(self) -> int:
        """How many barriers there are between them, Ingot's and those of `CommandEncoder.barrier`."""
        return int(_native.submission_info(self._handle).barriers)

    @property
    def barriers_spared(self) -> int:
        """How many dispatches were checked for conflicts with what came before, and needed no barrier."""
        return int(_native.submission_info(self._handle).barriers_spared)

    @property
    def dispatch_times(self) -> list[DispatchTime]:
        """When the GPU ran each dispatch, if the encoder was made with `profile=True`; in the order of encoding.

        Empty if not, and where there are no times: `profile_method` says why. Raises `StateError` before it is done.

        Example:
            for time in submission.dispatch_times:
                print(time.kernel, time.duration)
        """
        self._info("its dispatches' times")
        return dispatch_times(self._handle)

    @property
    def profile_method(self) -> str | None:
        """How `dispatch_times` were taken, or `"none: "` and why there are none; None without `profile=True`.

        Raises `StateError` before the work is done.
        """
        self._info("how its dispatches were timed")
        return profile_method(self._handle)

    def __repr__(self) -> str:
        info = _native.submission_info(self._handle)
        state = "failed" if info.is_failed else "done" if info.is_done else "unfinished"
        label = "" if self._label is None else f" {self._label!r}"
        return f"<ingot.Submission{label}, {info.dispatches} dispatches, {state}>"

    @property
    def _name(self) -> str:
        return "the submission" if self._label is None else f"the submission {self._label!r}"

    def _info(self, what: str) -> _native.Struct:
        info = _native.submission_info(self._handle)
        if not info.is_done:
            message = f"{self._name} is not done: wait() before you ask for {what}"
            raise StateError(message)
        return info
