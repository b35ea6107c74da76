"""Saxpy with ctypes and nothing else: run with the path of the library, and with `python -I -S`."""

from __future__ import annotations

import ctypes
import sys
from ctypes import POINTER, byref, c_char_p, c_float, c_int32, c_int64, c_uint32, c_uint64, c_void_p

SOURCE = b"""
#include <metal_stdlib>
kernel void saxpy(device const float *x, device float *y, constant float &a,
                  uint i [[thread_position_in_grid]]) { y[i] += a * x[i]; }
"""
FLOAT32 = 12
COUNT = 1000


class Value(ctypes.Structure):
    """An `ingot_value` and the float that follows it."""

    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (
        ("position", ctypes.c_uint16),
        ("dtype", ctypes.c_uint16),
        ("nbytes", c_uint32),
        ("value", c_float),
    )


library = ctypes.CDLL(sys.argv[1])
SIGNATURES = {
    "device_open": (c_int64, c_uint32, POINTER(c_void_p)),
    "library_compile": (c_void_p, c_char_p, c_void_p, POINTER(c_void_p)),
    "library_get_kernel": (c_void_p, c_char_p, POINTER(c_void_p)),
    "buffer_create": (
        c_void_p, c_int32, POINTER(c_uint64), c_uint64, c_void_p, c_uint64, c_char_p,
        c_uint32, POINTER(c_void_p), POINTER(c_void_p),
    ),
    "encoder_create": (c_void_p, c_char_p, c_uint32, POINTER(c_void_p)),
    "encoder_dispatch": (
        c_void_p, c_void_p, POINTER(c_void_p), c_uint64, c_void_p, c_uint64, c_uint32, *[c_uint64] * 6,
    ),
    "encoder_commit": (c_void_p, POINTER(c_void_p)),
    "submission_wait": (c_void_p, c_uint64),
    **{f"{kind}_release": (c_void_p,) for kind in ("device", "library", "kernel", "buffer", "encoder", "submission")},
}  # fmt: skip


def call(name: str, *arguments: object) -> None:
    """Calls a function of ingot.h; its status must be 0."""
    function = getattr(library, f"ingot_{name}")
    function.argtypes = SIGNATURES[name]
    if function(*arguments) != 0:
        text = ctypes.create_string_buffer(1024)
        library.ingot_last_error(text, c_uint64(1024), None)
        sys.exit(f"{name}: {text.value.decode()}")


def make(name: str, *arguments: object) -> c_void_p:
    """Calls a function that makes a handle."""
    handle = c_void_p()
    call(name, *arguments, byref(handle))
    return handle


def buffer(device: c_void_p, values: ctypes.Array[c_float]) -> tuple[c_void_p, ctypes.Array[c_float]]:
    """A buffer with these values, and its contents."""
    handle, contents = c_void_p(), c_void_p()
    shape = (c_uint64 * 1)(len(values))
    given = (shape, 1, values, ctypes.sizeof(values), None, 0)
    call("buffer_create", device, FLOAT32, *given, byref(handle), byref(contents))
    assert contents.value is not None
    return handle, type(values).from_address(contents.value)


def main() -> None:
    """Runs saxpy and compares every element."""
    device = make("device_open", 0, 0)
    compiled = make("library_compile", device, SOURCE, None)
    kernel = make("library_get_kernel", compiled, b"saxpy")
    floats = c_float * COUNT
    x, _ = buffer(device, floats(*range(COUNT)))
    y, y_contents = buffer(device, floats(*[1] * COUNT))
    encoder = make("encoder_create", device, b"ctypes", 0)
    value = Value(2, FLOAT32, 4, 3.0)
    buffers = (c_void_p * 2)(x, y)
    call("encoder_dispatch", encoder, kernel, buffers, 2, byref(value), ctypes.sizeof(value), 0, COUNT, 1, 1, 0, 0, 0)
    submission = make("encoder_commit", encoder)
    call("submission_wait", submission, (1 << 64) - 1)
    expected = [1 + 3.0 * i for i in range(COUNT)]
    assert list(y_contents) == expected, "saxpy is wrong"
    handles = {"submission": submission, "encoder": encoder, "kernel": kernel, "library": compiled, "device": device}
    for kind, handle in [*handles.items(), ("buffer", x), ("buffer", y)]:
        call(f"{kind}_release", handle)
    print(f"saxpy of {COUNT} with ctypes alone")  # noqa: T201, what the test looks for


main()
