"""Imports through ingot.h alone, in a process whose tokens are its own: run with the name of a scenario."""

from __future__ import annotations

import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

from abi import region, struct, text
from kernels import SAXPY

from ingot._native import ffi, lib

PAGE = 16384
FOREVER = (1 << 64) - 1


def good(name: str, *arguments: Any) -> None:
    """A call that must succeed."""
    assert getattr(lib, f"ingot_{name}")(*arguments) == lib.INGOT_OK, text()


def made(name: str, kind: str, *arguments: Any) -> Any:
    """The handle that a call makes."""
    result = ffi.new(f"ingot_{kind} *")
    good(name, *arguments, result)
    return result[0]


def device(flags: int = 0) -> Any:
    """An isolated device, without residency sets unless said otherwise: Metal lets go at once."""
    return made("device_open", "device", 0, lib.INGOT_DEVICE_ISOLATED | flags)


def wrap(on: Any, memory: tuple[Any, int], token: int, offset: int = 0, flags: int = 0) -> Any:
    """A buffer of four floats on the memory; the status if it is refused."""
    result, shape = ffi.new("ingot_buffer *"), ffi.new("uint64_t[]", [4])
    place = (*memory, offset, lib.INGOT_FLOAT32, shape, 1, flags, token, ffi.NULL)
    status = lib.ingot_buffer_wrap(on, *place, result)
    return result[0] if status == lib.INGOT_OK else status


def contents(buffer: Any, access: int = 1) -> int:
    """The address of a buffer's bytes."""
    address = ffi.new("void **")
    good("buffer_get_contents", buffer, access, address)
    return int(ffi.cast("uintptr_t", address[0]))


def taken(capacity: int = 100_000) -> list[int]:
    """The tokens that are there, taken away."""
    tokens, count = ffi.new("uint64_t[]", capacity or 1), ffi.new("uint64_t *")
    good("take_released", tokens, capacity, count)
    return list(tokens[0 : count[0]])


def waiting() -> int:
    """How many tokens are there."""
    count = ffi.new("uint64_t *")
    good("take_released", ffi.NULL, 0, count)
    return int(count[0])


def info(buffer: Any) -> Any:
    """What is known of a buffer."""
    result = struct("buffer_info")
    good("buffer_get_info", buffer, result)
    return result


def tokens_come_once() -> None:
    """In the order in which the memory was given back, as many as there is place for; 0 is nobody's."""
    on, memory = device(lib.INGOT_DEVICE_NO_RESIDENCY), region()
    address = int(ffi.cast("uintptr_t", memory))
    for token in (5, 0, FOREVER, 7):
        buffer = wrap(on, (memory, 4 * PAGE), token, offset=32)
        assert contents(buffer) == address + 32
        assert (info(buffer).offset, info(buffer).total_nbytes) == (32, 4 * PAGE)
        window = made("buffer_window", "buffer", buffer, 4, 0, ffi.new("uint64_t[]", [3]), 1)
        good("buffer_release", buffer)
        before = waiting()
        good("buffer_release", window)
        assert waiting() == before + (token != 0)
    assert taken(2) == [5, FOREVER]
    assert taken(2) == [7]
    assert taken() == []
    good("device_release", on)


def no_token_after_a_failure() -> None:
    """Nor does a failure take the place of the memory."""
    on, memory = device(lib.INGOT_DEVICE_NO_RESIDENCY), region()
    start = ffi.cast("uint8_t *", memory)
    refused = [
        (memory, PAGE + 1, 0, "whole pages"), (start + 16, PAGE, 0, "16 bytes after"), (memory, 0, 0, "0 bytes"),
        (memory, PAGE, PAGE - 12, f"byte {PAGE - 12}"), (memory, PAGE, 1 << 63, "offset"),
        (memory, 1 << 62, 0, str(1 << 62)), (memory, FOREVER, 0, str(FOREVER)),
    ]  # fmt: skip
    for where, nbytes, offset, message in refused:
        assert wrap(on, (where, nbytes), 9, offset) == lib.INGOT_ERROR_ARGUMENT
        assert message in text()
    assert wrap(on, (memory, PAGE), 9, flags=4) == lib.INGOT_ERROR_ARGUMENT
    buffer = wrap(on, (memory, 2 * PAGE), 1)
    assert wrap(on, (start + PAGE, 2 * PAGE), 9) == lib.INGOT_ERROR_ARGUMENT
    assert "share memory" in text()
    inner = wrap(on, (start + PAGE, PAGE), 2)
    assert info(inner).storage_id == info(buffer).storage_id
    good("buffer_release", buffer)
    assert waiting() == 0
    good("buffer_release", inner)
    assert sorted(taken()) == [1, 2]


