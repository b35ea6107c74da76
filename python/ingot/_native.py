"""The border: the one module that knows both Python and ingot.h.

It turns statuses into exceptions, and ties each handle to the Python object that owns it. The other modules call what
is here, or a function of ingot.h that is bound here by name.
"""

import math
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from ingot import errors
from ingot._native_library import ffi
from ingot._native_library import lib as _lib
from ingot._native_owners import owners, release_owners
from ingot._native_places import place, taken

lib: Final = _lib
"""The functions and constants of ingot.h."""

Handle: TypeAlias = Any
"""A handle of ingot.h, or a pointer: cffi has no types for a type checker."""

Struct: TypeAlias = Any
"""A filled struct of ingot.h."""

NULL: Final[Handle] = ffi.NULL

# Bound by name for the paths where a tenth of a microsecond counts.
encoder_dispatch: Final = lib.ingot_encoder_dispatch
dispatch_along: Final = lib.dispatch_along
dispatch_bound: Final = lib.ingot_encoder_dispatch_bound
dispatch_bound_along: Final = lib.dispatch_bound_along
buffer_get_contents: Final = lib.ingot_buffer_get_contents
create_in_device: Final = lib.ingot_buffer_create
create_in_pool: Final = lib.ingot_pool_create_buffer
empty_in_device: Final = lib.new_empty_of_device
empty_in_pool: Final = lib.new_empty_of_pool
buffer_window: Final = lib.ingot_buffer_window
buffer_release: Final = lib.ingot_buffer_release
drop_encoder: Final = lib.drop_encoder

lock = threading.RLock()
"""For what is shared by all threads of the process and changes; held for a look-up, never for a call into C.

What the collector or a signal runs meanwhile, in the same thread, may want it as well.
"""

# Python sees a signal only between two calls into C.
SLICE: Final = 100_000_000

FOREVER: Final = (1 << 64) - 1
"""Nanoseconds without an end."""

_EXCEPTIONS: Final[Mapping[int, type[errors.IngotError]]] = {
    lib.INGOT_ERROR_ARGUMENT: errors.ArgumentError,
    lib.INGOT_ERROR_CLOSED: errors.ClosedError,
    lib.INGOT_ERROR_DEVICE_NOT_FOUND: errors.DeviceNotFoundError,
    lib.INGOT_ERROR_OUT_OF_MEMORY: errors.OutOfMemoryError,
    lib.INGOT_ERROR_PIPELINE: errors.PipelineError,
    lib.INGOT_ERROR_STATE: errors.StateError,
    lib.INGOT_ERROR_IN_FLIGHT: errors.InFlightError,
    lib.INGOT_ERROR_TIMEOUT: errors.WaitTimeoutError,
}


def _renew_lock() -> None:
    """In a forked child, where the thread that held the lock does not exist."""
    global lock  # noqa: PLW0603
    lock = threading.RLock()


os.register_at_fork(after_in_child=_renew_lock)


def failure(status: int) -> errors.IngotError:
    """The exception for what the last call of this thread returned."""
    message = text(lib.ingot_last_error)
    if status == lib.INGOT_ERROR_COMPILE:
        info = struct("error_info", lib.ingot_last_error_info)
        where = {"file": string(info.file), "source_line": string(info.source_line)}
        return errors.CompileError(message, line=info.line, column=info.column, **where)
    if status == lib.INGOT_ERROR_COMMAND_BUFFER:
        info = struct("error_info", lib.ingot_last_error_info)
        kernels = tuple(string(info.kernels).splitlines())
        return errors.CommandBufferError(message, code=info.metal_code, label=string(info.label), kernels=kernels)
    return _EXCEPTIONS.get(status, errors.IngotError)(message)


def last_failure() -> errors.IngotError:
    """The exception for the last call of this thread that failed, where that returned no status."""
    return failure(struct("error_info", lib.ingot_last_error_info).status)


def check(status: int) -> None:
    """Raises what a status other than INGOT_OK stands for."""
    if status:
        raise failure(status)


def string(member: Handle) -> str:
    """The text in a `char` array of a struct."""
    decoded: str = ffi.string(member).decode("utf-8", "replace")
    return decoded


def text(function: Callable[..., int], *arguments: Handle) -> str:
    """The text of a function that ends in `(char *text, uint64_t capacity, uint64_t *length)`."""
    length = ffi.new("uint64_t *")
    capacity = 1024
    while True:
        target = ffi.new("char[]", capacity)
        check(function(*arguments, target, capacity, length))
        if length[0] < capacity:
            return string(target)
        capacity = length[0] + 1


