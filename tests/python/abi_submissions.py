"""Good calls of the functions of ingot.h about submissions, notifiers, profiles and captures: a part of `abi`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ingot._native import ffi

TEXT_CAPACITY = 4096


class SubmissionArguments:
    """What `Live` has for them."""

    if TYPE_CHECKING:  # by Live
        handles: dict[str, Any]

    def _submission_get_dispatch_times(self, _: str) -> list[Any]:
        return [self.handles["submission"], ffi.new("ingot_dispatch_time[16]"), 16, ffi.new("uint64_t *")]

    def _profile_create(self, _: str) -> list[Any]:
        return [100, ffi.new("ingot_profile *")]

    def _device_create_profile(self, _: str) -> list[Any]:
        return [self.handles["device"], 100, ffi.new("ingot_profile *")]

    def _profile_get_groups(self, _: str) -> list[Any]:
        return [self.handles["profile"], ffi.new("ingot_profile_group[16]"), 16, ffi.new("uint64_t *")]

    def _profile_get_table(self, _: str) -> list[Any]:
        return [self.handles["profile"], ffi.new("char[]", TEXT_CAPACITY), TEXT_CAPACITY, ffi.new("uint64_t *")]

    _profile_get_trace = _profile_get_table

    def _device_start_capture(self, _: str) -> list[Any]:
        return [self.handles["device"], ffi.new("char[]", b"/tmp/ingot-none.gputrace")]

    def _device_set_slot_timeout(self, _: str) -> list[Any]:
        return [self.handles["device"], 1_000_000_000]

    def _notifier_take(self, _: str) -> list[Any]:
        return [self.handles["notifier"], ffi.new("uint64_t[16]"), 16, ffi.new("uint64_t *")]

    def _submission_notify(self, _: str) -> list[Any]:
        return [self.handles["submission"], self.handles["notifier"], 7]

    def _encoder_begin(self, _: str) -> list[Any]:
        return [self.handles["encoder"], self.handles["notifier"], 7, ffi.new("uint8_t *")]

    def _encoder_wait_to_begin(self, _: str) -> list[Any]:
        return [self.handles["encoder"], 0, ffi.new("uint8_t *")]

    def _encoder_set_blocking(self, _: str) -> list[Any]:
        return [self.handles["encoder"], 0]

    def _submission_wait(self, _: str) -> list[Any]:
        return [self.handles["submission"], 1_000_000_000]
