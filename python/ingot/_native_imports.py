"""The border, as far as memory is concerned that others have made."""

import itertools
from collections.abc import Sequence
from typing import Final, NamedTuple

from ingot import _native
from ingot._ingot import ffi
from ingot._native import NULL, Handle, buffer_release, check, encoded, lib, optional
from ingot._native_owners import owners, release_owners
from ingot._native_places import place, taken

_tokens: Final = itertools.count(1)


Bytes: Final[type] = ffi.buffer
"""Of what arrays on memory of Ingot are views, and maybe others."""


class Region(NamedTuple):
    """Whole pages that are to be wrapped, and where in them a buffer begins."""

    address: int
    nbytes: int
    offset: int


def wrap(  # noqa: PLR0913, PLR0917, the parameters of ingot.h
    device: Handle,
    region: Region,
    dtype: int,
    shape: Sequence[int],
    owner: object,
    label: str | None,
    *,
    read_only: bool,
    is_spare: bool,
) -> Handle:
    """Makes a buffer of an owner's memory; the owner is kept until Ingot does not use the memory any more.

    A spare one is not kept where another is, who keeps all pages of the same storage.
    """
    if owners:
        release_owners()
    with _native.lock:
        token = next(_tokens)
    buffer = place("buffer")
    flags = (lib.INGOT_IMPORT_SPARE_OWNER if is_spare else 0) | (lib.INGOT_IMPORT_READ_ONLY if read_only else 0)
    address = ffi.cast("void *", region.address)
    memory = (address, region.nbytes, region.offset, dtype, shape, len(shape), flags)
    name = optional(label, "the label")
    owners[token] = owner
    try:
        check(lib.ingot_buffer_wrap(device, *memory, token, name, buffer))
    finally:
        if buffer[0] == NULL:
            del owners[token]
    return taken(buffer, buffer_release)


def from_raw(  # noqa: PLR0913, PLR0917, the parameters of ingot.h
    device: Handle, pointer: int, offset: int, dtype: int, shape: Sequence[int], label: str | None, *, read_only: bool
) -> Handle:
    """Makes a buffer of an `MTLBuffer`."""
    buffer = place("buffer")
    name, flags = optional(label, "the label"), lib.INGOT_IMPORT_READ_ONLY if read_only else 0
    metal = ffi.cast("void *", pointer)
    check(lib.ingot_buffer_from_raw(device, metal, offset, dtype, shape, len(shape), flags, name, buffer))
    return taken(buffer, buffer_release)


def raw_pointer(buffer: Handle) -> tuple[int, int]:
    """The address of the `MTLBuffer`, and the byte of it at which a buffer begins."""
    pointer, offset = ffi.new("void **"), ffi.new("uint64_t *")
    check(lib.ingot_buffer_get_raw(buffer, pointer, offset))
    return int(ffi.cast("uintptr_t", pointer[0])), int(offset[0])


def map_file(device: Handle, path: str, *, writable: bool) -> tuple[Handle, int]:
    """Maps a file; returns its handle, and how many bytes it has."""
    file = place("file")
    check(lib.ingot_file_map(device, encoded(path, "the path"), writable, file))
    handle = taken(file, lib.ingot_file_release)
    return handle, int(_native.struct("file_info", lib.ingot_file_get_info, handle).nbytes)


def file_window(file: Handle, offset: int, dtype: int, shape: Sequence[int]) -> Handle:
    """Makes a buffer of a part of a file."""
    buffer = place("buffer")
    check(lib.ingot_file_window(file, offset, dtype, shape, len(shape), buffer))
    return taken(buffer, buffer_release)
