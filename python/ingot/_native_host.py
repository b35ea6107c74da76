"""The border, as far as the host uses the memory of buffers."""

from typing import Any, Final

from ingot._ingot import ffi
from ingot._native import NULL, SLICE, Handle, check, lib

_VIEWS: Final = ffi.typeof("ingot_view *")
_VIEW_INFOS: Final = ffi.typeof("ingot_view_info *")
_VIEW_INFO_SIZE: Final = ffi.sizeof("ingot_view_info")


def open_view(buffer: Handle) -> tuple[Any, bool, Handle, int]:
    """The bytes of a buffer's storage, whether they must not be written, their use count, and the id of their pool.

    Bytes and count stay as long as something refers to them.
    """
    view, info = ffi.new(_VIEWS), ffi.new(_VIEW_INFOS)
    info.size = _VIEW_INFO_SIZE
    check(lib.ingot_buffer_open_view(buffer, view, info))
    handle, release = view[0], lib.ingot_view_release
    data = ffi.buffer(ffi.gc(info.contents, lambda _: release(handle)), info.nbytes)
    use_count = ffi.gc(info.use_count, lambda _, _data=data: None)
    return data, bool(info.is_read_only), use_count, info.pool_id


def pool_id(pool: Handle) -> int:
    """The id of a pool."""
    identity = ffi.new("uint64_t *")
    check(lib.ingot_pool_get_id(pool, identity))
    return int(identity[0])


def no_mapping() -> Handle:
    """A place for a mapping, NULL at first. Who has it before the call has what came of it, also after Ctrl-C."""
    return ffi.new("ingot_mapping *")


def map_buffer(mapping: Handle, buffer: Handle, access: int, *, wait: bool) -> int:
    """Maps a buffer; returns the status. The mapping is in its place if that is INGOT_OK."""
    timeout = SLICE if wait else 0
    while (status := lib.ingot_buffer_map(buffer, access, timeout, mapping, NULL)) == lib.INGOT_ERROR_TIMEOUT:
        pass
    return int(status)


def unmap(mapping: Handle) -> None:
    """Releases what is in a place, if there is anything. Twice does no harm."""
    if mapping[0] != NULL:
        lib.ingot_mapping_release(mapping[0])
        mapping[0] = NULL
