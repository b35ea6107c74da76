"""The border for kernels that are bound ahead, and for buffers that kernels reach through pointers."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ingot._ingot import ffi
from ingot._native import Handle, check, lib
from ingot._native_places import place, taken

if TYPE_CHECKING:
    from collections.abc import Sequence


class Used(NamedTuple):
    """Handles of buffers, and what is done to each, `INGOT_ACCESS_*`."""

    handles: Sequence[Handle]
    accesses: Sequence[int]


def bind_kernel(kernel: Handle, handles: Sequence[Handle], values: bytes, used: Used) -> Handle:
    """A kernel with its arguments."""
    bound = place("bound_kernel")
    arguments = (handles, len(handles), values, len(values))
    check(lib.ingot_kernel_bind(kernel, *arguments, used.handles, used.accesses, len(used.handles), bound))
    return taken(bound, lib.ingot_bound_kernel_release)


def dispatch_using(  # noqa: PLR0913, PLR0917, the parameters of ingot.h
    encoder: Handle, kernel: Handle, handles: Sequence[Handle], values: bytes, used: Used, extents: Sequence[int]
) -> int:
    """Encodes a dispatch; returns the status."""
    arguments = (handles, len(handles), values, len(values))
    status: int = lib.ingot_encoder_dispatch_using(
        encoder, kernel, *arguments, used.handles, used.accesses, len(used.handles), *extents
    )
    return status


def gpu_address(buffer: Handle) -> int:
    """Where the GPU finds a buffer."""
    address = ffi.new("uint64_t *")
    check(lib.ingot_buffer_get_gpu_address(buffer, address))
    return int(address[0])
