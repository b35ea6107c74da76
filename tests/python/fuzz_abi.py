"""Calls every function of ingot.h with good and bad arguments for so many seconds; prints what it did as JSON.

    python fuzz_abi.py SECONDS SEED TRACE

TRACE is a file that has the last calls, the one that was under way last, if the process dies.
"""

from __future__ import annotations

import json
import mmap
import sys
import time
from collections import Counter, deque
from pathlib import Path
from typing import Any

import fuzz_choices
import fuzz_programs
import hypothesis
from abi import KINDS, STATUSES, release, text
from fuzz_values import Call
from hypothesis import strategies as st

from ingot._native import ffi, lib, live_objects

MOST_ALIVE = {
    "device": 3,
    "library": 12,
    "kernel": 16,
    "buffer": 24,
    "encoder": 12,
    "submission": 24,
    "profile": 4,
    "pool": 4,
    "file": 4,
    "residency_set": 8,
    "view": 8,
    "mapping": 3,
    "event": 8,
    "queue": 4,
    "session": 6,
    "notifier": 4,
    "bound_kernel": 8,
    "graph": 8,
}
CALLS_KEPT = 30
LINE = 500


class Trace:
    """The last calls, in a file that outlives the process."""

    def __init__(self, path: Path) -> None:
        path.write_bytes(b" " * (LINE * CALLS_KEPT))
        with path.open("r+b") as file:
            self.memory = mmap.mmap(file.fileno(), LINE * CALLS_KEPT)
        self.count = 0

    def write(self, line: str) -> None:
        at = self.count % CALLS_KEPT * LINE
        self.count += 1
        self.memory[at : at + LINE] = (
            f"{self.count} {line}"[: LINE - 1].ljust(LINE - 1).encode("ascii", "replace") + b"\n"
        )