def struct(name: str, function: Callable[..., int], *arguments: Handle) -> Struct:
    """The struct that a function fills through its last parameter."""
    result = new_struct(name)
    check(function(*arguments, result))
    return result


def new_struct(name: str) -> Struct:
    """A struct that knows its size."""
    made = ffi.new(f"ingot_{name} *")
    made.size = ffi.sizeof(made[0])
    return made


def encoded(text: str, what: str) -> bytes:
    """Text for C, which ends at a NUL."""
    if not isinstance(text, str):
        message = f"{what} must be a str, not {type(text).__name__}"
        raise errors.ArgumentError(message)
    if "\0" in text:
        message = f"{what} has a NUL character at {text.index(chr(0))}"
        raise errors.ArgumentError(message)
    return text.encode("utf-8", "replace")


def optional(text: str | None, what: str) -> Handle:
    """Text for C, or NULL."""
    return NULL if text is None else encoded(text, what)


# ---- Devices ---------------------------------------------------------------------------------------------------


def device_count() -> int:
    """How many devices there are."""
    count = ffi.new("uint64_t *")
    check(lib.ingot_device_count(count))
    return int(count[0])


def open_device(  # the flags of ingot.h, by name
    index: int, *, isolated: bool, require_gpu: bool, residency: bool, manual_time: bool
) -> Handle:
    """Opens the device at an index, or the default one for -1."""
    flags = isolated and lib.INGOT_DEVICE_ISOLATED
    flags |= require_gpu and lib.INGOT_DEVICE_REQUIRE_GPU
    flags |= not residency and lib.INGOT_DEVICE_NO_RESIDENCY
    flags |= manual_time and lib.INGOT_DEVICE_MANUAL_TIME
    device = place("device")
    check(lib.ingot_device_open(index, flags, device))
    return taken(device, lib.ingot_device_release)


def device_info(device: Handle) -> Struct:
    """The `ingot_device_info`."""
    return struct("device_info", lib.ingot_device_get_info, device)


def device_statistics(device: Handle) -> Struct:
    """The `ingot_device_statistics`."""
    return struct("device_statistics", lib.ingot_device_get_statistics, device)


def advance_time(device: Handle, seconds: float) -> None:
    """Lets time pass for a device with manual time."""
    if isinstance(seconds, str | bytes) or not 0 <= seconds < 1 << 32:
        message = f"{errors.shown(seconds)} seconds cannot pass; 0 to {(1 << 32) - 1} can"
        raise errors.ArgumentError(message)
    check(lib.ingot_device_advance_time(device, int(seconds * 1e9)))


def device_supports(device: Handle, family: int) -> bool:
    """Whether the device is of an `MTLGPUFamily`."""
    supported = ffi.new("uint8_t *")
    check(lib.ingot_device_supports(device, family, supported))
    return bool(supported[0])


# ---- Buffers ---------------------------------------------------------------------------------------------------


def create_buffer(  # noqa: PLR0913, PLR0917, the parameters of ingot.h
    create: Callable[..., int],
    maker: Handle,
    dtype: int,
    shape: Sequence[int],
    initial: Any,
    label: str | None,
    flags: int,
) -> Handle:
    """Makes a buffer, with ingot_buffer_create or what is like it."""
    data, nbytes = NULL, 0
    if initial is not None:
        data = ffi.from_buffer(initial)
        nbytes = len(data)
    name = NULL if label is None else encoded(label, "the label")
    buffer = place("buffer")
    status = create(maker, dtype, shape, len(shape), data, nbytes, name, flags, buffer, NULL)
    if status:
        raise failure(status)
    if owners:
        release_owners()
    return taken(buffer, buffer_release)


def create_window(buffer: Handle, offset: int, dtype: int, shape: tuple[int, ...]) -> Handle:
    """A handle of a part of a buffer, which keeps the memory alive; `dtype` 0 keeps the dtype."""
    window = place("buffer")
    status = buffer_window(buffer, offset, dtype, shape, len(shape), window)
    if status:
        raise failure(status)
    return taken(window, buffer_release)


def buffer_info(buffer: Handle) -> Struct:
    """The `ingot_buffer_info`."""
    return struct("buffer_info", lib.ingot_buffer_get_info, buffer)


def settle(buffer: Handle) -> int:
    """Waits, as `wait`, until no submission writes a buffer; returns the status."""
    while (status := lib.ingot_buffer_wait(buffer, lib.INGOT_ACCESS_READ, SLICE)) == lib.INGOT_ERROR_TIMEOUT:
        pass
    if owners and not status:
        release_owners()
    return int(status)


