"""Buffers that kernels reach through pointers in other buffers: `gpu_address` and `uses`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import ingot

POINTERS = """
#include <metal_stdlib>
using namespace metal;
struct Node { device const float *from; device float *to; uint count; };
kernel void follow(device const Node *nodes, uint i [[thread_position_in_grid]]) {
  for (uint k = 0; k < nodes[i].count; ++k) nodes[i].to[k] = 2 * nodes[i].from[k];
}
kernel void number(constant ulong &address, device float *out, uint i [[thread_position_in_grid]]) {
  out[i] = reinterpret_cast<device const float *>(address)[i];
}
kernel void bump(device float *x, uint i [[thread_position_in_grid]]) { x[i] += 1; }
"""
NODE = np.dtype([("from", "u8"), ("to", "u8"), ("count", "u4")], align=True)


@pytest.fixture
def library(device: ingot.Device) -> ingot.Library:
    return device.compile(POINTERS)


def test_kernels_follow_pointers_in_structs(device: ingot.Device, library: ingot.Library) -> None:
    sources = [device.full(n + 1, n) for n in range(5)]
    targets = [device.zeros(n + 1) for n in range(5)]
    pairs = zip(sources, targets, strict=True)
    table = np.array([(x.gpu_address, y.gpu_address, x.size) for x, y in pairs], NODE)
    nodes = device.array(table.view(np.uint8))
    uses: list[ingot.Use] = [*((x, "r") for x in sources), *((y, "w") for y in targets)]
    follow = library.kernel("follow")
    follow(nodes, grid=5, uses=uses)
    assert [y.numpy().tolist() for y in targets] == [[2.0 * n] * (n + 1) for n in range(5)]
    follow(table, grid=5, uses=uses)  # the pointers inline
    bound = follow.bind(nodes, uses=uses)
    with device.encoder() as encoder:
        for _ in range(2):
            encoder.dispatch(bound, grid=5)
        assert encoder.commit_and_wait().barriers == 1


def test_the_address_is_that_of_the_window(device: ingot.Device, library: ingot.Library) -> None:
    x, out = device.array(np.arange(100, dtype=np.float32)), device.zeros(4)
    window = x[10:14]
    assert window.gpu_address == x.gpu_address + 40
    library.kernel("number")(window.gpu_address, out, grid=4, uses=((window, "r"),))
    assert out.numpy().tolist() == [10, 11, 12, 13]
    closed = device.zeros(4)
    closed.close()
    with pytest.raises(ingot.ClosedError):
        _ = closed.gpu_address


def test_they_are_in_order_with_arguments(device: ingot.Device, library: ingot.Library) -> None:
    x, y = device.zeros(4), device.zeros(4)
    number, bump = library.kernel("number"), library.kernel("bump")
    with device.encoder() as encoder:
        for _ in range(3):
            encoder.dispatch(bump, x, grid=4)
            encoder.dispatch(number, x.gpu_address, y, grid=4, uses=[(x, "r")])
        first = encoder.commit()
    with device.encoder() as encoder:
        encoder.dispatch(bump, x, grid=4)
        encoder.dispatch(number, x.gpu_address, y, grid=4, uses=[(x, "r")])
        encoder.commit_and_wait()
    first.wait()
    assert first.barriers == 5
    assert y.numpy().tolist() == [4] * 4


def test_mapped_buffers_are_not_used(device: ingot.Device, library: ingot.Library) -> None:
    x, y = device.zeros(4), device.zeros(4)
    with x.mapped("w"), device.encoder() as encoder:
        encoder.dispatch(library.kernel("number"), x.gpu_address, y, grid=4, uses=[(x, "r")])
        with pytest.raises(ingot.InFlightError):
            encoder.commit()
        encoder.discard()


@pytest.mark.parametrize("uses", [5, [5], [()], ["rw"], [("x", "r")], "x", [(None, "r")], {"x": "r"}], ids=repr)
def test_what_is_no_use_is_refused(device: ingot.Device, library: ingot.Library, uses: Any) -> None:
    y = device.zeros(4)
    with device.encoder() as encoder:
        with pytest.raises(ingot.ArgumentError, match="in uses; it is a list of"):
            encoder.dispatch(library.kernel("number"), 1, y, grid=4, uses=uses)
        with pytest.raises(ingot.ArgumentError, match="in uses; it is a list of"):
            library.kernel("number").bind(1, y, uses=uses)
        encoder.discard()


def test_what_cannot_be_used_is_refused(device: ingot.Device, library: ingot.Library) -> None:
    number, y = library.kernel("number"), device.zeros(4)
    closed = device.zeros(4)
    closed.close()
    stale = ingot.Pool(device)
    taken = stale.zeros(4)
    stale.reset()
    cases: list[tuple[list[Any], type[Exception], str]] = [
        ([(y, "x")], ingot.ArgumentError, "it is a list"),
        ([(y, "r"), (y, None)], ingot.ArgumentError, "it is a list"),
        ([(closed, "r")], ingot.ClosedError, "closed"),
        ([(taken, "r")], ingot.ClosedError, "pool"),
        ([(ingot.Device.new(0).zeros(4), "r")], ingot.ArgumentError, "another device"),
    ]
    with device.encoder() as encoder:
        for uses, error, match in cases:
            with pytest.raises(error, match=match):
                encoder.dispatch(number, 1, y, grid=4, uses=uses)
            with pytest.raises(error, match=match):
                number.bind(1, y, uses=uses)
        encoder.dispatch(number, y.gpu_address, y, grid=4, uses=[])
        assert encoder.dispatches == 1
        encoder.discard()