class Fuzzer:
    """The pools of handles, and the counts."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.live: dict[str, list[Any]] = {kind: [] for kind in KINDS}
        self.stale: dict[str, deque[Any]] = {kind: deque(maxlen=64) for kind in KINDS}
        self.endless: set[int] = set()
        self.functions: Counter[str] = Counter()
        self.statuses: Counter[int] = Counter()
        self.with_live_handles = 0

    # ---- One call --------------------------------------------------------------------------------------------

    def call(self, name: str, recipes: tuple[fuzz_choices.Recipe, ...]) -> None:
        if name == "work":
            self.work(recipes[0][1], is_recorded=bool(recipes[1][1]))
            return
        call = Call(self, name, recipes)
        if (
            name in {"ingot_encoder_commit", "ingot_recorder_finish"}
            and int(ffi.cast("uintptr_t", call.values[0])) in self.endless
        ):
            return
        self.make(call)

    def make(self, call: Call) -> int:
        """Makes a call and keeps book."""
        self.trace.write(f"{call.name} {call.recipes}")
        outcome = getattr(lib, call.name)(*call.values)
        self.functions[call.name] += 1
        self.with_live_handles += call.is_live
        if call.name in ("ingot_status_name", "ingot_abi_version"):
            return 0
        assert outcome in STATUSES.values(), f"{call.name} returned {outcome}"
        self.statuses[outcome] += 1
        if outcome == lib.INGOT_OK:
            self.take_results(call)
        elif not call.name.endswith("_release") and call.name != "ingot_last_error_info":
            assert text(), f"{call.name} failed without a text"
        return int(outcome)

    def take_results(self, call: Call) -> None:
        for pointer, kind in call.results:
            if pointer[0] != ffi.NULL:
                self.live[kind].append(pointer[0])
                if len(self.live[kind]) > MOST_ALIVE[kind]:
                    self.drop(kind, 0)
        if call.name.endswith("_release"):
            kind = call.name.removeprefix("ingot_").removesuffix("_release")
            for index, handle in enumerate(self.live[kind]):
                if handle == call.values[0]:
                    self.stale[kind].append(self.live[kind].pop(index))
                    break
        for stage in call.stages:
            assert release("encoder", stage[0]) == lib.INGOT_OK
        waits = call.name == "ingot_encoder_wait_event" and call.values[2] > 0  # for what may never come
        if waits or (call.name.startswith("ingot_encoder_dispatch") and call.is_endless):
            self.endless.add(int(ffi.cast("uintptr_t", call.values[0])))

    def drop(self, kind: str, index: int) -> None:
        handle = self.live[kind].pop(index)
        assert release(kind, handle) == lib.INGOT_OK
        self.stale[kind].append(handle)

    # ---- Handles ---------------------------------------------------------------------------------------------

    def alive(self, kind: str, index: int) -> Any:
        """A live handle; one is made if there is none."""
        pool = self.live[kind]
        if not pool:
            self.good(kind)
        return pool[index % len(pool)]

    def good(self, kind: str) -> None:
        """A good call that makes a handle."""
        plain, plain0, made = ("plain", 1), ("plain", 0), ("result", f"ingot_{kind}")
        device = ("live", "device", 0)
        calls: dict[str, tuple[str, tuple[fuzz_choices.Recipe, ...]]] = {
            "device": ("ingot_device_open", (("plain", 0), plain, made)),
            "library": (
                "ingot_library_compile",
                (device, ("text", fuzz_choices.SOURCES[0].encode()), ("null",), made),
            ),
            "kernel": ("ingot_library_get_kernel", (("live", "library", 0), ("text", b"one"), made)),
            "buffer": (
                "ingot_buffer_create",
                (device, ("plain", lib.INGOT_FLOAT32), ("shape", [4]), plain, ("memory",), ("plain", 4), ("null",),
                 ("plain", 0), made, ("result", "void *")),
            ),
            "encoder": ("ingot_encoder_create", (device, ("null",), ("plain", 0), made)),
            "pool": ("ingot_device_get_pool", (device, made)),
            "file": ("ingot_file_map", (device, ("path",), plain0, made)),
            "residency_set": ("ingot_residency_set_create", (device, ("null",), made)),
            "view": ("ingot_buffer_open_view", (("live", "buffer", 0), made, ("null",))),
            "notifier": ("ingot_notifier_create", (made, ("result", "int32_t"))),
            "mapping": ("ingot_buffer_map", (("live", "buffer", 0), plain, ("plain", 1 << 62), made, ("null",))),
            "event": ("ingot_event_create", (device, ("null",), made)),
            "queue": ("ingot_queue_create", (device, ("null",), made)),
            "session": ("ingot_session_create", (("live", "queue", 0), ("null",), made)),
            "bound_kernel": (
                "ingot_kernel_bind",
                (("live", "kernel", -1), ("null",), plain0, ("null",), plain0, ("null",), ("null",), plain0, made),
            ),
            "profile": ("ingot_device_create_profile", (device, ("plain", 50), made)),
            "submission": ("ingot_encoder_commit", (("live", "encoder", 0), made)),
            "graph": ("ingot_recorder_finish", (("live", "encoder", -1), made)),
        }  # fmt: skip
        if kind == "bound_kernel":  # of a kernel that takes nothing
            source, library = ("text", fuzz_choices.SOURCES[6].encode()), ("result", "ingot_library")
            self.make(Call(self, "ingot_library_compile", (device, source, ("null",), library)))
            kernel = ("live", "library", -1), ("text", b"none"), ("result", "ingot_kernel")
            self.make(Call(self, "ingot_library_get_kernel", kernel))
        recorder = "ingot_recorder_create", (device, ("null",), plain0, ("result", "ingot_encoder"))
        if kind == "graph":
            self.make(Call(self, *recorder))
        for _ in range(3):  # a library may lack the kernel, an encoder may be committed: then a fresh one
            if self.make(Call(self, *calls[kind])) == lib.INGOT_OK:
                return
            needed = {"kernel": "library", "submission": "encoder", "buffer": "device"}
            other = (needed | dict.fromkeys(("view", "mapping"), "buffer")).get(kind)
            while other is not None and self.live[other]:
                self.drop(other, 0)
        raise AssertionError(f"no {kind} can be made: {text()}")

    def work(self, kernel: str, *, is_recorded: bool) -> None:
        """Good calls from source to submission, whose end nobody waits for; or to a graph, and a replay of it."""
        source = next(source for source in fuzz_choices.SOURCES if f"void {kernel}(" in source).encode()
        device = ("live", "device", 0)
        steps: list[tuple[str, tuple[fuzz_choices.Recipe, ...]]] = [
            ("ingot_library_compile", (device, ("text", source), ("null",), ("result", "ingot_library"))),
            (
                "ingot_library_get_kernel",
                (("live", "library", -1), ("text", kernel.encode()), ("result", "ingot_kernel")),
            ),
            (
                "ingot_recorder_create" if is_recorded else "ingot_encoder_create",
                (device, ("text", b"work"), ("plain", 0), ("result", "ingot_encoder")),
            ),
        ]
        shape, made = ("shape", [16]), (("result", "ingot_buffer"), ("null",))
        dtypes = {"busy": lib.INGOT_UINT32, "tile": lib.INGOT_INT32}
        for dtype in (
            dtypes.get(kernel, lib.INGOT_FLOAT32),
            lib.INGOT_UINT32 if kernel == "four" else lib.INGOT_FLOAT32,
        ):
            initial = (("memory",), ("plain", 4), ("null",), ("plain", 0))
            steps.append(("ingot_buffer_create", (device, ("plain", dtype), shape, ("plain", 1), *initial, *made)))
        for step in steps:
            if self.make(Call(self, *step)) != lib.INGOT_OK:
                return
        one, two = ("live", "buffer", -2), ("live", "buffer", -1)
        bound, heads = {
            "one": ([one, two], [(2, lib.INGOT_FLOAT32, 4)]),
            "four": ([one, ("null",), two], [(1, 0, 16)]),
            "tile": ([one], [(1, 0, 64)]),
        }.get(kernel, ([one], []))
        extents = [("plain", n) for n in (0, 4, 1, 1, 4, 1, 1)]
        encode = (("live", "encoder", -1), ("live", "kernel", -1), ("buffers", bound), ("plain", len(bound)))
        self.make(Call(self, "ingot_encoder_dispatch", (*encode, ("values", heads, 0), ("values_nbytes",), *extents)))
        encoder, submission = ("live", "encoder", -1), ("result", "ingot_submission")
        if is_recorded:
            self.make(Call(self, "ingot_recorder_finish", (encoder, ("result", "ingot_graph"))))
            replay = ("live", "graph", -1), ("null",), ("plain", 0), submission
            self.make(Call(self, "ingot_graph_replay", replay))
        else:
            self.make(Call(self, "ingot_encoder_commit", (encoder, submission)))
        self.make(Call(self, "ingot_buffer_get_contents", (one, ("plain", lib.INGOT_ACCESS_WRITE), ("null",))))
        self.make(Call(self, "ingot_submission_wait", (("live", "submission", -1), ("plain", 0))))


def run(fuzzer: Fuzzer, seconds: float, seed: int) -> None:
    """Programs of calls until the time is over."""

    @hypothesis.settings(
        max_examples=10,
        deadline=None,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
        phases=[hypothesis.Phase.generate],
    )
    @hypothesis.given(st.lists(fuzz_programs.CALL, min_size=10, max_size=40))
    def program(calls: list[tuple[str, tuple[fuzz_choices.Recipe, ...]]]) -> None:
        for name, recipes in calls:
            fuzzer.call(name, recipes)

    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        hypothesis.seed(seed)(program)()
        seed += 1


def main() -> None:
    """Runs, releases everything, and prints the counts."""
    seconds, seed, trace = float(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    fuzzer = Fuzzer(Trace(trace))
    before = live_objects()
    run(fuzzer, seconds, seed)
    for handle in fuzzer.live["submission"]:
        lib.ingot_submission_wait(handle, (1 << 64) - 1)
    for kind in reversed(KINDS):
        while fuzzer.live[kind]:
            fuzzer.drop(kind, 0)
    deadline = time.monotonic() + 10
    while (left := live_objects())["submissions"] + left["storages"] > 0 and time.monotonic() < deadline:
        time.sleep(0.01)
    names = {status: name for name, status in STATUSES.items()}
    report = {
        "calls": sum(fuzzer.functions.values()),
        "with_live_handles": fuzzer.with_live_handles,
        "functions": dict(sorted(fuzzer.functions.items())),
        "statuses": {names[status]: count for status, count in sorted(fuzzer.statuses.items())},
        "left": {kind: left[kind] - before[kind] for kind in left},
    }
    print(json.dumps(report))  # noqa: T201, what it is for


main()
