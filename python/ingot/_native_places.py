"""The border, as far as Ctrl-C is concerned: who owns a handle from the moment it is made.

Python raises what a signal stands for when a call into C has returned, before anybody can have stored what it made.
"""

from collections.abc import Callable
from typing import Any, Final

from ingot._native_library import ffi, lib

owned: Final = ffi.gc
_new: Final = ffi.new
_NULL: Final = ffi.NULL
_PLACES: Final = {
    name.removeprefix("drop_"): (ffi.typeof(f"ingot_{name.removeprefix('drop_')} *"), getattr(lib, name))
    for name in dir(lib)
    if name.startswith("drop_")
}


def place(kind: str) -> Any:
    """A place for the handle that a call makes: a pointer for its last parameter, NULL in it at first.

    When the place goes, what is in it is released. `lib.drop_<kind>` does that before; twice does no harm.
    """
    pointer, drop = _PLACES[kind]
    return owned(_new(pointer), drop)


def taken(place: Any, release: Callable[[Any], int]) -> Any:
    """The handle out of a place, as an object that releases it. For a moment both do, which does no harm."""
    handle = owned(place[0], release)
    place[0] = _NULL
    return handle
