"""Profiles: what Ingot does on the host and on the GPU, and for how long."""

from __future__ import annotations

import operator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self, SupportsIndex

from ingot import _native_profile as native
from ingot._native import check, lib
from ingot._native_profile import ProfileGroup
from ingot.device import Device
from ingot.errors import ArgumentError, Unpicklable, shown

if TYPE_CHECKING:
    import os
    from types import TracebackType
    from typing import TextIO

_LIMIT: Final = lib.INGOT_PROFILE_LIMIT
_LARGEST: Final = (1 << 63) - 1

__all__ = ["Profile", "ProfileGroup", "profile"]


class Profile(Unpicklable):
    """Records what Ingot does while a `with` block runs, in all threads; `ingot.profile` makes it.

    It records encoders from their first dispatch to their commit, commits, waits, compilations, pipelines and
    submissions on the GPU; dispatches of encoders made with `profile=True`, too. What began before the block, or ends
    after it, is left out: wait for submissions within. It can be entered again, and goes on then; `reset()` forgets.
    Several profiles may record at a time, each for itself. It may be used from any thread.

    Example:
        with ingot.profile("trace.json") as profile:
            work()
        print(profile.table())
    """

    __slots__ = ("_file", "_handle", "_path")

    def __init__(
        self, path: str | os.PathLike[str] | None = None, *, device: Device | None = None, limit: SupportsIndex = _LIMIT
    ) -> None:
        if device is not None and not isinstance(device, Device):
            raise ArgumentError(f"device is {shown(device)}; give an ingot.Device, or None for all")
        self._path = None if path is None else _path(path)
        self._file: TextIO | None = None
        self._handle = native.create_profile(None if device is None else device._handle, _limit(limit))

    def __enter__(self) -> Self:
        """Begins to record. Raises `StateError` if it does already, and `OSError` if the file cannot be written."""
        with ExitStack() as stack:
            # Now, and not after the work.
            file = None if self._path is None else stack.enter_context(self._path.open("w", encoding="utf-8"))
            check(lib.ingot_profile_start(self._handle))
            stack.pop_all()
        self._file = file
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Ends recording, and writes the trace if there is a path, also after an exception."""
        check(lib.ingot_profile_stop(self._handle))
        file, self._file = self._file, None
        if file is not None:
            with file:
                file.write(self.trace())

    @property
    def is_recording(self) -> bool:
        """Whether its block runs."""
        return bool(native.profile_info(self._handle).is_recording)

    @property
    def events(self) -> int:
        """How many events there are."""
        return int(native.profile_info(self._handle).events)

    @property
    def dropped(self) -> int:
        """How many more came when there were as many as it keeps."""
        return int(native.profile_info(self._handle).dropped)

    @property
    def groups(self) -> list[ProfileGroup]:
        """The events by kind and name, in the order in which they were seen."""
        return native.profile_groups(self._handle)

    def table(self) -> str:
        """The groups as a text, those that took longest first; times are in milliseconds."""
        return native.profile_table(self._handle)

    def trace(self) -> str:
        """The events as JSON for https://ui.perfetto.dev and Chrome's `about:tracing`: host and GPU on one clock."""
        return native.profile_trace(self._handle)

    def reset(self) -> None:
        """Forgets what was recorded."""
        check(lib.ingot_profile_reset(self._handle))

    def __repr__(self) -> str:
        info = native.profile_info(self._handle)
        return f"<ingot.Profile, {info.events} events{', recording' if info.is_recording else ''}>"


def profile(
    path: str | os.PathLike[str] | None = None, *, device: Device | None = None, limit: SupportsIndex = _LIMIT
) -> Profile:
    """A profile, which records while its `with` block runs.

    Args:
        path: Where the trace is written at the end of the block, as JSON for https://ui.perfetto.dev and Chrome. What
            is there is replaced when the block begins.
        device: Only what is done for this device is recorded; by default for all.
        limit: How many events are kept; later ones are counted.

    Raises:
        ArgumentError: A limit below 1, or what is no path or no device.

    Example:
        with ingot.profile() as profile:
            work()
        print(profile.table())
    """
    return Profile(path, device=device, limit=limit)


def _path(path: str | os.PathLike[str]) -> Path:
    try:
        found = Path(path)
    except TypeError:
        raise ArgumentError(f"the path is {shown(path)}; give a str or a pathlib.Path") from None
    if "\0" in str(found):
        raise ArgumentError(f"the path is {shown(path)}; a file's name has no NUL")
    return found


def _limit(limit: SupportsIndex) -> int:
    try:
        number = operator.index(limit)
    except TypeError:
        raise ArgumentError(f"limit is {shown(limit)}; it is a whole number of events") from None
    if not 1 <= number <= _LARGEST:
        raise ArgumentError(f"limit is {shown(limit)}; a profile keeps 1 event or more")
    return number
