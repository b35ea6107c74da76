"""The border, as far as function constants are concerned."""

from collections.abc import Sequence
from typing import NamedTuple

from ingot._ingot import ffi
from ingot._native import Handle, Struct, check, encoded, lib, struct, text
from ingot._native_places import place, taken


class Constant(NamedTuple):
    """A value for a function constant, as the `ingot_constant` of C."""

    name: bytes | None
    slot: int
    kind: int
    dtype: int
    words: Sequence[int]


def constants(library: Handle, kernel: str) -> list[Struct]:
    """The `ingot_constant_info` of each function constant that a kernel has."""
    name, count = encoded(kernel, "the name of a kernel"), ffi.new("uint64_t *")
    check(lib.ingot_library_count_constants(library, name, count))
    return [struct("constant_info", lib.ingot_library_get_constant, library, name, n) for n in range(count[0])]


def get_kernel(library: Handle, kernel: str, values: Sequence[Constant]) -> Handle:
    """The pipeline of a kernel with values for its function constants."""
    array = ffi.new("ingot_constant[]", len(values))
    keep = []
    for entry, value in zip(array, values, strict=True):
        if value.name is not None:
            keep.append(ffi.new("char[]", value.name))
            entry.name = keep[-1]
        entry.index, entry.kind, entry.dtype = value.slot, value.kind, value.dtype
        entry.width, entry.value[0 : len(value.words)] = len(value.words), value.words
    made = place("kernel")
    name = encoded(kernel, "the name of a kernel")
    check(lib.ingot_library_get_specialised_kernel(library, name, array, len(values), made))
    return taken(made, lib.ingot_kernel_release)


def suggest_group(kernel: Handle, x: int, y: int, z: int) -> tuple[int, int, int]:
    """A good threadgroup for a grid of threads."""
    group = ffi.new("uint64_t[3]")
    check(lib.ingot_kernel_suggest_group(kernel, x, y, z, group))
    return int(group[0]), int(group[1]), int(group[2])


def kernel_label(kernel: Handle) -> str:
    """The label of a kernel's pipeline."""
    return text(lib.ingot_kernel_get_label, kernel)


def kernel_constants(kernel: Handle, count: int) -> list[Struct]:
    """The `ingot_constant_info` of each function constant that a kernel was given a value for."""
    return [struct("constant_info", lib.ingot_kernel_get_constant, kernel, position) for position in range(count)]
