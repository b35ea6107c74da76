"""The border, as far as event loops and threads are told of submissions that are done."""

from typing import Final

from ingot._ingot import ffi
from ingot._native import SLICE, Handle, check, lib
from ingot._native_places import place, taken

_BATCH: Final = 256


def create_notifier() -> tuple[Handle, int]:
    """A notifier, and the file descriptor that can be read while it has tokens."""
    notifier, descriptor = place("notifier"), ffi.new("int32_t *")
    check(lib.ingot_notifier_create(notifier, descriptor))
    return taken(notifier, lib.ingot_notifier_release), int(descriptor[0])


def take(notifier: Handle) -> list[int]:
    """Takes tokens of what is done; the descriptor can still be read if there are more."""
    tokens, count = ffi.new("uint64_t[]", _BATCH), ffi.new("uint64_t *")
    check(lib.ingot_notifier_take(notifier, tokens, _BATCH, count))
    return ffi.unpack(tokens, count[0])  # type: ignore[no-any-return]


def number(handle: Handle) -> int:
    """A number that no other handle of the process ever has."""
    return int(ffi.cast("uintptr_t", handle))


def notify(submission: Handle, notifier: Handle, token: int) -> None:
    """Has the token come when the submission is done, at once if it is."""
    check(lib.ingot_submission_notify(submission, notifier, token))


def begin(encoder: Handle, notifier: Handle, token: int) -> bool:
    """Whether the encoder has its command buffer now; if not, the token comes when it is time to ask again."""
    has_begun = ffi.new("uint8_t *")
    check(lib.ingot_encoder_begin(encoder, notifier, token, has_begun))
    return bool(has_begun[0])


def wait_to_begin(encoder: Handle) -> int:
    """Waits until the encoder has its command buffer; returns the status. Ctrl-C interrupts it within 100 ms."""
    has_begun, status = ffi.new("uint8_t *"), lib.INGOT_OK
    while not status and not has_begun[0]:
        status = lib.ingot_encoder_wait_to_begin(encoder, SLICE, has_begun)
    return int(status)


def slot_timeout(queue: Handle) -> int:
    """Nanoseconds that an encoder waits for a command buffer."""
    nanoseconds = ffi.new("uint64_t *")
    check(lib.ingot_queue_get_slot_timeout(queue, nanoseconds))
    return int(nanoseconds[0])


def set_slot_timeout(queue: Handle, nanoseconds: int) -> None:
    """Sets them."""
    check(lib.ingot_queue_set_slot_timeout(queue, nanoseconds))
