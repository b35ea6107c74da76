"""Calls of ingot.h for graphs, as recipes of `fuzz_choices`."""

from __future__ import annotations

from fuzz_choices import CHANCE, HUGE, LABEL, Choice, handle, mostly, number, result, struct, text

from ingot._native import lib


def replacements() -> Choice:
    """Names, dispatches, which buffers they name and give, and bytes and dtypes of values; good ones first."""
    live = [recipe for recipe in handle("buffer") if recipe[0] == "live"]
    good = [(b"a", (1 << 64) - 1, None, None, 4, lib.INGOT_FLOAT32), (b"x", 0, None, live[0], 0, 0)]
    wrong = [
        [
            (
                CHANCE.choice([b"a", b"x", b"value", b"source", b"\xff", None, None]),
                CHANCE.choice([0, 1, 2, *HUGE]),
                CHANCE.choice([None, *CHANCE.sample(handle("buffer"), 3)]),
                CHANCE.choice([None, *CHANCE.sample(handle("buffer"), 3)]),
                CHANCE.choice([0, 1, 4, 16, 4097, (1 << 32) - 1]),
                CHANCE.choice([0, lib.INGOT_FLOAT32, lib.INGOT_INT32, 13, -1, (1 << 31) - 1]),
            )
            for _ in range(CHANCE.randrange(4))
        ]
        for _ in range(60)
    ]
    return [("replacements", [entry]) for entry in good * 20] + [("replacements", some) for some in wrong]


REPLACEMENTS = (mostly(replacements(), [("null",)]), mostly([("replacement_count",)], number(0, 0, 1, 4096, 4097)))

CALLS: dict[str, tuple[Choice, ...]] = {
    "ingot_recorder_create": (handle("device"), LABEL, number(0, 0, 1, 2, bits=32), result("ingot_encoder")),
    "ingot_recorder_finish": (handle("encoder"), result("ingot_graph")),
    "ingot_graph_replay": (handle("graph"), *REPLACEMENTS, result("ingot_submission")),
    "ingot_graph_try_replay": (handle("graph"), *REPLACEMENTS, result("ingot_submission")),
    "ingot_graph_replace": (handle("graph"), *REPLACEMENTS, result("ingot_graph")),
    "ingot_graph_encode": (handle("graph"), handle("encoder"), *REPLACEMENTS),
    "ingot_graph_get_argument": (
        handle("graph"),
        text("a", "x", "value", ""),
        number((1 << 64) - 1, 0, 1),
        struct("argument_info"),
    ),
    "ingot_graph_get_info": (handle("graph"), struct("graph_info")),
    "ingot_graph_release": (handle("graph"),),
}
