"""Graphs among other dispatches: what orders them where they meet."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from kernels import SAXPY

import ingot

STEPS = """
#include <metal_stdlib>
using namespace metal;
kernel void add(device int *y, constant int &by, uint i [[thread_position_in_grid]]) { y[i] += by; }
kernel void multiply(device int *y, constant int &by, uint i [[thread_position_in_grid]]) { y[i] *= by; }
"""


@pytest.mark.parametrize("given", [False, True], ids=["of everything", "of one buffer"])
def test_barriers_that_a_graph_begins_with_are_there_after_other_dispatches(
    device: ingot.Device,
    given: bool,  # noqa: FBT001, a case
) -> None:
    library = device.compile(STEPS)
    add, multiply = library.kernel("add"), library.kernel("multiply")
    y = device.zeros(64, np.int32)
    with device.record(ordering="manual") as graph:
        graph.barrier(*[y] * given)
        graph.dispatch(multiply, y, 3, grid=64)
    with device.record(ordering="manual") as nothing_else:
        nothing_else.barrier()
    assert (graph.barriers, graph.replay().barriers) == (0, 0)
    expected = 0
    for _ in range(20):
        with device.encoder(ordering="manual") as encoder:
            encoder.dispatch(add, y, 1, grid=64)
            graph.encode(encoder)
            nothing_else.encode(encoder)
            encoder.dispatch(add, y, 1, grid=64)
            assert encoder.barriers == 2
            encoder.commit_and_wait()
        expected = ((expected + 1) * 3 + 1) % (1 << 32)
        assert (y.numpy().view(np.uint32) == expected).all()


@pytest.mark.parametrize("replacements", [[1], 5, "x"])
def test_what_is_no_mapping_replaces_nothing(device: ingot.Device, replacements: Any) -> None:
    saxpy = device.compile(SAXPY).kernel("saxpy")
    x = device.zeros(4)
    with device.record() as graph:
        graph.dispatch(saxpy, x, device.zeros(4), 1.0, grid=4)
    for call in (graph.replay, graph.replace):
        with pytest.raises(ingot.ArgumentError, match="no mapping"):
            call(replacements)
