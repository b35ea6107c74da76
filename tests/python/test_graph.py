"""Graphs: recorded once, replayed many times, with other buffers and values."""

from __future__ import annotations

import gc
import pickle
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from kernels import SAXPY, Gate

import ingot

if TYPE_CHECKING:
    from ingot.encoder import Ordering

ORDERINGS: tuple[Ordering, ...] = ("automatic", "serial", "manual")
STEPS = """
#include <metal_stdlib>
using namespace metal;
kernel void add(device int *y, constant int &by, uint i [[thread_position_in_grid]]) { y[i] += by; }
kernel void multiply(device int *y, constant int &by, uint i [[thread_position_in_grid]]) { y[i] *= by; }
kernel void turn(device const uchar4 *x, device uchar4 *y, constant uchar4 &by, threadgroup uchar4 *tile,
                   uint i [[thread_position_in_grid]], uint l [[thread_position_in_threadgroup]]) {
  tile[l] = x[i];
  threadgroup_barrier(mem_flags::mem_threadgroup);
  y[i] = tile[l] + by;
}
"""


@pytest.fixture
def saxpy(device: ingot.Device) -> ingot.Kernel:
    return device.compile(SAXPY).kernel("saxpy")


@pytest.fixture
def steps(device: ingot.Device) -> tuple[ingot.Kernel, ingot.Kernel]:
    library = device.compile(STEPS)
    return library.kernel("add"), library.kernel("multiply")


@pytest.mark.parametrize("ordering", ORDERINGS)
def test_c75_a_graph_of_one_dispatch_does_what_the_dispatch_does(
    device: ingot.Device, saxpy: ingot.Kernel, ordering: Ordering
) -> None:
    x, y, z = device.array(np.arange(100.0, dtype=np.float32)), device.zeros(100), device.zeros(100)
    with device.record("one", ordering) as graph:
        graph.dispatch(saxpy, x, y, a=2.0, grid=100)
    assert not y.numpy().any()
    for round_ in range(1, 4):
        submission = graph.replay()
        submission.wait()
        assert (submission.label, submission.dispatches, submission.barriers) == ("one", 1, 0)
        with device.encoder() as encoder:
            encoder.dispatch(saxpy, x, z, 2.0, grid=100)
            encoder.commit_and_wait()
        assert np.array_equal(y.numpy(), z.numpy())
        assert device.statistics().submissions == 2 * round_


@pytest.mark.parametrize("ordering", ORDERINGS)
def test_c76_add_barrier_multiply_in_one_submission_are_as_in_two(
    device: ingot.Device, steps: tuple[ingot.Kernel, ingot.Kernel], ordering: Ordering
) -> None:
    x, y = device.array(np.arange(1000, dtype=np.int32)), device.array(np.arange(1000, dtype=np.int32))
    with device.record(ordering=ordering) as graph:
        graph.dispatch(steps[0], x, 3, grid=1000)
        graph.barrier()
        graph.dispatch(steps[1], x, 2, grid=1000)
    submission = graph.replay()
    submission.wait()
    assert submission.barriers == graph.barriers == (0 if ordering == "serial" else 1)
    assert graph.ordering == ordering
    for kernel, by in zip(steps, (3, 2), strict=True):
        with device.encoder() as encoder:
            encoder.dispatch(kernel, y, by, grid=1000)
            encoder.commit_and_wait()
    assert np.array_equal(x.numpy(), y.numpy())


def test_c77_small_dispatches_of_a_graph_are_one_command_buffer(
    device: ingot.Device, steps: tuple[ingot.Kernel, ingot.Kernel]
) -> None:
    rows = device.zeros((120, 64), np.int32)
    with device.record() as graph:
        for row in rows:
            graph.dispatch(steps[0], row, 1, grid=64)
    assert (graph.dispatches, graph.barriers, graph.barriers_spared) == (120, 0, 119)
    assert device.statistics().submissions == 0
    graph.replay().wait()
    assert device.statistics().submissions == 1
    assert (rows.numpy() == 1).all()


