"""What each kind of parameter of ingot.h may be given, as recipes that `fuzz_values` turns into values.

A recipe is plain data, so that a call can be written down before it is made.
"""

from __future__ import annotations

import os
import random
from typing import Any, TypeAlias

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
    PRELUDE + "constant int n [[function_constant(0)]]; constant float4 w [[function_constant(7)]];"
    " kernel void special(device float *x) { x[0] = n * w.w; }",
    "kernel void broken(device float *x) { x[0] = oops; }",
    "",
    "\xff\xfe{",
]
NAMES = [
    "special",
    "one",
    "four",
    "tile",
    "busy",
    "fault",
    "large",
    "none",
    "unused",
    "",
    "no such kernel",
    "ü\xff" * 300,
]
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


def layouts() -> Choice:
    """Dtypes and shapes of a batch."""
    shape = [recipe[1] for recipe in shapes() if recipe[0] == "shape"]
    return [
        (
            "layouts",
            [(CHANCE.choice([*range(1, 13), 13, -1]), CHANCE.choice(shape)) for _ in range(CHANCE.randrange(5))],
        )
        for _ in range(60)
    ]


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


def constants() -> Choice:
    """Names or indices, kinds, dtypes, widths and words of values for function constants; good ones first."""
    good = [(b"n", 0, lib.INGOT_CONSTANT_INTEGER, 0, 1), (None, 7, lib.INGOT_CONSTANT_TYPED, lib.INGOT_FLOAT32, 4)]
    wrong = [
        [
            (
                CHANCE.choice([b"n", b"w", b"", b"\xff", None, None, None]),
                CHANCE.choice([0, 7, 1, 65536, (1 << 32) - 1]),
                CHANCE.choice([0, 1, 2, 3, 4, (1 << 32) - 1]),
                CHANCE.choice([0, lib.INGOT_INT32, lib.INGOT_FLOAT32, 13, -1, (1 << 31) - 1]),
                CHANCE.choice([0, 1, 4, 5, (1 << 32) - 1]),
            )
            for _ in range(CHANCE.randrange(4))
        ]
        for _ in range(60)
    ]
    # Few of them: each good set of values is a kernel to compile.
    words = [[1, 2, 3, 4], [0, 0, 0, 0], [*HUGE[:4]], [*HUGE[3:]]]
    return [("constants", good, word) for word in words * 15] + [("constants", some, words[0]) for some in wrong]


def uses() -> list[Choice]:
    """Buffers, what is done to each, and how many."""
    return [
        mostly(buffers(), [("null",)]),
        mostly([("accesses", CHANCE.choices([1, 2, 3, 0, 4, 1 << 31], [9, 9, 9, 1, 1, 1], k=64)) for _ in range(40)],
               [("null",)]),
        mostly(plain(0, 0, 1, 2), plain(3, 64, 4097, *HUGE)),
    ]  # fmt: skip


def buffers() -> Choice:
    choice = handle("buffer")
    return [("buffers", CHANCE.sample(choice, CHANCE.randrange(4))) for _ in range(100)]


LABEL = text("label", "", "naïve 𝄞", "long " * 100)
CONTENTS = (
    mostly(plain(*range(1, 13), *[lib.INGOT_FLOAT32] * 12), signed(0, 13, bits=32)),
    shapes(),
    mostly([("dimensions",)], number(0, 33)),
    mostly([("memory",)], [("null",)]),
    mostly([("initial", kind) for kind in ("none", "element", "whole")], number(1, 2, 4096)),
    LABEL,
    mostly(plain(0, 0, 1, 2, 3), number(4, bits=32)),
    result("ingot_buffer"),
    result("void *"),
)

# `ingot_buffer[64]` is what there is.
COUNT = mostly(plain(0, 1, 1, 2, 2, 3), plain(4, 64, 1 << 18, *HUGE))

# Large grids take for ever and are never committed; `fuzz_abi` sees to that.
GRID = mostly(plain(1, 1, 2, 7, 64, 300), plain(0, *HUGE))
GROUP = mostly(plain(0, 0, 1, 4, 64), plain(3, 2000, *HUGE))

DTYPE = mostly(plain(*range(1, 13), *[lib.INGOT_FLOAT32] * 12), signed(0, 13, bits=32))

# None of them reaches beyond the memory that there is: lengths are the caller's.
PAGES = mostly(plain(*[page << 14 for page in range(1, 9)]), plain(0, 1, 16383, 20000, 1 << 62, 1 << 63, (1 << 64) - 1))

ELEMENTS = mostly(plain(1, 7, 300, 5000), plain(0, *HUGE[3:]))
