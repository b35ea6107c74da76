"""The border for residency: a part of `_native`, which has the rules."""

from collections.abc import Sequence

from ingot._ingot import ffi
from ingot._native import Handle, Struct, check, lib, optional, struct
from ingot._native_places import place, taken


def settings(device: Handle) -> Struct:
    """The `ingot_residency_settings`."""
    return struct("residency_settings", lib.ingot_device_get_residency, device)


def set_settings(device: Handle, changed: Struct) -> None:
    """Changes the budget and the time."""
    check(lib.ingot_device_set_residency(device, changed))


def create_set(device: Handle, label: str | None) -> Handle:
    """A residency set."""
    made = place("residency_set")
    check(lib.ingot_residency_set_create(device, optional(label, "the label"), made))
    return taken(made, lib.ingot_residency_set_release)


def add(residency_set: Handle, buffers: Sequence[Handle]) -> None:
    """Stages the memory of buffers."""
    check(lib.ingot_residency_set_add(residency_set, buffers, len(buffers)))


def remove(residency_set: Handle, buffers: Sequence[Handle]) -> None:
    """Stages its removal."""
    check(lib.ingot_residency_set_remove(residency_set, buffers, len(buffers)))


def clear(residency_set: Handle) -> None:
    """Stages the removal of everything."""
    check(lib.ingot_residency_set_clear(residency_set))


def commit(residency_set: Handle) -> None:
    """Applies what is staged."""
    check(lib.ingot_residency_set_commit(residency_set))


def request(residency_set: Handle) -> None:
    """Requests residency."""
    check(lib.ingot_residency_set_request(residency_set))


def end(residency_set: Handle) -> None:
    """Takes the request back."""
    check(lib.ingot_residency_set_end(residency_set))


def contains(residency_set: Handle, buffer: Handle) -> bool:
    """Whether the memory of a buffer is in it."""
    contained = ffi.new("uint8_t *")
    check(lib.ingot_residency_set_contains(residency_set, buffer, contained))
    return bool(contained[0])


def set_info(residency_set: Handle) -> Struct:
    """The `ingot_residency_set_info`."""
    return struct("residency_set_info", lib.ingot_residency_set_get_info, residency_set)
