"""Calls of ingot.h: what each parameter may be given, as recipes that `fuzz_abi` turns into values.

A recipe is plain data, so that a call can be written down before it is made.
"""

from __future__ import annotations

import os
import random
from typing import Any, TypeAlias

from hypothesis import strategies as st

from ingot._native import lib

Recipe: TypeAlias = "tuple[Any, ...]"

HUGE = [1 << 31, 1 << 32, 1 << 36, 1 << 62, (1 << 63) - 1, 1 << 63, (1 << 64) - 1]
PRELUDE = "#include <metal_stdlib>\nusing namespace metal;\n"

# A GPU takes seconds to give up a kernel that does not end, and may refuse the process after one that faults.
ON_GPU = os.environ.get("INGOT_FUZZ_ON_GPU") == "1"
BUSY_STEPS = 3_000_000 if ON_GPU else 30_000_000

# None of them touches more than the first element, however large the grid: a wild kernel could hurt the process.
SOURCES = [
    PRELUDE + "kernel void one(device const float *x, device float *y, constant float &a) { y[0] = a * x[0]; }",
    PRELUDE + "kernel void four(device float4 *x, constant float3 &v, device uint *y) { x[0].xyz = v; y[0] = 1; }",
    PRELUDE + "kernel void tile(device int *x, threadgroup int *t) {"
    " t[0] = x[0]; threadgroup_barrier(mem_flags::mem_threadgroup); x[0] = t[0]; }",
    PRELUDE + "kernel void busy(device uint *x) {"
    f" uint v = x[0]; for (uint i = 0; i < {BUSY_STEPS}; ++i) v = v * 1664525u + 1013904223u; x[0] = v; }}",
    PRELUDE + f"kernel void fault(device float *x) {{ x[{0 if ON_GPU else '1ul << 50'}] = 1; }}",
    PRELUDE + "kernel void large(device float *x) {"
    " threadgroup float t[30000]; t[0] = x[0]; threadgroup_barrier(mem_flags::mem_threadgroup); x[0] = t[0]; }",
    PRELUDE + "kernel void none() {} kernel void unused(device char *x, constant float &a) {}",
    "kernel void broken(device float *x) { x[0] = oops; }",
    "",
    "\xff\xfe{",
]
NAMES = ["one", "four", "tile", "busy", "fault", "large", "none", "unused", "", "no such kernel", "ü\xff" * 300]
DISPATCHED = ["one", "one", "one", "four", "tile", "busy", "busy", "fault", "unused", "large"]


# One draw for each parameter is quick, so what is random about the recipes to draw from is decided here.
CHANCE = random.Random(os.environ.get("INGOT_FUZZ_SEED", "0"))
Choice: TypeAlias = "list[Recipe]"


def plain(*values: Any) -> Choice:
    return [("plain", value) for value in values]