def test_c46_recorded_barriers_are_in_the_graph_and_counted_by_its_replays(
    device: ingot.Device, steps: tuple[ingot.Kernel, ingot.Kernel]
) -> None:
    x = device.zeros(8, np.int32)
    with device.encoder(ordering="manual") as encoder, device.record(ordering="manual") as graph:
        graph.dispatch(steps[0], x, 1, grid=8)
        for _ in range(3):
            graph.barrier(x)
        graph.dispatch(steps[1], x, 2, grid=8)
        assert encoder.barriers == 0
        encoder.commit()
    assert (graph.dispatches, graph.barriers) == (2, 3)
    assert [graph.replay().barriers for _ in range(2)] == [3, 3]
    assert x.numpy(wait=True)[0] == 6


def test_c78_unfinished_recordings_leave_the_device_usable(
    device: ingot.Device, steps: tuple[ingot.Kernel, ingot.Kernel]
) -> None:
    x = device.zeros(8, np.int32)
    before = ingot._native.live_objects()
    for round_ in range(200):
        if round_ % 2:
            with pytest.raises(KeyError), device.record() as graph:
                graph.dispatch(steps[0], x, 1, grid=8)
                raise KeyError
        else:
            graph = device.record()
            graph.dispatch(steps[0], x, 1, grid=8)
            graph.discard()
    with pytest.raises(ingot.StateError, match="discarded"):
        graph.replay()
    del graph
    gc.collect()
    assert ingot._native.live_objects() == before
    assert device.statistics().submissions == 0
    with device.record() as graph:
        graph.dispatch(steps[0], x, 1, grid=8)
    graph.replay().wait()
    assert (x.numpy() == 1).all()


def test_an_unfinished_recording_warns(device: ingot.Device) -> None:
    graph = device.record("taped")
    with pytest.warns(ResourceWarning, match="'taped' was dropped before the end of its `with` block"):
        del graph
        gc.collect()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with device.record() as graph:
            pass
        del graph
        gc.collect()


def test_c79_a_graph_and_dispatches_mix_in_one_encoder(
    device: ingot.Device, steps: tuple[ingot.Kernel, ingot.Kernel]
) -> None:
    add, multiply = steps
    x = device.zeros(256, np.int32)
    with device.record() as graph:
        graph.dispatch(add, x, 1, grid=256)
        graph.dispatch(multiply, x, 2, grid=256)
    for ordering in ("automatic", "serial"):
        with device.encoder(ordering=ordering) as encoder:  # type: ignore[arg-type]
            encoder.fill(x, 5)
            graph.encode(encoder)
            encoder.dispatch(add, x, 10, grid=256)
            graph.encode(encoder, {(1, "by"): 3})
            submission = encoder.commit_and_wait()
        assert (x.numpy() == 69).all()
        assert (submission.dispatches, submission.barriers) == (6, 5 if ordering == "automatic" else 0)
    with device.record() as outer:
        outer.fill(x, 1)
        graph.encode(outer)
    with device.encoder(ordering="manual") as encoder:
        with pytest.raises(ingot.ArgumentError, match="ordering"):
            outer.encode(encoder)
        encoder.commit()
    outer.replay({(0, "value"): 2, (2, "by"): -1}).wait()
    assert (x.numpy() == -3).all()


def test_replacements(device: ingot.Device, saxpy: ingot.Kernel) -> None:
    x, y, z, w = (device.full(16, value) for value in (1.0, 0.0, 0.0, 10.0))
    with device.record("step") as step:
        step.dispatch(saxpy, x, y, a=2.0, grid=16)
        step.copy(y, z)
        step.dispatch(saxpy, x, z, a=2.0, grid=16)

    def check(*values: float) -> None:
        assert [buffer.numpy(wait=True)[0] for buffer in (x, y, z, w)] == list(values)

    step.replay()
    check(1, 2, 4, 10)
    step.replay(a=3.0, x=w)
    check(1, 32, 62, 10)
    step.replay({y: w}, a=np.float32(1))
    check(1, 32, 12, 11)
    step.replay({(0, "x"): w, (2, "a"): -1, z: w[:]}, a=1)
    check(1, 43, 12, 42)
    with pytest.raises(ingot.ArgumentError, match=r"'y' was recorded with 2 different values, in dispatches 0 \| 2"):
        step.replay(y=w)
    back = step.replace({x: y, y: x})
    assert repr(back) == "<ingot.Graph 'step', 3 dispatches, 2 barriers>"
    back.replay()
    check(87, 43, 173, 42)
    back.replace(a=0.0).replay()
    check(87, 43, 87, 42)


