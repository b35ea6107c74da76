"""GPU captures: documents for Xcode of what the GPU did."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ingot import _native_profile as native
from ingot.device import Device
from ingot.errors import ArgumentError, shown

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def capture(path: str | os.PathLike[str], device: Device | None = None) -> Iterator[None]:
    """Records what a device does while a `with` block runs into a document for Xcode (`MTLCaptureManager`).

    Wait for submissions within the block. The capture ends with it, also by an exception.

    Args:
        path: A new `.gputrace`; nothing is replaced.
        device: Whose work is recorded; the default device's if it is not given.

    Raises:
        ArgumentError: The path does not end in `.gputrace`, or something is there.
        StateError: A capture is under way in the process, or there can be none: on Linux, and on a Mac if the process
            was started without `MTL_CAPTURE_ENABLED=1` in its environment (older systems: `METAL_CAPTURE_ENABLED=1`).

    Example:
        with ingot.capture("saxpy.gputrace"):
            encoder.commit_and_wait()
    """
    if not isinstance(path, str | os.PathLike):
        raise ArgumentError(f"the path is {shown(path)}; give a str or a pathlib.Path")
    if device is not None and not isinstance(device, Device):
        raise ArgumentError(f"device is {shown(device)}; give an ingot.Device, or None for the default one")
    handle = (Device() if device is None else device)._handle
    native.start_capture(handle, os.fspath(path))
    try:
        yield
    finally:
        native.stop_capture(handle)