def mostly(good: Choice, other: Choice) -> Choice:
    """The first nine times out of ten."""
    most = max(len(good), len(other))
    return (good * (9 * most // len(good))) + (other * (most // len(other)))


def handle(kind: str) -> Choice:
    """A live handle of the kind, nine times out of ten."""
    wrong: Choice = [("forged", kind, CHANCE.randrange(1 << 64)) for _ in range(8)] + [("forged", kind, 0)] * 4
    wrong += [(what, kind, CHANCE.randrange(64)) for what in ("stale", "other") for _ in range(8)]
    return mostly([("live", kind, index) for index in range(32)], wrong)


def result(kind: str) -> Choice:
    return mostly([("result", kind)], [("null",)])


def struct(name: str) -> Choice:
    return mostly([("struct", name, None)], [("struct", name, size) for size in (0, 8, -1, 1, 1 << 20, 1 << 62)])


def number(*good: int, bits: int = 64) -> Choice:
    wrong = [*HUGE, *range(40), *(CHANCE.randrange(1 << 64) for _ in range(20))]
    return mostly(plain(*good), plain(*(value & ((1 << bits) - 1) for value in wrong)))


def signed(*good: int, bits: int = 64) -> Choice:
    half = 1 << (bits - 1)
    edges = [-half, half - 1, -1, -2, 2, 100]
    return mostly(plain(*good), plain(*edges, *(CHANCE.randrange(-half, half) for _ in range(20))))


def text(*values: str) -> Choice:
    good = [("text", value.encode("utf-8", "surrogateescape")) for value in values]
    return mostly(good, [("null",), ("text", b"\xff\xc3\x28" * 100)])


def shapes() -> Choice:
    good = [[CHANCE.choice([1, 1, 2, 3, 4, 16]) for _ in range(CHANCE.randrange(5))] for _ in range(40)]
    wrong = [[CHANCE.choice([1, 0, 1 << 36, *HUGE[3:]]) for _ in range(CHANCE.randrange(34))] for _ in range(20)]
    return mostly([("shape", shape) for shape in good], [("shape", shape) for shape in wrong] + [("null",)])


def values() -> Choice:
    """Heads of values, and by how much their count of bytes is wrong."""
    random_: Choice = []
    for _ in range(200):
        positions = [CHANCE.choice([0, 1, 2, 3, CHANCE.randrange(65536)]) for _ in range(CHANCE.randrange(5))]
        heads = [
            (
                position,
                CHANCE.choice([0, lib.INGOT_FLOAT32, lib.INGOT_UINT32, CHANCE.randrange(65536)]),
                CHANCE.choice([4, 12, 16, 64, 0, 1, 4096, 4097, 1 << 31, (1 << 32) - 1]),
            )
            for position in positions
        ]
        random_.append(("values", heads, CHANCE.choice([0, 0, 0, -8, -1, 1, 8])))
    return [("values", [(2, lib.INGOT_FLOAT32, 4)], 0)] * 100 + random_


def buffers() -> Choice:
    choice = handle("buffer")
    return [("buffers", CHANCE.sample(choice, CHANCE.randrange(4))) for _ in range(100)]


LABEL = text("label", "", "naïve 𝄞", "long " * 100)

# Large grids take for ever and are never committed; `fuzz_abi` sees to that.
GRID = mostly(plain(1, 1, 2, 7, 64, 300), plain(0, *HUGE))
GROUP = mostly(plain(0, 0, 1, 4, 64), plain(3, 2000, *HUGE))

CALLS: dict[str, tuple[Choice, ...]] = {
    "ingot_last_error": (mostly([("output",)], [("null",)]), number(0, 1, 7, 65536), result("uint64_t")),
    "ingot_last_error_info": (struct("error_info"),),
    "ingot_status_name": (signed(0, 1, 5, 10, 11, bits=32),),
    "ingot_abi_version": (),
    "ingot_count_live_objects": (struct("live_objects"),),
    "ingot_device_count": (result("uint64_t"),),
    "ingot_device_open": (signed(0, -1, 0, 1), number(1, 1, 1, 5, 0, 2, bits=32), result("ingot_device")),
    "ingot_device_get_info": (handle("device"), struct("device_info")),
    "ingot_device_get_statistics": (handle("device"), struct("device_statistics")),
    "ingot_device_supports": (handle("device"), signed(5001, 1007), result("uint8_t")),
    "ingot_device_release": (handle("device"),),
    "ingot_buffer_create": (
        handle("device"),
        mostly(plain(*range(1, 13), *[lib.INGOT_FLOAT32] * 12), signed(0, 13, bits=32)),
        shapes(),
        mostly([("dimensions",)], number(0, 33)),
        mostly([("memory",)], [("null",)]),
        mostly([("initial", kind) for kind in ("none", "element", "whole")], number(1, 2, 4096)),
        LABEL,
        result("ingot_buffer"),
        result("void *"),
    ),
    "ingot_buffer_window": (
        handle("buffer"),
        number(0, 0, 4, 16),
        mostly(plain(*[0] * 12, *range(1, 13)), signed(0, 13, bits=32)),
        shapes(),
        mostly([("dimensions",)], number(0, 33)),
        result("ingot_buffer"),
    ),
    "ingot_buffer_get_info": (handle("buffer"), struct("buffer_info")),
    "ingot_buffer_get_contents": (handle("buffer"), number(1, 2, 3, bits=32), result("void *")),
    "ingot_buffer_wait": (
        handle("buffer"),
        number(1, 2, 3, bits=32),
        number(0, 1, 1000, 1_000_000, (1 << 64) - 1),
    ),
    "ingot_buffer_release": (handle("buffer"),),
    "ingot_library_compile": (handle("device"), text(*SOURCES), struct("compile_options"), result("ingot_library")),
    "ingot_library_get_kernel_names": (
        handle("library"),
        mostly([("output",)], [("null",)]),
        number(0, 1, 7, 65536),
        result("uint64_t"),
    ),
    "ingot_library_get_kernel": (handle("library"), text(*NAMES), result("ingot_kernel")),
    "ingot_library_release": (handle("library"),),
    "ingot_kernel_get_info": (handle("kernel"), struct("kernel_info")),
    "ingot_kernel_get_argument": (handle("kernel"), number(0, 1, 2), struct("argument_info")),
    "ingot_kernel_release": (handle("kernel"),),
    "ingot_encoder_create": (handle("device"), LABEL, number(0, 1, bits=32), result("ingot_encoder")),
    "ingot_encoder_dispatch": (
        handle("encoder"),
        handle("kernel"),
        mostly(buffers(), [("null",)]),
        number(1, 2, 2, 3),
        mostly(values(), [("null",)]),
        mostly([("values_nbytes",)], number(0, 12, 20)),
        number(0, 1, bits=32),
        *[GRID] * 3,
        *[GROUP] * 3,
    ),
    "ingot_encoder_commit": (handle("encoder"), result("ingot_submission")),
    "ingot_encoder_release": (handle("encoder"),),
    "ingot_submission_wait": (handle("submission"), number(0, 1, 1000, 1_000_000, (1 << 64) - 1)),
    "ingot_submission_get_info": (handle("submission"), struct("submission_info")),
    "ingot_submission_release": (handle("submission"),),
    # No function, but a chain of good calls: what a dispatch needs all fits, and is committed.
    "work": (plain(*DISPATCHED),),
}

# How often each is tried; the others once.
WEIGHTS = {"ingot_encoder_dispatch": 5, "ingot_buffer_get_contents": 3, "ingot_submission_wait": 4, "work": 4,
           "ingot_device_open": 1, "ingot_buffer_create": 2, "ingot_buffer_window": 3,
           "ingot_encoder_commit": 2}  # fmt: skip

STRATEGIES = {
    name: st.tuples(st.just(name), st.tuples(*map(st.sampled_from, choices))) for name, choices in CALLS.items()
}
CALL = st.sampled_from([name for name in CALLS for _ in range(WEIGHTS.get(name, 1))]).flatmap(STRATEGIES.__getitem__)