def test_replaced_vectors_and_structs(device: ingot.Device) -> None:
    turn = device.compile(STEPS).kernel("turn")
    x = device.array(np.arange(32, dtype=np.uint8).reshape(8, 4))
    y = device.zeros((8, 4), np.uint8)
    with device.record() as graph:
        graph.dispatch(turn, x, y, by=(1, 2, 3, 4), tile=ingot.threadgroup(64), grid=8, group=8)
    for by in ((5, 6, 7, 8), np.array([9, 8, 7, 6], np.uint8), b"\1\1\1\1"):
        graph.replay(by=by).wait()  # type: ignore[arg-type]
        added = np.frombuffer(by, np.uint8) if isinstance(by, bytes) else np.array(by)
        assert np.array_equal(y.numpy(), x.numpy() + added)
    with pytest.raises(ingot.ArgumentError, match="threadgroup memory"):
        graph.replay(tile=ingot.threadgroup(128))
    with pytest.raises(ingot.ArgumentError, match="4 numbers of uint8"):
        graph.replay(by=(1, 2))


def test_refused_replacements(device: ingot.Device, saxpy: ingot.Kernel) -> None:
    x, y = device.zeros(16), device.zeros(16)
    closed = device.zeros(16)
    closed.close()
    with device.record("refusing") as graph:
        graph.dispatch(saxpy, x, y, a=2.0, grid=16)
        graph.fill(x, 1.0)
    refused: list[tuple[dict[Any, Any], dict[str, Any], str]] = [
        ({}, {"b": 1}, "argument 'b'"),
        ({}, {"a": None}, "None for 'a'"),
        ({}, {"a": "1"}, "str was given"),
        ({}, {"a": np.float64(1)}, "convert it"),
        ({}, {"a": 1e300}, "float32"),
        ({}, {"y": 1.0}, "written by the kernel"),
        ({}, {"y": device.zeros(16, np.int32)}, "int32"),
        ({}, {"y": ingot.Device.new(0).zeros(16)}, "another device"),
        ({}, {"x\0": x}, "NUL"),
        ({x: 1.0}, {}, "replaced by an ingot.Buffer"),
        ({device.zeros(16): y}, {}, "does not use"),
        ({x[:8]: y[:8]}, {}, "does not use"),
        ({(2, "x"): x}, {}, "it has 2, counted from 0"),
        ({(-1, "x"): x}, {}, "counted from 0"),
        ({(1 << 64, "x"): x}, {}, "counted from 0"),
        ({(0, "z"): x}, {}, "it has 'x', 'y', 'a'"),
        ({(1, "value"): 1 + 2j}, {}, "complex"),
        ({"a": 1.0}, {}, "write name=value"),
        ({0: x}, {}, "write name=value"),
    ]
    with device.encoder() as encoder:
        for mapping, named, message in refused:
            with pytest.raises(ingot.ArgumentError, match=message):
                graph.replay(mapping, **named)
            with pytest.raises(ingot.ArgumentError, match=message):
                graph.replace(mapping, **named)
            with pytest.raises(ingot.ArgumentError, match=message):
                graph.encode(encoder, mapping, **named)
        for arguments in (({x: closed},), ({(0, "x"): closed},), ({closed: x},)):
            with pytest.raises(ingot.ClosedError):
                graph.replay(*arguments)
        with pytest.raises(ingot.ClosedError):
            graph.replay(x=closed)
        with pytest.raises(ingot.ArgumentError, match="no encoder"):
            graph.encode(device)  # type: ignore[arg-type]
        assert encoder.dispatches == 0
        encoder.commit()
    with pytest.raises(ingot.StateError, match="committed"):
        graph.encode(encoder)
    assert device.statistics().submissions == 1


