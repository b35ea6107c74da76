"""The rules of ingot.h that hold for every function: NULL results, any integer, structs that grow, text that is cut."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from abi import FUNCTIONS, HANDLE_TYPES, STATUSES, Live, release, struct, text

from ingot._native import ffi, lib

if TYPE_CHECKING:
    from collections.abc import Iterator

# Pointers that may be NULL, by the position of the parameter.
OPTIONAL = {
    "ingot_last_error": {0, 2},
    "ingot_buffer_create": {6, 9},
    "ingot_pool_create_buffer": {6, 9},
    "ingot_buffer_get_contents": {2},
    "ingot_buffer_wrap": {9},
    "ingot_buffer_from_raw": {7},
    "ingot_library_compile": {2},
    "ingot_library_get_kernel_names": {1, 3},
    "ingot_kernel_get_label": {1, 3},
    "ingot_library_get_label": {1, 3},
    "ingot_library_set_label": {1},
    "ingot_pool_create_batch": {3},
    "ingot_pool_release_buffer": {2},
    "ingot_pool_reset": {1},
    "ingot_pool_trim": {2},
    "ingot_pool_relieve": {2},
    "ingot_residency_set_create": {1},
    "ingot_buffer_open_view": {2},
    "ingot_buffer_map": {4},
    "ingot_encoder_create": {1},
    "ingot_encoder_commit": {1},
    "ingot_queue_create": {1},
    "ingot_queue_create_encoder": {1},
    "ingot_event_create": {1},
    "ingot_session_create": {1},
    "ingot_session_begin_stage": {1},
    "ingot_session_commit_stage": {1},
    "ingot_session_fence_stage": {1},
    "ingot_profile_get_table": {1, 3},
    "ingot_profile_get_trace": {1, 3},
    "ingot_recorder_create": {1},
    "ingot_graph_replay": {3},
    "ingot_graph_try_replay": {3},
}
# A capture takes a Mac whose process was started for it; then the second of them succeeds as well.
REFUSED = {"ingot_device_start_capture", "ingot_device_stop_capture"}
# Their pointers to buffers are no results.
TAKE_HANDLES = {
    "ingot_encoder_barrier",
    "ingot_encoder_dispatch",
    "ingot_encoder_dispatch_using",
    "ingot_kernel_bind",
    "ingot_residency_set_add",
    "ingot_residency_set_remove",
}
# Bytes of the structs that have grown, in their first version.
FIRST = {
    "ingot_buffer_info": 312,
    "ingot_device_statistics": 48,
    "ingot_kernel_info": 40,
    "ingot_error_info": 352,
    "ingot_live_objects": 72,
    "ingot_pool_statistics": 80,
    "ingot_submission_info": 304,
}
INTEGERS = [0, 1, 2, 3, 7, 31, 32, 33, 255, 1 << 16, 1 << 20, *((1 << n) - d for n in (31, 32, 63, 64) for d in (0, 1))]


@pytest.fixture
def live() -> Iterator[Live]:
    with Live() as handles:
        yield handles


def drop_results(name: str, arguments: list[Any]) -> None:
    """Releases the handles that a call made."""
    for parameter, argument in zip(FUNCTIONS[name].args, arguments, strict=True):
        if parameter.kind == "pointer" and parameter.item in HANDLE_TYPES and argument != ffi.NULL:
            takes = name in TAKE_HANDLES and HANDLE_TYPES[parameter.item] == "buffer"
            count = 256 if name == "ingot_pool_create_batch" else 0 if takes else 1
            for handle in argument[0:count]:
                if handle != ffi.NULL:
                    assert release(HANDLE_TYPES[parameter.item], handle) == lib.INGOT_OK


@pytest.mark.parametrize("name", FUNCTIONS)
def test_good_call(live: Live, name: str) -> None:
    arguments = live.arguments(name)
    if name.endswith("_release"):
        arguments = [live.make(name.removeprefix("ingot_").removesuffix("_release"))]
    status = getattr(lib, name)(*arguments)
    assert status == (lib.INGOT_ERROR_STATE if name in REFUSED else lib.INGOT_OK), text()
    drop_results(name, arguments)


POINTERS = [
    pytest.param(name, position, id=f"{name.removeprefix('ingot_')}-{position}")
    for name, function in FUNCTIONS.items()
    for position, parameter in enumerate(function.args)
    if parameter.kind == "pointer" and parameter not in HANDLE_TYPES
]


@pytest.mark.parametrize(("name", "position"), POINTERS)
def test_null_is_refused_where_something_is_needed(live: Live, name: str, position: int) -> None:
    arguments = live.arguments(name)
    arguments[position] = ffi.NULL
    status = getattr(lib, name)(*arguments)
    if position in OPTIONAL.get(name, ()):
        assert status == lib.INGOT_OK, text()
        drop_results(name, arguments)
    else:
        assert status == lib.INGOT_ERROR_ARGUMENT
        assert "NULL" in text() or name == "ingot_last_error_info"


NUMBERS = [
    pytest.param(name, position, id=f"{name.removeprefix('ingot_')}-{position}")
    for name, function in FUNCTIONS.items()
    for position, parameter in enumerate(function.args)
    if parameter.kind == "primitive" and name not in ("ingot_submission_wait", "ingot_last_error")
]


@pytest.mark.parametrize(("name", "position"), NUMBERS)
def test_any_integer_gives_a_status(live: Live, name: str, position: int) -> None:
    kind = FUNCTIONS[name].args[position]
    for value in INTEGERS:
        arguments = live.arguments(name)
        arguments[position] = ffi.cast(kind, value)
        status = getattr(lib, name)(*arguments)
        assert status in STATUSES.values()
        if status == lib.INGOT_OK:
            drop_results(name, arguments)
        else:
            assert text()


# Each function that reads or writes a struct with a size, and where.
SIZED = [
    pytest.param(name, position, id=parameter.item.cname.removeprefix("struct ingot_"))
    for name, function in FUNCTIONS.items()
    for position, parameter in enumerate(function.args)
    if parameter.kind == "pointer" and parameter.item.kind == "struct" and parameter not in HANDLE_TYPES
    if "size" in dict(parameter.item.fields)
]


def test_all_structs_with_a_size_are_here() -> None:
    named = [name for name in ffi.list_types()[0] if name.startswith("ingot_") and ffi.typeof(name).kind == "struct"]
    sized = {name for name in named if "size" in dict(ffi.typeof(name).fields)}
    assert {f"ingot_{parameter.id}" for parameter in SIZED} == sized


@pytest.mark.parametrize(("name", "position"), SIZED)
def test_struct_of_the_first_version_is_taken_and_a_smaller_one_refused(live: Live, name: str, position: int) -> None:
    arguments = live.arguments(name)
    given = arguments[position]
    size = FIRST.get(FUNCTIONS[name].args[position].item.cname.removeprefix("struct "), ffi.sizeof(given[0]))
    for number, status in ((size, 0), (size + 1, 0), ((1 << 64) - 1, 0), (size - 1, 1), (8, 1), (0, 1)):
        given.size = number
        assert getattr(lib, name)(*arguments) == status, text()
        assert given.size == number
        if status == lib.INGOT_OK:
            drop_results(name, arguments)
    if name != "ingot_last_error_info":
        assert "size is 0" in text()
        assert str(size) in text()


@pytest.mark.parametrize(("name", "position"), SIZED)
def test_no_byte_behind_a_struct_is_touched(live: Live, name: str, position: int) -> None:
    arguments = live.arguments(name)
    size = ffi.sizeof(arguments[position][0])
    memory = ffi.new("uint8_t[]", b"\xa5" * (size + 64))
    given = ffi.cast(FUNCTIONS[name].args[position], memory)
    ffi.memmove(given, arguments[position], size)
    given.size = size + 32
    arguments[position] = given
    assert getattr(lib, name)(*arguments) == lib.INGOT_OK, text()
    assert bytes(memory[size : size + 64]) == b"\xa5" * 64
    drop_results(name, arguments)


def test_text_is_cut_where_a_character_ends(live: Live) -> None:
    label = "αβγ→𝄞"
    assert lib.ingot_library_get_kernel(live.handles["library"], label.encode(), ffi.new("ingot_kernel *")) == 1
    whole = text()
    assert label in whole
    utf8 = whole.encode()
    length = ffi.new("uint64_t *")
    for capacity in range(len(utf8) + 2):
        target = ffi.new("char[]", b"\x7f" * (len(utf8) + 8))
        assert lib.ingot_last_error(target, capacity, length) == lib.INGOT_OK
        assert length[0] == len(utf8)
        if capacity == 0:
            assert target[0] == b"\x7f"
            continue
        cut = ffi.string(target)
        assert whole.startswith(cut.decode())  # which fails within a character
        assert capacity - 4 <= len(cut) + 1 <= max(capacity, 1) or len(cut) == len(utf8)
        assert target[capacity] == b"\x7f"


def test_long_texts_are_kept_to_what_fits(live: Live) -> None:
    name = ("ß" * 20_000).encode()
    assert lib.ingot_library_get_kernel(live.handles["library"], name, ffi.new("ingot_kernel *")) == 1
    length = ffi.new("uint64_t *")
    target = ffi.new("char[]", 1 << 16)
    assert lib.ingot_last_error(target, 1 << 16, length) == lib.INGOT_OK
    assert 4000 < length[0] < 1 << 16
    assert "ßßß" in ffi.string(target).decode()


def test_long_label_is_cut_in_the_struct(live: Live) -> None:
    encoder, submission = ffi.new("ingot_encoder *"), ffi.new("ingot_submission *")
    assert lib.ingot_encoder_create(live.handles["device"], ("→" * 300).encode(), 0, encoder) == lib.INGOT_OK
    assert lib.ingot_encoder_commit(encoder[0], submission) == lib.INGOT_OK
    info = struct("submission_info")
    assert lib.ingot_submission_get_info(submission[0], info) == lib.INGOT_OK
    assert ffi.string(info.label).decode() == "→" * 85  # 255 bytes
    release("encoder", encoder[0])
    release("submission", submission[0])


def test_broken_utf8_is_repaired(live: Live) -> None:
    assert lib.ingot_library_get_kernel(live.handles["library"], b"a\xff\xc3", ffi.new("ingot_kernel *")) == 1
    assert "a\ufffd" in text()


def test_status_names() -> None:
    for name, status in STATUSES.items():
        assert ffi.string(lib.ingot_status_name(status)).decode() == name
    for number in (-1, len(STATUSES), 1 << 30):
        assert lib.ingot_status_name(number) == ffi.NULL
    assert sorted(STATUSES.values()) == list(range(len(STATUSES)))


def test_errors_belong_to_their_thread() -> None:
    def fail(index: int, seen: list[str]) -> None:
        lib.ingot_device_open(index, 0, ffi.new("ingot_device *"))
        barrier.wait()
        seen.append(text())

    barrier = threading.Barrier(4)
    results: list[list[str]] = [[] for _ in range(4)]
    threads = [threading.Thread(target=fail, args=(1000 + n, results[n])) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for n, (message,) in enumerate(results):
        assert str(1000 + n) in message


def test_a_success_leaves_the_error_as_it_was() -> None:
    lib.ingot_device_open(1001, 0, ffi.new("ingot_device *"))
    count = ffi.new("uint64_t *")
    assert lib.ingot_device_count(count) == lib.INGOT_OK
    assert "1001" in text()
    info = struct("error_info")
    assert lib.ingot_last_error_info(info) == lib.INGOT_OK
    assert info.status == lib.INGOT_ERROR_DEVICE_NOT_FOUND


def test_failed_call_writes_no_result(live: Live) -> None:
    sentinel = ffi.cast("ingot_kernel", 0x5EED)
    result = ffi.new("ingot_kernel *", sentinel)
    assert lib.ingot_library_get_kernel(live.handles["library"], b"none", result) == lib.INGOT_ERROR_ARGUMENT
    assert result[0] == sentinel
