"""Calls of ingot.h that are about queues, events and sessions."""

from fuzz_choices import LABEL, Choice, handle, mostly, number, plain, result, struct

CALLS: dict[str, tuple[Choice, ...]] = {
    "ingot_encoder_discard": (handle("encoder"),),
    "ingot_encoder_wait_event": (handle("encoder"), handle("event"), number(0, 0, 1, 2)),
    "ingot_encoder_signal_event": (handle("encoder"), handle("event"), number(0, 1, 2)),
    "ingot_device_get_queue": (handle("device"), result("ingot_queue")),
    "ingot_queue_create": (handle("device"), LABEL, result("ingot_queue")),
    "ingot_queue_create_encoder": (handle("queue"), LABEL, number(0, 1, 2, bits=32), result("ingot_encoder")),
    "ingot_queue_synchronize": (handle("queue"), number(0, 1, 1000, 1_000_000, (1 << 64) - 1)),
    "ingot_queue_get_slot_timeout": (handle("queue"), result("uint64_t")),
    "ingot_queue_set_slot_timeout": (handle("queue"), number(0, 1_000_000)),
    "ingot_queue_release": (handle("queue"),),
    "ingot_event_create": (handle("device"), LABEL, result("ingot_event")),
    "ingot_event_get_value": (handle("event"), result("uint64_t")),
    "ingot_event_signal": (handle("event"), number(0, 1, 2, 3)),
    "ingot_event_wait": (handle("event"), number(0, 0, 1, 2), plain(0, 1, 1000, 1_000_000)),
    "ingot_event_release": (handle("event"),),
    "ingot_session_create": (handle("queue"), LABEL, result("ingot_session")),
    "ingot_session_begin_stage": (handle("session"), LABEL, mostly([("stage",)], [("null",)])),
    "ingot_session_get_encoder": (handle("session"), mostly([("stage",)], [("null",)])),
    "ingot_session_commit_stage": (handle("session"), result("ingot_submission")),
    "ingot_session_fence_stage": (handle("session"), result("ingot_submission")),
    "ingot_session_reset": (handle("session"),),
    "ingot_session_get_event": (handle("session"), result("ingot_event")),
    "ingot_session_get_info": (handle("session"), struct("session_info")),
    "ingot_session_release": (handle("session"),),
}
