"""The values that the recipes of `fuzz_choices` stand for."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING, Any, Protocol

import fuzz_choices
from abi import HANDLE_TYPES, KINDS, region

from ingot._native import ffi, lib

if TYPE_CHECKING:
    from collections.abc import Sequence

# Sixteen pages to wrap, and a file to map.
REGION = region()
FILE = tempfile.NamedTemporaryFile(prefix="ingot-fuzz-")  # noqa: SIM115, closed with the process
FILE.write(bytes(1 << 16))
FILE.flush()
MEMORY = ffi.new("uint8_t[]", 1 << 20)
OUTPUT = ffi.new("char[]", 1 << 16)
ARRAYS = {name: ffi.new(f"ingot_{name}[2048]") for name in ("dispatch_time", "profile_group")}
ITEM_SIZE = [0, 1, 1, 1, 2, 2, 4, 4, 8, 8, 2, 2, 4]
LARGE = 1 << 12 if fuzz_choices.ON_GPU else 1 << 20


class Pools(Protocol):
    """Handles that are alive, and that are no longer."""

    live: dict[str, list[Any]]
    stale: dict[str, Sequence[Any]]

    def alive(self, kind: str, index: int) -> Any:
        """A live handle; one is made if there is none."""


class Call:
    """The values that recipes stand for."""

    def __init__(self, pools: Pools, name: str, recipes: tuple[fuzz_choices.Recipe, ...]) -> None:
        self.pools = pools
        self.name = name
        self.recipes = recipes
        self.results: list[tuple[Any, str]] = []
        self.stages: list[Any] = []
        self.handles = 0
        self.wrong_handles = 0
        self.shape: list[int] = []
        self.dtype = 0
        self.values_nbytes = 0
        self.layout_count = 0
        self.replacement_count = 0
        self.keep: list[Any] = []
        self.values = [getattr(self, f"_{recipe[0]}")(*recipe[1:]) for recipe in recipes]

    @property
    def is_live(self) -> bool:
        """Whether it takes handles and all of them are alive and of the right kind."""
        return self.handles > 0 and self.wrong_handles == 0

    @property
    def is_endless(self) -> bool:
        """Whether so many threads would take for ever."""
        x, y, z, gx, gy, gz = (int(value) for value in self.values[-6:])
        return x * y * z * max(gx, 1) * max(gy, 1) * max(gz, 1) > LARGE

    def _live(self, kind: str, index: int) -> Any:
        self.handles += 1
        return self.pools.alive(kind, index)

    def _stale(self, kind: str, index: int) -> Any:
        self.wrong_handles += 1
        pool = self.pools.stale[kind]
        return pool[index % len(pool)] if pool else ffi.NULL

    def _other(self, kind: str, index: int) -> Any:
        self.wrong_handles += 1
        other = KINDS[(KINDS.index(kind) + 1 + index % (len(KINDS) - 1)) % len(KINDS)]
        pool = self.pools.live[other]
        return ffi.cast(f"ingot_{kind}", pool[index % len(pool)] if pool else ffi.NULL)

    def _forged(self, kind: str, bits: int) -> Any:
        self.wrong_handles += 1
        return ffi.cast(f"ingot_{kind}", bits)

    def _null(self) -> Any:
        return ffi.NULL

    def _plain(self, value: int) -> int:
        if self.name in ("ingot_buffer_create", "ingot_pool_create_buffer") and not self.dtype:
            self.dtype = value  # the first number is the dtype
        return value

    def _text(self, value: bytes) -> Any:
        return value

    def _output(self) -> Any:
        return OUTPUT

    def _memory(self) -> Any:
        return MEMORY

    def _region(self, page: int) -> Any:
        return ffi.cast("void *", ffi.cast("uint8_t *", REGION) + (page << 14))

    def _path(self) -> Any:
        return FILE.name.encode()

    def _array(self, name: str) -> Any:
        """Longer than anything that is put there, whatever capacity is said."""
        return ARRAYS[name]

    def _tokens(self) -> Any:
        return ffi.cast("uint64_t *", OUTPUT)

    def _raw(self, index: int) -> Any:
        """The object of a buffer that lives."""
        pointer, offset = ffi.new("void **"), ffi.new("uint64_t *")
        lib.ingot_buffer_get_raw(self.pools.alive("buffer", index), pointer, offset)
        return pointer[0]

    def _result(self, ctype: str) -> Any:
        pointer = ffi.new(f"{ctype} *")
        kind = HANDLE_TYPES.get(ffi.typeof(ctype))
        if kind is not None:
            self.results.append((pointer, kind))
        return pointer

    def _stage(self) -> Any:
        """For an encoder that its session commits, whatever is in it: nobody else gets to know it."""
        self.stages.append(ffi.new("ingot_encoder *"))
        return self.stages[-1]

    def _struct(self, name: str, wrong: int | None) -> Any:
        size = ffi.sizeof(f"ingot_{name}")
        made = ffi.new(f"ingot_{name} *")
        made.size = size if wrong is None else size + wrong if abs(wrong) == 1 or wrong > size else wrong
        return made

    def _shape(self, extents: list[int]) -> Any:
        self.shape = extents
        self.keep.append(ffi.new("uint64_t[64]", extents))
        return self.keep[-1]

    def _dimensions(self) -> int:
        return len(self.shape)

    def _initial(self, kind: str) -> int:
        item = ITEM_SIZE[self.dtype] if 0 < self.dtype < len(ITEM_SIZE) else 4
        whole = item
        for extent in self.shape:
            whole *= extent
        return {"none": 0, "element": item, "whole": whole if whole <= len(MEMORY) else item}[kind]

    # As long as the largest count that is not refused at once.
    def _layouts(self, layouts: list[tuple[int, list[int]]]) -> Any:
        self.layout_count = len(layouts)
        array = ffi.new("ingot_layout[64]")
        for layout, (dtype, extents) in zip(array, layouts, strict=False):
            layout.dtype, layout.dimensions, layout.shape = dtype, len(extents), self._shape(extents)
        self.keep.append(array)
        return array

    def _layout_count(self) -> int:
        return self.layout_count

    def _handles(self, kind: str) -> Any:
        array = ffi.new(f"ingot_{kind}[64]")
        self.results += [(array + index, kind) for index in range(64)]
        self.keep.append(array)
        return array

    def _buffers(self, recipes: list[fuzz_choices.Recipe]) -> Any:
        handles = [getattr(self, f"_{recipe[0]}")(*recipe[1:]) for recipe in recipes]
        self.keep.append(ffi.new("ingot_buffer[64]", handles))
        return self.keep[-1]

    def _accesses(self, values: list[int]) -> Any:
        self.keep.append(ffi.new("uint32_t[]", values))
        return self.keep[-1]

    def _values(self, heads: list[tuple[int, int, int]], more: int) -> Any:
        memory = ffi.new("uint8_t[]", 1 << 19)
        at = 0
        for position, dtype, nbytes in heads:
            if at > 1 << 17:
                break
            head = ffi.cast("ingot_value *", memory + at)
            head.position, head.dtype, head.nbytes = position, dtype, nbytes
            at += ffi.sizeof("ingot_value") + (nbytes if position != 1 or dtype else 0)
        self.values_nbytes = max(at + more, 0)
        self.keep.append(memory)
        return memory

    def _constants(self, entries: list[tuple[bytes | None, int, int, int, int]], words: list[int]) -> Any:
        array = ffi.new("ingot_constant[]", 1024)
        for entry, (name, index, kind, dtype, width) in zip(array, entries, strict=False):
            self.keep.append(ffi.NULL if name is None else ffi.new("char[]", name))
            entry.name, entry.index, entry.kind, entry.dtype, entry.width = self.keep[-1], index, kind, dtype, width
            entry.value = words
        self.keep.append(array)
        return array

    def _replacements(self, entries: list[tuple[Any, ...]]) -> Any:
        self.replacement_count = len(entries)
        array = ffi.new("ingot_replacement[]", lib.INGOT_MAX_REPLACEMENTS)
        for entry, (name, dispatch, recorded, given, nbytes, dtype) in zip(array, entries, strict=False):
            handles = [getattr(self, f"_{r[0]}")(*r[1:]) if r else ffi.NULL for r in (recorded, given)]
            self.keep.append(ffi.NULL if name is None else ffi.new("char[]", name))
            entry.name, entry.dispatch, (entry.recorded, entry.buffer) = self.keep[-1], dispatch, handles
            entry.value, entry.nbytes, entry.dtype = MEMORY, nbytes, dtype
        self.keep.append(array)
        return array

    def _replacement_count(self) -> int:
        return self.replacement_count

    # Comes after `values`.
    def _values_nbytes(self) -> int:
        return self.values_nbytes