def a_submission_keeps_the_memory() -> None:
    """Until it is done; with residency sets, until the next one."""
    for flags in (lib.INGOT_DEVICE_NO_RESIDENCY, 0):
        on, memory = device(flags), region()
        floats = ffi.cast("float *", memory)
        floats[0:8] = [1, 2, 3, 4, 10, 20, 30, 40]
        x, y = wrap(on, (memory, PAGE), 1), wrap(on, (memory, PAGE), 2, offset=16)
        library = made("library_compile", "library", on, SAXPY.encode(), ffi.NULL)
        kernel = made("library_get_kernel", "kernel", library, b"saxpy")
        encoder = made("encoder_create", "encoder", on, ffi.NULL, 0)
        values = ffi.new("char[12]")
        head = ffi.cast("ingot_value *", values)
        head.position, head.dtype, head.nbytes = 2, lib.INGOT_FLOAT32, 4
        ffi.cast("float *", values + 8)[0] = 2
        buffers = ffi.new("ingot_buffer[]", [x, y])
        good("encoder_dispatch", encoder, kernel, buffers, 2, values, 12, 0, 4, 1, 1, 0, 0, 0)
        good("buffer_release", x)
        good("buffer_release", y)
        assert waiting() == 0
        submission = made("encoder_commit", "submission", encoder)
        good("submission_wait", submission, FOREVER)
        for handle, kind in ((submission, "submission"), (encoder, "encoder")):
            good(f"{kind}_release", handle)
        if not flags:
            encoder = made("encoder_create", "encoder", on, ffi.NULL, 0)
            submission = made("encoder_commit", "submission", encoder)
            good("submission_wait", submission, FOREVER)
            good("submission_release", submission)
            good("encoder_release", encoder)
        tokens: list[int] = []
        while len(tokens) < 2:
            tokens += taken()
        assert sorted(tokens) == [1, 2]
        assert list(floats[4:8]) == [12, 24, 36, 48]
        for handle, kind in ((kernel, "kernel"), (library, "library"), (on, "device")):
            good(f"{kind}_release", handle)


def threads_get_every_token_once() -> None:
    """Four wrap and drop, on one device and memory each of their own, while a fifth takes."""
    on, count = device(lib.INGOT_DEVICE_NO_RESIDENCY), 500

    def work(number: int) -> None:
        memory = region()
        for index in range(count):
            buffer = wrap(on, (memory, PAGE * (1 + index % 8)), 1 + number * count + index)
            good("buffer_release", buffer)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    tokens: list[int] = []
    while any(thread.is_alive() for thread in threads):
        tokens += taken(7)
    tokens += taken()
    assert sorted(tokens) == list(range(1, 4 * count + 1))


def raw_pointers_go_there_and_back() -> None:
    """An exact buffer is known again; memory of a pool is refused."""
    on, shape = device(), ffi.new("uint64_t[]", [4])
    pointer, offset = ffi.new("void **"), ffi.new("uint64_t *")
    for flags in (lib.INGOT_BUFFER_EXACT, 0):
        create = (lib.INGOT_FLOAT32, ffi.new("uint64_t[]", [8]), 1, ffi.NULL, 0, ffi.NULL, flags)
        buffer = ffi.new("ingot_buffer *")
        good("buffer_create", on, *create, buffer, ffi.NULL)
        good("buffer_get_raw", buffer[0], pointer, offset)
        adopt = (on, pointer[0], offset[0] + 16, lib.INGOT_FLOAT32, shape, 1, 0, ffi.NULL)
        if not flags:
            assert lib.ingot_buffer_from_raw(*adopt, buffer) == lib.INGOT_ERROR_ARGUMENT
            assert "pool" in text()
            continue
        again = made("buffer_from_raw", "buffer", *adopt)
        assert contents(again) == contents(buffer[0]) + 16
        assert info(again).storage_id == info(buffer[0]).storage_id
        good("buffer_release", buffer[0])
        assert contents(again) > 0


def files_are_mapped() -> None:
    """Read-only unless asked for; the windows outlive handle and file."""
    on, shape = device(), ffi.new("uint64_t[]", [5])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "größe.bin"
        path.write_bytes(bytes(range(100)))
        for writable in (0, 1):
            file = made("file_map", "file", on, str(path).encode(), writable)
            facts = struct("file_info")
            good("file_get_info", file, facts)
            assert (facts.nbytes, facts.is_writable) == (100, writable)
            window = made("file_window", "buffer", file, 10, lib.INGOT_UINT8, shape, 1)
            assert lib.ingot_file_window(file, 96, lib.INGOT_UINT8, shape, 1, ffi.new("ingot_buffer *")) == 1
            assert "größe.bin" in text()
            assert "100 bytes" in text()
            good("file_release", file)
            status = lib.ingot_buffer_get_contents(window, lib.INGOT_ACCESS_WRITE, ffi.NULL)
            assert status == (lib.INGOT_OK if writable else lib.INGOT_ERROR_ARGUMENT)
            assert info(window).is_read_only == 1 - writable
        path.unlink()
        assert bytes(ffi.buffer(ffi.cast("char *", contents(window)), 5)) == bytes(range(10, 15))
        assert lib.ingot_file_map(on, str(path).encode(), 0, ffi.new("ingot_file *")) == lib.INGOT_ERROR_ARGUMENT
        assert "No such file" in text()


SCENARIOS = {
    scenario.__name__: scenario
    for scenario in (
        tokens_come_once,
        no_token_after_a_failure,
        a_submission_keeps_the_memory,
        threads_get_every_token_once,
        raw_pointers_go_there_and_back,
        files_are_mapped,
    )
}

if __name__ == "__main__":
    SCENARIOS[sys.argv[1]]()
