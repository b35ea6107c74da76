"""Graphs against NumPy: random programs over windows that overlap, replayed with other buffers and values."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

import ingot

if TYPE_CHECKING:
    from ingot.encoder import Ordering

KERNELS = """
#include <metal_stdlib>
using namespace metal;
kernel void join(device const uint *x, device uint *y, constant uint &a, uint i [[thread_position_in_grid]]) {
  y[i] = 3 * y[i] + x[i] + a;
}
kernel void scale(device uint *y, constant uint &a, uint i [[thread_position_in_grid]]) { y[i] = 5 * y[i] + a; }
"""
RECORDED, STORAGES, LENGTH = 3, 5, 24
"""Programs are recorded over the first storages; the others are only put in the place of these."""

Models = list[np.ndarray[Any, Any]]


class Window(NamedTuple):
    """Elements of a storage."""

    storage: int
    start: int
    count: int

    @property
    def part(self) -> slice:
        return slice(self.start, self.start + self.count)


class Step(NamedTuple):
    """A call: `x` is read and `y` written."""

    call: str
    x: Window
    y: Window
    a: int

    def apply(self, models: Models) -> None:
        x, y = (models[window.storage][window.part] for window in (self.x, self.y))
        with np.errstate(over="ignore"):
            match self.call:
                case "join":
                    y[:] = 3 * y + x + np.uint32(self.a)
                case "scale":
                    y[:] = 5 * y + np.uint32(self.a)
                case "copy":
                    y[:] = x
                case "fill":
                    y[:] = self.a


@st.composite
def step(draw: st.DrawFn) -> Step:
    count = draw(st.integers(1, 12))
    x, y = (Window(draw(st.integers(0, RECORDED - 1)), draw(st.integers(0, LENGTH - count)), count) for _ in range(2))
    if x.storage == y.storage and abs(x.start - y.start) < count:  # one dispatch would read what it writes
        x = x._replace(storage=(x.storage + 1) % RECORDED)
    return Step(draw(st.sampled_from(["join", "join", "scale", "copy", "fill"])), x, y, draw(st.integers(0, 9)))


@st.composite
def programs(draw: st.DrawFn) -> list[Step]:
    """Half of them have one value in all dispatches, for which a name can stand."""
    program = draw(st.lists(step(), min_size=1, max_size=12))
    return [each._replace(a=7) for each in program] if draw(st.booleans()) else program


class Replay(NamedTuple):
    """How a graph is replayed: each storage in the place of which other, values for dispatches, and where."""

    places: list[int]
    values: dict[int, int]
    everywhere: int | None
    way: str


def replays() -> st.SearchStrategy[Replay]:
    """Some have nothing but a value by name, which is put into the graph without recording it again."""
    places, everywhere = st.just(list(range(STORAGES))), st.integers(20, 29)
    ways = st.sampled_from(["replay", "replace", "encode", "encode", "record"])
    values = st.dictionaries(st.integers(0, 11), st.integers(10, 19), max_size=3)
    return st.one_of(
        st.builds(Replay, places | st.permutations(range(STORAGES)), values, st.none() | everywhere, ways),
        st.builds(Replay, places, st.just({}), everywhere, ways),
    )


class Machine:
    """Buffers, and what NumPy says that is in them."""

    def __init__(self, device: ingot.Device) -> None:
        self.device = device
        library = device.compile(KERNELS)
        self.leads = False
        self.join, self.scale = library.kernel("join"), library.kernel("scale")
        self.models: Models = [np.arange(LENGTH, dtype=np.uint32) + 100 * n for n in range(STORAGES)]
        self.buffers = [device.array(model) for model in self.models]

    def window(self, window: Window) -> ingot.Buffer:
        return self.buffers[window.storage][window.part]

    def encode(self, encoder: ingot.CommandEncoder, step: Step) -> None:
        x, y = self.window(step.x), self.window(step.y)
        match step.call:
            case "join":
                encoder.dispatch(self.join, x, y, step.a, grid=step.y.count)
            case "scale":
                encoder.dispatch(self.scale, y, a=step.a, grid=step.y.count)
            case "copy":
                encoder.copy(x, y)
            case "fill":
                encoder.fill(y, step.a)

    def record(self, program: list[Step], ordering: Ordering) -> ingot.Graph:
        """With manual ordering barriers are after each step, or before each: also before the first."""
        self.leads = ordering == "manual" and len(program) % 2 == 0
        with self.device.record("program", ordering) as graph:
            for step in program:
                if self.leads:
                    graph.barrier()
                self.encode(graph, step)
                if ordering == "manual" and not self.leads:
                    graph.barrier()
        return graph

    def replay(self, graph: ingot.Graph, program: list[Step], replay: Replay) -> None:
        replaced, replacements, named = self.replaced(program, replay)
        before, *after = (replaced[place]._replace(a=a) for place, a in ((0, 1), (0, 2), (-1, 3)))
        match replay.way:
            case "replay":
                graph.replay(replacements, **named)
            case "replace":
                other = graph.replace(replacements, **named)
                other.replay()
                replaced *= 2
                other.replay()
            case "encode" | "record":
                replaced = [before, *replaced, *after]
                begin = self.device.encoder if replay.way == "encode" else self.device.record
                with begin(ordering=graph.ordering) as encoder:
                    self.encode(encoder, before)
                    if graph.ordering == "manual" and not self.leads:
                        encoder.barrier()
                    graph.encode(encoder, replacements, **named)
                    for step in after:
                        if graph.ordering == "manual":
                            encoder.barrier()
                        self.encode(encoder, step)
                    if not isinstance(encoder, ingot.Graph):
                        encoder.commit()
                if isinstance(encoder, ingot.Graph):
                    encoder.replay()
        for step in replaced:
            step.apply(self.models)

    def replaced(self, program: list[Step], replay: Replay) -> tuple[list[Step], dict[Any, Any], dict[str, Any]]:
        """What the steps become, and how a graph is told."""
        moved = [
            step._replace(x=self.moved(step.x, replay.places), y=self.moved(step.y, replay.places)) for step in program
        ]
        replacements: dict[Any, Any] = {}
        for old, new in zip(program, moved, strict=True):
            for window, other in ((old.x, new.x), (old.y, new.y)):
                if window != other and (window is old.y or old.call in {"join", "copy"}):
                    replacements[self.window(window)] = self.window(other)
        named: dict[str, Any] = {}
        dispatched = [number for number, step in enumerate(program) if step.call in {"join", "scale"}]
        if replay.everywhere is not None and len({program[number].a for number in dispatched}) == 1:
            named["a"] = replay.everywhere
            for number in dispatched:
                moved[number] = moved[number]._replace(a=replay.everywhere)
        for number, value in replay.values.items():
            if number < len(program) and program[number].call != "copy":
                moved[number] = moved[number]._replace(a=value)
                replacements[number, "value" if program[number].call == "fill" else "a"] = value
        return moved, replacements, named

    def moved(self, window: Window, places: list[int]) -> Window:
        return window._replace(storage=places[window.storage])

    def check(self) -> None:
        self.device.synchronize()
        for buffer, model in zip(self.buffers, self.models, strict=True):
            assert np.array_equal(buffer.numpy(), model)


def test_graphs_are_like_their_model(device: ingot.Device) -> None:
    """Whatever is permuted that Metal does not order, replays come to what NumPy computes step by step."""

    @settings(max_examples=500, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        programs(),
        st.sampled_from(["automatic", "automatic", "serial", "manual"]),
        st.lists(replays(), min_size=1, max_size=4),
    )
    def run(program: list[Step], ordering: Ordering, ways: list[Replay]) -> None:
        machine = Machine(device)
        graph = machine.record(program, ordering)
        note(repr(graph))
        for way in ways:
            machine.replay(graph, program, way)
        machine.check()

    run()


def test_independent_dispatches_of_a_graph_have_no_barrier(device: ingot.Device) -> None:
    """However the windows lie that do not overlap."""
    scale = device.compile(KERNELS).kernel("scale")
    storage = device.zeros(256, np.uint32)

    @settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(st.integers(1, 255), unique=True, min_size=1, max_size=20), st.randoms(use_true_random=False))
    def run(cuts: list[int], chance: Any) -> None:
        edges = [0, *sorted(cuts), 256]
        windows = [storage[start:end] for start, end in pairwise(edges)]
        chance.shuffle(windows)
        with device.record() as graph:
            for window in windows:
                graph.dispatch(scale, window, 1, grid=window.size)
        assert (graph.barriers, graph.barriers_spared) == (0, len(windows) - 1)
        assert graph.replay().barriers == 0

    run()
    device.synchronize()
