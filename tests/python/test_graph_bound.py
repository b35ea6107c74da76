"""Graphs of bound kernels, and of kernels that reach buffers through pointers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernels import SAXPY

if TYPE_CHECKING:
    import ingot


def test_bound_kernels_and_what_is_reached_through_pointers_are_recorded(device: ingot.Device) -> None:
    saxpy = device.compile(SAXPY).kernel("saxpy")
    x, y, z = device.full(16, 1.0), device.zeros(16), device.zeros(16)
    bound = saxpy.bind(x, y, a=2.0)
    with device.record() as graph:
        graph.dispatch(bound, grid=16)
        graph.dispatch(bound, grid=16)
        graph.dispatch(saxpy, x, z, a=2.0, grid=16, uses=[(y, "r")])
    assert (graph.dispatches, graph.barriers) == (3, 2)
    graph.replay()
    graph.replay(a=1.0)
    graph.replay({y: z, (0, "a"): 10.0}).wait()
    assert (y.numpy()[0], z.numpy()[0]) == (6.0, 17.0)
    with device.encoder() as encoder:
        encoder.dispatch(bound, grid=16)
        graph.encode(encoder)
        encoder.dispatch(bound, grid=16)
        assert encoder.barriers == 4
        encoder.commit_and_wait()
    assert y.numpy()[0] == 14.0