def test_a_recording_checks_as_an_encoder_does_and_goes_on(device: ingot.Device, saxpy: ingot.Kernel) -> None:
    x, y = device.zeros(16), device.zeros(16)
    with device.record("checked") as graph:
        with pytest.raises(ingot.ArgumentError, match="not given"):
            graph.dispatch(saxpy, x, y, grid=16)
        with pytest.raises(ingot.ArgumentError, match="share bytes"):
            graph.copy(x, x)
        for refused in (graph.commit, graph.commit_and_wait):
            with pytest.raises(ingot.StateError, match="has no command buffer"):
                refused()
        for early in (graph.replay, graph.replace):
            with pytest.raises(ingot.StateError, match="is being recorded until its `with` block ends"):
                early()
        graph.fill(x, 1.0)
        assert (graph.dispatches, repr(graph)) == (1, "<ingot.Graph 'checked', recording>")
    assert device.statistics().submissions == 0
    graph.replay().wait()
    assert (x.numpy() == 1).all()
    for late in (lambda: graph.fill(x, 2.0), graph.barrier, graph.commit, graph.__enter__):
        with pytest.raises(ingot.StateError, match="is recorded already"):
            late()
    with pytest.raises(TypeError, match="Graph"):
        pickle.dumps(graph)
    with pytest.raises(ingot.ArgumentError, match="ordering"):
        device.record(ordering="random")  # type: ignore[arg-type]


def test_two_recordings_at_a_time(device: ingot.Device) -> None:
    x = device.zeros(8, np.int32)
    with device.record("outer") as outer:
        outer.fill(x, 1)
        with device.record("inner") as inner:
            inner.fill(x, 2)
        outer.fill(x, 3)
    assert (inner.dispatches, outer.dispatches) == (1, 2)
    outer.replay().wait()
    assert x.numpy()[0] == 3
    inner.replay().wait()
    assert x.numpy()[0] == 2


def test_a_graph_keeps_what_it_uses(device: ingot.Device) -> None:
    with device.record() as graph:
        x, y = device.zeros(16), device.zeros(16)
        graph.dispatch(device.compile(SAXPY).kernel("saxpy"), x, y, a=1.0, grid=16)
        graph.copy(y, x)
    view = x.numpy()
    x.close()
    del x, y
    gc.collect()
    others = [device.zeros(16) for _ in range(10)]
    for _ in range(5):
        graph.replay({(0, "a"): 1.0}).wait()
    with device.encoder() as encoder:
        graph.encode(encoder)
        encoder.commit_and_wait()
    assert not view.any()
    assert not any(other.numpy().any() for other in others)


def test_a_pool_that_takes_memory_back_makes_graphs_stale(device: ingot.Device) -> None:
    pool = ingot.Pool(device)
    x, other = pool.zeros(1024, np.int32), device.zeros(1024, np.int32)
    with device.record() as graph:
        graph.fill(x, 1)
    with pytest.raises(ingot.ClosedError, match="went back to its pool"), device.record() as recording:
        recording.fill(x, 2)
        assert pool.reset() == 1
        recording.fill(x, 3)
    with pytest.raises(ingot.ClosedError, match="went back to its pool"):
        graph.replay()
    replaced = graph.replace({(0, "buffer"): other})
    replaced.replay().wait()
    assert (other.numpy() == 1).all()


def test_host_access_knows_of_replays(device: ingot.Device) -> None:
    gate = Gate(device)
    x, y = device.zeros(16, np.uint8), device.zeros(16, np.uint8)
    with device.record("replayed", ordering="serial") as graph:
        graph.dispatch(gate.kernel, gate.word, 1, gate.last, grid=1)
        graph.dispatch(gate.stamp, x, 7, grid=16)
    submission = graph.replay()
    with pytest.raises(ingot.InFlightError, match="'replayed'"):
        x.numpy()
    assert y.numpy()[0] == 0
    gate.open()
    submission.wait()
    assert x.numpy()[0] == 7
    with x.mapped("r"), pytest.raises(ingot.InFlightError, match="mapped"):
        graph.replay()
    with y.mapped("rw"):
        graph.replay().wait()


def test_replays_from_many_threads(device: ingot.Device, steps: tuple[ingot.Kernel, ingot.Kernel]) -> None:
    rows = device.zeros((8, 64), np.int32)
    with device.record() as graph:
        for row in rows:
            graph.dispatch(steps[0], row, by=1, grid=64)
    start = threading.Barrier(4)

    def replay(number: int) -> None:
        start.wait()
        for round_ in range(50):
            submission = graph.replay(by=2) if round_ % 2 else graph.replay()
            if round_ % 10 == number:
                submission.wait()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(replay, range(4)))
    device.synchronize()
    assert (rows.numpy() == 300).all()
    assert device.statistics().submissions == 200
