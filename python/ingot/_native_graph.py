"""The border, as far as it is about graphs."""

from collections.abc import Sequence
from typing import Final, NamedTuple, TypeAlias

from ingot._ingot import ffi
from ingot._native import NULL, Handle, Struct, check, create_encoder, lib, struct
from ingot._native_owners import owners, release_owners
from ingot._native_places import place, taken

EVERY: Final = (1 << 64) - 1
"""In place of a dispatch's number: all that have an argument of the name."""


class Replacement(NamedTuple):
    """An `ingot_replacement`: a name and a dispatch, or a buffer; and a buffer, or a value with its dtype."""

    name: bytes | None = None
    dispatch: int = EVERY
    recorded: Handle = NULL
    buffer: Handle = NULL
    value: bytes = b""
    dtype: int = 0


Replacements: TypeAlias = "tuple[Handle, int]"
"""The last parameters of the functions that take replacements."""

NOTHING: Final[Replacements] = NULL, 0


def replacements(given: Sequence[Replacement]) -> Replacements:
    """An array, and how long it is; what it points to lives as long as it does."""
    array, kept = ffi.new("ingot_replacement[]", len(given)), []
    for entry, replacement in zip(array, given, strict=True):
        kept += [NULL if text is None else ffi.new("char[]", text) for text in (replacement.name, replacement.value)]
        entry.name, entry.value = kept[-2:]
        entry.dispatch, entry.recorded, entry.buffer = replacement.dispatch, replacement.recorded, replacement.buffer
        entry.nbytes, entry.dtype = len(replacement.value), replacement.dtype
    return ffi.gc(array, lambda _, _kept=kept: None), len(given)


def create_recorder(device: Handle, label: str | None, ordering: int) -> Handle:
    """The place of a recording."""
    return create_encoder(lib.ingot_recorder_create, device, label, ordering, profile=False)


def finish(encoder: Handle) -> tuple[int, Handle]:
    """Ends a recording; returns the status, and the graph if that is INGOT_OK."""
    graph = place("graph")
    status = lib.ingot_recorder_finish(encoder, graph)
    return status, None if status else taken(graph, lib.ingot_graph_release)


def replay(graph: Handle, array: Handle, count: int) -> Handle:
    """Commits all of a graph; returns the place of the submission. Raises `WaitTimeoutError` where it would wait."""
    submission = place("submission")
    status = lib.ingot_graph_try_replay(graph, array, count, submission)
    if status:
        check(status)
    if owners:
        release_owners()
    return submission


def replace(graph: Handle, array: Handle, count: int) -> Handle:
    """Another graph, with replacements."""
    other = place("graph")
    check(lib.ingot_graph_replace(graph, array, count, other))
    return taken(other, lib.ingot_graph_release)


def argument(graph: Handle, name: bytes, dispatch: int) -> Struct:
    """The `ingot_argument_info` of what a replacement stands for."""
    return struct("argument_info", lib.ingot_graph_get_argument, graph, name, dispatch)


def info(graph: Handle) -> Struct:
    """The `ingot_graph_info`."""
    return struct("graph_info", lib.ingot_graph_get_info, graph)
