"""Handles of the C ABI: NULL, stale, forged and of another kind, into every function that takes one."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest
from abi import FUNCTIONS, HANDLE_TYPES, KINDS, Live, release, text

from ingot._native import ffi, lib

if TYPE_CHECKING:
    from collections.abc import Iterator

# Each function that takes a handle, with the position and the kind of each.
TAKING = [
    pytest.param(name, position, HANDLE_TYPES[parameter], id=f"{name.removeprefix('ingot_')}-{position}")
    for name, function in FUNCTIONS.items()
    for position, parameter in enumerate(function.args)
    if parameter in HANDLE_TYPES
]


@pytest.fixture
def live() -> Iterator[Live]:
    with Live() as handles:
        yield handles


def call(live: Live, name: str, position: int, handle: Any) -> int:
    arguments = live.arguments(name)
    arguments[position] = handle
    return int(getattr(lib, name)(*arguments))


def forged(kind: str, bits: int) -> Any:
    return ffi.cast(f"ingot_{kind}", bits)


def slot(handle: Any) -> int:
    return int(ffi.cast("uintptr_t", handle)) & 0xFFFFFFFF


def test_every_kind_is_taken_by_some_function() -> None:
    assert {parameter.values[2] for parameter in TAKING} == set(KINDS)


@pytest.mark.parametrize(("name", "position", "kind"), TAKING)
def test_null_is_closed(live: Live, name: str, position: int, kind: str) -> None:
    assert call(live, name, position, ffi.NULL) == lib.INGOT_ERROR_CLOSED
    if not name.endswith("_release"):
        assert kind in text()


@pytest.mark.parametrize(("name", "position", "kind"), TAKING)
def test_released_handle_is_closed_even_when_its_slot_is_used_again(
    live: Live, name: str, position: int, kind: str
) -> None:
    stale = live.make(kind)
    release(kind, stale)
    again = [live.make(kind) for _ in range(3)]
    # The slot of a submission or a graph goes to the encoder that the next one is made with.
    assert slot(stale) in map(slot, again) or kind in {"submission", "graph"}
    assert stale not in again
    assert call(live, name, position, stale) == lib.INGOT_ERROR_CLOSED
    for handle in again:
        release(kind, handle)


@pytest.mark.parametrize(("name", "position", "kind"), TAKING)
def test_handle_of_another_kind_is_refused(live: Live, name: str, position: int, kind: str) -> None:
    for other in KINDS:
        if other != kind:
            cast = ffi.cast(f"ingot_{kind}", live.handles[other])
            assert call(live, name, position, cast) == lib.INGOT_ERROR_ARGUMENT
            if not name.endswith("_release"):
                assert other in text()
                assert kind in text()


@pytest.mark.parametrize(("name", "position", "kind"), TAKING)
def test_forged_handle_is_refused(live: Live, name: str, position: int, kind: str) -> None:
    real = int(ffi.cast("uintptr_t", live.handles[kind]))
    chance = random.Random(name)
    forgeries = [1, 7, 1 << 31, 1 << 32, (1 << 64) - 1]
    forgeries += [real ^ 1 << 33, real + 1000, real | 0xFFFFFFFF, real & ~(1 << 60)]
    forgeries += [chance.randrange(1 << 64) for _ in range(100)]
    forgeries += [real ^ 1 << chance.randrange(32, 64) for _ in range(20)]  # another generation or kind
    for bits in forgeries:
        if bits != real:
            assert call(live, name, position, forged(kind, bits)) in (lib.INGOT_ERROR_CLOSED, lib.INGOT_ERROR_ARGUMENT)


@pytest.mark.parametrize("kind", KINDS)
def test_a_handle_is_released_once_and_releasing_leaves_the_error_text(live: Live, kind: str) -> None:
    assert lib.ingot_device_open(1000, 0, ffi.new("ingot_device *")) == lib.INGOT_ERROR_DEVICE_NOT_FOUND
    before = text()
    assert "1000" in before
    handle = live.make(kind)
    assert release(kind, handle) == lib.INGOT_OK
    assert release(kind, handle) == lib.INGOT_ERROR_CLOSED
    assert text() == before
