"""The border for queues, events and sessions: a part of `_native`, which has the rules."""

from collections.abc import Callable

from ingot._ingot import ffi
from ingot._native import NULL, Handle, Struct, check, lib, optional, struct
from ingot._native_owners import owners, release_owners
from ingot._native_places import place, taken


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
    """The place of the encoder of a new stage."""
    encoder = place("encoder")
    check(lib.ingot_session_begin_stage(session, optional(label, "the label"), encoder))
    return encoder


def stage_encoder(session: Handle) -> Handle:
    """The place of the encoder of the stage that is open."""
    encoder = place("encoder")
    check(lib.ingot_session_get_encoder(session, encoder))
    return encoder


def end_stage(end: Callable[[Handle, Handle], int], session: Handle) -> Handle:
    """Commits a stage by one of the functions that do; returns the place of the submission."""
    submission = place("submission")
    check(end(session, submission))
    if owners:
        release_owners()
    return submission


def session_event(session: Handle) -> Handle | None:
    """What fences signal; None before the first one."""
    event = _made("event", lib.ingot_session_get_event, session)
    return None if event == NULL else event


def session_info(session: Handle) -> Struct:
    """The `ingot_session_info`."""
    return struct("session_info", lib.ingot_session_get_info, session)


def _made(kind: str, function: Callable[..., int], *arguments: Handle) -> Handle:
    """The handle that a call makes."""
    made = place(kind)
    check(function(*arguments, made))
    return taken(made, getattr(lib, f"ingot_{kind}_release"))
