"""Values of graphs: which of them a name means, and where long ones are kept."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from kernels import SAXPY

import ingot

NAMED = """
#include <metal_stdlib>
using namespace metal;
kernel void add(device uint *x, constant {type} &{name}, uint i [[thread_position_in_grid]]) {{
  x[i] += ((constant uint *)&{name})[0];
}}
"""
LONG = """
kernel void pick(device float *y, constant float *table, uint i [[thread_position_in_grid]]) { y[i] = table[i + 1500]; }
kernel void spare(device float *y, constant float &a, uint i [[thread_position_in_grid]]) { y[i] += 1; }
"""


@pytest.mark.parametrize("kind", ["uint", "uint4"])
@pytest.mark.parametrize("name", ["pattern", "edges"])
def test_copies_and_fills_have_no_names(device: ingot.Device, name: str, kind: str) -> None:
    add = device.compile(NAMED.format(name=name, type=kind)).kernel("add")
    x, y = device.zeros(64, np.uint32), device.zeros(64, np.uint32)

    def value(number: int) -> Any:
        return number if kind == "uint" else (number, 0, 2048, 0)

    with device.record() as graph:
        graph.fill(x, 100)
        graph.dispatch(add, x, value(1), grid=64)
        graph.copy(x, y)
        graph.dispatch(add, x, value(1), grid=64)
    graph.replay(**{name: value(5)}).wait()
    assert (x.numpy() == 110).all()
    assert (y.numpy() == 105).all()
    with device.encoder() as encoder:
        graph.encode(encoder, **{name: value(7)})
        encoder.commit_and_wait()
    assert (y.numpy() == 107).all()
    graph.replay().wait()
    assert (y.numpy() == 101).all()


def test_a_reset_of_the_pool_takes_no_long_values(device: ingot.Device) -> None:
    y = device.empty(100, exact=True)
    with device.record() as graph:
        graph.dispatch(device.compile(LONG).kernel("pick"), y, np.arange(2000, dtype=np.float32), grid=100)
    device.pool.reset()
    graph.replay().wait()
    assert y.numpy()[7] == 1507
    graph.replay(table=np.arange(2000, 0, -1, dtype=np.float32)).wait()
    device.pool.reset()
    assert y.numpy()[7] == 493


def test_what_was_left_out_is_said_to_be(device: ingot.Device) -> None:
    with device.record("spared") as graph:
        graph.dispatch(device.compile(LONG).kernel("spare"), device.zeros(4), grid=4)
    with pytest.raises(ingot.ArgumentError, match="'a' was left out of every dispatch of graph 'spared'"):
        graph.replay(a=1.0)


def test_what_does_not_fit_a_copy_or_fill(device: ingot.Device) -> None:
    x, y = device.zeros(4), device.zeros(4)
    with device.record() as graph:
        graph.copy(x, y)
        graph.fill(x, 1.0)
    with pytest.raises(ingot.ArgumentError, match=r"'source' takes an ingot\.Buffer"):
        graph.replay({(0, "source"): 1.0})
    with pytest.raises(ingot.ArgumentError, match="'destination'.* is written .*, so it needs"):
        graph.replay({(0, "destination"): 1.0})
    with pytest.raises(ingot.ArgumentError, match="float32: give a buffer of that dtype"):
        graph.replay({(1, "buffer"): device.zeros(4, np.int32)})


def test_a_graph_that_was_made_of_another_is_like_it(device: ingot.Device) -> None:
    x, y = device.zeros(4), device.zeros(4)
    with device.record("first") as graph:
        graph.dispatch(device.compile(SAXPY).kernel("saxpy"), x, y, a=2.0, grid=4)
        with pytest.raises(ingot.StateError, match="no submission of its own"):
            _ = graph.submission
    made = graph.replace(a=3.0)
    assert made.queue is graph.queue is device.default_queue
    assert (made.device, made.label, made.ordering) == (device, "first", graph.ordering)
    for each in (graph, made):
        with pytest.raises(ingot.StateError, match="no submission of its own"):
            _ = each.submission
