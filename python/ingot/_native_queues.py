"""The border for queues, events and sessions: a part of `_native`, which has the rules."""

from collections.abc import Callable

from ingot._ingot import ffi
from ingot._native import Handle, Struct, check, lib, optional, owners, release_owners, struct


def create_queue(device: Handle, label: str | None) -> Handle:
    """Another queue."""
    return _made("queue", lib.ingot_queue_create, device, optional(label, "the label"))


def own_queue(device: Handle) -> Handle:
    """The device's own queue."""
    return _made("queue", lib.ingot_device_get_queue, device)


def create_event(device: Handle, label: str | None) -> Handle:
    """An event."""
    return _made("event", lib.ingot_event_create, device, optional(label, "the label"))


def event_value(event: Handle) -> int:
    """What it has reached."""
    value = ffi.new("uint64_t *")
    check(lib.ingot_event_get_value(event, value))
    return int(value[0])


def event_wait(event: Handle, value: int) -> Callable[[Handle, int], int]:
    """What `_native.wait` calls."""
    return lambda _, timeout: int(lib.ingot_event_wait(event, value, timeout))


def create_session(queue: Handle, label: str | None) -> Handle:
    """A session on a queue."""
    return _made("session", lib.ingot_session_create, queue, optional(label, "the label"))


def begin_stage(session: Handle, label: str | None) -> Handle:
    """The encoder of a new stage, which the caller releases."""
    encoder = ffi.new("ingot_encoder *")
    check(lib.ingot_session_begin_stage(session, optional(label, "the label"), encoder))
    return encoder[0]


def stage_encoder(session: Handle) -> Handle:
    """The encoder of the stage that is open, which the caller releases."""
    encoder = ffi.new("ingot_encoder *")
    check(lib.ingot_session_get_encoder(session, encoder))
    return encoder[0]


def end_stage(end: Callable[[Handle, Handle], int], session: Handle) -> Handle:
    """Commits a stage by one of the functions that do."""
    submission = _made("submission", end, session)
    if owners:
        release_owners()
    return submission


def session_event(session: Handle) -> Handle | None:
    """What fences signal; None before the first one."""
    event = ffi.new("ingot_event *")
    check(lib.ingot_session_get_event(session, event))
    return None if event[0] == ffi.NULL else ffi.gc(event[0], lib.ingot_event_release)


def session_info(session: Handle) -> Struct:
    """The `ingot_session_info`."""
    return struct("session_info", lib.ingot_session_get_info, session)


def _made(kind: str, function: Callable[..., int], *arguments: Handle) -> Handle:
    """The handle that a call makes."""
    made = ffi.new(f"ingot_{kind} *")
    check(function(*arguments, made))
    return ffi.gc(made[0], getattr(lib, f"ingot_{kind}_release"))
