"""The border, as far as the host uses the memory of buffers."""

from typing import Any, Final

from ingot._ingot import ffi
from ingot._native import NULL, SLICE, Handle, check, lib
from ingot._native_places import place

_VIEW_INFOS: Final = ffi.typeof("ingot_view_info *")
_VIEW_INFO_SIZE: Final = ffi.sizeof("ingot_view_info")


def open_view(buffer: Handle) -> tuple[Any, bool, Handle, int]:
    """The bytes of a buffer's storage, whether they must not be written, their use count, and the id of their pool.

    Bytes and count stay as long as something refers to them.
    """
    view, info = place("view"), ffi.new(_VIEW_INFOS)
    info.size = _VIEW_INFO_SIZE
    check(lib.ingot_buffer_open_view(buffer, view, info))
    data = ffi.buffer(ffi.gc(info.contents, lambda _, _view=view: None), info.nbytes)
    use_count = ffi.gc(info.use_count, lambda _, _data=data: None)
    return data, bool(info.is_read_only), use_count, info.pool_id


def pool_id(pool: Handle) -> int:
    """The id of a pool."""
    identity = ffi.new("uint64_t *")
    check(lib.ingot_pool_get_id(pool, identity))
    return int(identity[0])


def map_buffer(mapping: Handle, buffer: Handle, access: int, *, wait: bool) -> int:
    """Maps a buffer; returns the status. The mapping is in its `place` if that is INGOT_OK."""
    timeout = SLICE if wait else 0
    while (status := lib.ingot_buffer_map(buffer, access, timeout, mapping, NULL)) == lib.INGOT_ERROR_TIMEOUT:
        pass
    return int(status)
