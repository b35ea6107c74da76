"""The border, as far as memory is concerned that others own: they are kept until Ingot does not use it any more."""

import atexit
import threading
from typing import Final

from ingot._native_library import ffi, lib

owners: Final[dict[int, object]] = {}
"""Whose memory is wrapped, by token: until Ingot says that nothing uses the memory any more."""


def release_owners() -> None:
    """Lets go of owners whose memory is not used any more. They end here, on a thread of Python's."""
    tokens, count = _released.tokens, _released.count
    while True:
        for token in ffi.unpack(tokens, count[0]):
            owners.pop(token, None)
        count[0] = 0
        lib.ingot_take_released(tokens, len(tokens), count)
        if not count[0]:
            return


class _Released(threading.local):
    """Tokens that this thread has taken. Each comes once, so they must be here still after Ctrl-C."""

    def __init__(self) -> None:
        self.tokens, self.count = ffi.new("uint64_t[64]"), ffi.new("uint64_t *")


_released: Final = _Released()


@atexit.register
def _leave_owners() -> None:
    """What the GPU still uses must outlive the interpreter, which would free it with this module."""
    release_owners()
    if owners:
        import ctypes  # noqa: PLC0415, hardly ever needed

        ctypes.pythonapi.Py_IncRef(ctypes.py_object(owners))
