"""The border for profiles, times of dispatches, and captures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from ingot._ingot import ffi
from ingot._native import Handle, Struct, check, encoded, lib, string, struct, text
from ingot._native_places import place, taken


class DispatchTime(NamedTuple):
    """When the GPU ran one dispatch of an encoder that was made with `profile=True`."""

    kernel: str
    """The kernel's label: its name, and the constants that were given values."""
    start: float | None
    """When it began, in seconds on the host's clock; None where the GPU gave no time."""
    end: float | None
    """When it ended, in seconds on the host's clock; None where the GPU gave no time."""

    @property
    def duration(self) -> float | None:
        """How long it took, in seconds."""
        return None if self.start is None or self.end is None else self.end - self.start


@dataclass(frozen=True, slots=True)
class ProfileGroup:
    """All events of a profile of one kind and name. Times are in seconds."""

    kind: str
    """`"encode"`, `"commit"`, `"wait"`, `"compile"`, `"pipeline"`, `"gpu"` or `"dispatch"`."""
    name: str
    """The encoder's label, the kernel's, or the names of a library's kernels."""
    count: int
    total: float
    minimum: float
    maximum: float

    @property
    def mean(self) -> float:
        """How long one took on average."""
        return self.total / self.count


def profile_method(submission: Handle) -> str | None:
    """How dispatches were timed; None if nobody asked."""
    info = struct("submission_profile", lib.ingot_submission_get_profile, submission)
    return string(info.method) if info.is_profiled else None


def dispatch_times(submission: Handle) -> list[DispatchTime]:
    """The times of all dispatches."""
    length = struct("submission_profile", lib.ingot_submission_get_profile, submission).dispatches
    times, count = ffi.new("ingot_dispatch_time[]", max(length, 1)), ffi.new("uint64_t *")
    check(lib.ingot_submission_get_dispatch_times(submission, times, length, count))
    return [_dispatch_time(times[index]) for index in range(count[0])]


def _dispatch_time(time: Struct) -> DispatchTime:
    kernel = string(time.kernel)
    return DispatchTime(kernel, time.start, time.end) if time.is_timed else DispatchTime(kernel, None, None)


def create_profile(device: Handle | None, limit: int) -> Handle:
    """A profile of all devices, or of one."""
    profile = place("profile")
    if device is None:
        check(lib.ingot_profile_create(limit, profile))
    else:
        check(lib.ingot_device_create_profile(device, limit, profile))
    return taken(profile, lib.ingot_profile_release)


def profile_info(profile: Handle) -> Struct:
    """The `ingot_profile_info`."""
    return struct("profile_info", lib.ingot_profile_get_info, profile)


def profile_groups(profile: Handle) -> list[ProfileGroup]:
    """All groups, in the order in which they were seen."""
    length = profile_info(profile).groups
    groups, count = ffi.new("ingot_profile_group[]", max(length, 1)), ffi.new("uint64_t *")
    check(lib.ingot_profile_get_groups(profile, groups, length, count))
    return [_profile_group(groups[index]) for index in range(count[0])]


def _profile_group(group: Struct) -> ProfileGroup:
    times = (group.total / 1e9, group.minimum / 1e9, group.maximum / 1e9)
    return ProfileGroup(string(group.kind), string(group.name), int(group.count), *times)


def profile_table(profile: Handle) -> str:
    """The groups as a table."""
    return text(lib.ingot_profile_get_table, profile)


def profile_trace(profile: Handle) -> str:
    """The events as JSON."""
    return text(lib.ingot_profile_get_trace, profile)


def start_capture(device: Handle, path: str) -> None:
    """Begins a capture."""
    check(lib.ingot_device_start_capture(device, encoded(path, "the path")))


def stop_capture(device: Handle) -> None:
    """Ends it."""
    check(lib.ingot_device_stop_capture(device))