# ---- Kernels ---------------------------------------------------------------------------------------------------


def compile_library(
    device: Handle, source: bytes, math_mode: int, language_version: int, macros: Mapping[bytes, bytes]
) -> Handle:
    """Compiles MSL."""
    names = [ffi.new("char[]", name) for name in macros]
    values = [ffi.new("char[]", value) for value in macros.values()]
    options = ffi.new("ingot_compile_options *")
    options.size = ffi.sizeof(options[0])
    options.math_mode, options.language_version, options.macro_count = math_mode, language_version, len(macros)
    options.macro_names = macro_names = ffi.new("char *[]", names)
    options.macro_values = macro_values = ffi.new("char *[]", values)
    library = place("library")
    check(lib.ingot_library_compile(device, source, options, library))
    del macro_names, macro_values  # a pointer in a struct does not keep what it points to
    return taken(library, lib.ingot_library_release)


def kernel_names(library: Handle) -> tuple[str, ...]:
    """The names of a library's kernels, sorted."""
    return tuple(text(lib.ingot_library_get_kernel_names, library).split())


def get_kernel(library: Handle, name: str) -> Handle:
    """The pipeline of a kernel."""
    kernel = place("kernel")
    check(lib.ingot_library_get_kernel(library, encoded(name, "the name of a kernel"), kernel))
    return taken(kernel, lib.ingot_kernel_release)


def kernel_info(kernel: Handle) -> Struct:
    """The `ingot_kernel_info`."""
    return struct("kernel_info", lib.ingot_kernel_get_info, kernel)


def kernel_argument(kernel: Handle, position: int) -> Struct:
    """The `ingot_argument_info` of an argument."""
    return struct("argument_info", lib.ingot_kernel_get_argument, kernel, position)


# ---- Encoders and submissions ----------------------------------------------------------------------------------


def create_encoder(
    create: Callable[..., int], source: Handle, label: str | None, ordering: int, *, profile: bool
) -> Handle:
    """The place of an encoder of a device or a queue, made with ingot_encoder_create or what is like it."""
    encoder = place("encoder")
    check(create(source, optional(label, "the label"), ordering, encoder))
    if profile:
        check(lib.ingot_encoder_time_dispatches(encoder[0]))
    return encoder


def commit(encoder: Handle) -> tuple[int, Handle]:
    """Commits; returns the status, and the place of the submission, which is in it if that is INGOT_OK."""
    submission = place("submission")
    status = lib.ingot_encoder_commit(encoder, submission)
    if owners and not status:  # what ends with an owner might fail, and so replace the text of this failure
        release_owners()
    return status, submission


def submission_info(submission: Handle) -> Struct:
    """The `ingot_submission_info`."""
    return struct("submission_info", lib.ingot_submission_get_info, submission)


def number(given: Any) -> float:
    """A number that a user gave; NaN if it is none."""
    try:
        return math.nan if isinstance(given, str | bytes) else float(given)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def nanoseconds(duration: float) -> int:
    """A time for C; what does not fit is for ever."""
    return int(duration * 1e9) if duration * 1e9 < 1 << 63 else FOREVER


def wait(
    handle: Handle, timeout: float | None, function: Callable[[Handle, int], int] = lib.ingot_submission_wait
) -> int:
    """Waits with the GIL released; returns the status. Ctrl-C interrupts it within 100 ms."""
    given = timeout
    if timeout is None or timeout == math.inf:
        while (status := function(handle, SLICE)) == lib.INGOT_ERROR_TIMEOUT:
            pass
        return int(status)
    timeout = number(timeout)
    if not timeout >= 0:
        message = f"a wait of {errors.shown(given)} seconds; it must be 0 or more, or None to wait for ever"
        raise errors.ArgumentError(message)
    deadline = time.monotonic() + timeout
    remaining = timeout
    while True:
        status = function(handle, int(min(remaining * 1e9, SLICE)))
        remaining = max(deadline - time.monotonic(), 0)
        if status != lib.INGOT_ERROR_TIMEOUT or remaining == 0:
            return int(status)


def live_objects() -> dict[str, int]:
    """How many objects are alive, by kind; tests assert that none are left."""
    counts = struct("live_objects", lib.ingot_count_live_objects)
    fields = [name for name, _ in ffi.typeof("ingot_live_objects").fields if name != "size"]
    return {name: int(getattr(counts, name)) for name in fields}
