"""Calls of ingot.h for profiles, times of dispatches and captures, as recipes of `fuzz_choices`."""

from __future__ import annotations

from fuzz_choices import Choice, handle, mostly, number, plain, result, struct, text

# Few events: a table of many takes longer than all other calls, and its groups fit into the array.
PROFILE_LIMIT = mostly(plain(1, 7, 50), plain(0, 1 << 63, (1 << 64) - 1))
OUTPUT = (mostly([("output",)], [("null",)]), number(0, 1, 7, 65536), result("uint64_t"))

CALLS: dict[str, tuple[Choice, ...]] = {
    "ingot_encoder_time_dispatches": (handle("encoder"),),
    "ingot_submission_get_profile": (handle("submission"), struct("submission_profile")),
    "ingot_submission_get_dispatch_times": (
        handle("submission"),
        mostly([("array", "dispatch_time")], [("null",)]),
        number(0, 1, 16),
        result("uint64_t"),
    ),
    "ingot_profile_create": (PROFILE_LIMIT, result("ingot_profile")),
    "ingot_device_create_profile": (handle("device"), PROFILE_LIMIT, result("ingot_profile")),
    "ingot_profile_start": (handle("profile"),),
    "ingot_profile_stop": (handle("profile"),),
    "ingot_profile_reset": (handle("profile"),),
    "ingot_profile_get_info": (handle("profile"), struct("profile_info")),
    "ingot_profile_get_groups": (
        handle("profile"),
        mostly([("array", "profile_group")], [("null",)]),
        number(0, 1, 16),
        result("uint64_t"),
    ),
    "ingot_profile_get_table": (handle("profile"), *OUTPUT),
    "ingot_profile_get_trace": (handle("profile"), *OUTPUT),
    "ingot_profile_release": (handle("profile"),),
    "ingot_device_start_capture": (handle("device"), text("/no/such/folder/x.gputrace", "", "/", "x.gputrace/")),
    "ingot_device_stop_capture": (handle("device"),),
}
