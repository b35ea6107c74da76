"""Graphs: dispatches that are recorded once and replayed many times."""

from __future__ import annotations

from collections.abc import Mapping
from operator import index
from typing import TYPE_CHECKING, ClassVar, Self, TypeAlias

from ingot import _native, _native_graph
from ingot._native import drop_encoder, lib
from ingot._native_graph import EVERY, Replacement
from ingot.binding import HEAD, Binder
from ingot.buffer import Buffer
from ingot.encoder import CommandEncoder
from ingot.errors import ArgumentError, StateError, WaitTimeoutError, shown
from ingot.kernel import argument
from ingot.submission import Submission

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from ingot.device import Device
    from ingot.encoder import Ordering, Value

Replaced: TypeAlias = "Buffer | tuple[int, str]"
"""What can be replaced by a mapping: a buffer that was recorded, or the argument of a dispatch."""


class Graph(CommandEncoder):
    """Dispatches that are recorded once, to be replayed many times with one call each; `Device.record` begins it.

    In its `with` block it is an encoder that runs nothing: all is checked, and barriers are found, as in others, but it
    cannot be committed. When the block ends it is a graph, which never changes; leaving it by an exception, or
    `discard()`, drops the recording. A replay is one command buffer, which runs what was recorded in its order: nothing
    is fused or moved. It keeps its buffers and kernels alive, and may be replayed from any thread.

    Example:
        with device.record(label="step") as step:
            step.dispatch(saxpy, x, y, a=2.0, grid=x.size)
            step.copy(y, z)
        for _ in range(1000):
            step.replay()
        step.replay(a=3.0).wait()
        step.replay({y: w}).wait()
    """

    __slots__ = ("_binders", "_graph")
    _unended: ClassVar[str] = "before the end of its `with` block"

    def __init__(self, device: Device, label: str | None, ordering: Ordering) -> None:
        self._graph: _native.Handle = None
        self._binders: dict[tuple[str, int], Binder] = {}
        super().__init__(device, label, ordering)

    def replay(self, replacements: Mapping[Replaced, Value] | None = None, /, **named: Value) -> Submission:
        """Encodes it all in one command buffer, commits that, and returns at once.

        Args:
            replacements: What this replay uses in place of what was recorded: `{x: y}` for a buffer wherever it is
                used, as the same bytes of the same dtype; `{(2, "x"): y}` for an argument of one dispatch, counted from
                0. Copies, which have `source` and `destination`, and fills, which have `buffer` and `value`, count
                too, barriers do not.
            named: The same for an argument of the kernels by its name, in every dispatch that has it: all must have
                been recorded with the same value.

        Of several that mean one argument the most precise holds: one of a dispatch, then a name, then a buffer. Grids,
        threadgroups, threadgroup memory and `uses` stay: where another table of pointers reaches other buffers, record
        another graph. `replace` makes a graph of replacements that is replayed faster.

        Raises:
            ArgumentError: A replacement means no argument, or does not fit, or a name was recorded with different
                values.
            StateError: It is being recorded, or was discarded.
            ClosedError: A buffer was closed, or a pool took memory back that is used.
            InFlightError: It uses bytes that are mapped on the host.
        """
        graph = self._recorded()
        given = self._given(replacements, named) if replacements or named else _native_graph.NOTHING
        try:
            return Submission(_native_graph.replay(graph, *given), self._device, self._label)
        except WaitTimeoutError:
            return self._replay_in_line(graph, given)

    def replace(self, replacements: Mapping[Replaced, Value] | None = None, /, **named: Value) -> Graph:
        """Another graph with replacements as `replay` takes, and the barriers that these need.

        Example:
            there, back = step, step.replace({x: y, y: x})
            for _ in range(1000):
                there.replay()
                back.replay()
        """
        made = _native_graph.replace(self._recorded(), *self._given(replacements, named))
        return self._of(made)

    def encode(
        self, encoder: CommandEncoder, replacements: Mapping[Replaced, Value] | None = None, /, **named: Value
    ) -> None:
        """Encodes it all, among other dispatches of an encoder and in its order; with replacements as `replay` takes.

        A recording, and an encoder with `profile=True`, take the dispatches as if they were made one by one, and may
        have some of them when memory runs out; else the encoder is after an error as it was.

        Raises as `replay` and as dispatches of the encoder, and `ArgumentError` if that is another device's, or has
        another ordering, unless it is `"serial"`.

        Example:
            with device.encoder() as encoder:
                encoder.fill(x, 0.0)
                step.encode(encoder)
                encoder.commit()
        """
        if not isinstance(encoder, CommandEncoder):
            raise ArgumentError(f"{shown(encoder)} is no encoder; device.encoder() and device.record() give one")
        graph = self._recorded()
        self._encode(graph, encoder, self._given(replacements, named))

    def __enter__(self) -> Self:
        if not self._is_open:
            raise StateError(self._over)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if not self._is_open:
            return
        if kind is None:
            status, self._graph = _native_graph.finish(self._handle)
            if status:
                raise self._failure(status)
        self._is_open = False
        drop_encoder(self._place)

    def __repr__(self) -> str:
        label = "" if self._label is None else f" {self._label!r}"
        if self._graph is None:
            return f"<ingot.Graph{label}, {'recording' if self._is_open else 'discarded'}>"
        return f"<ingot.Graph{label}, {self.dispatches} dispatches, {self.barriers} barriers>"

    @property
    def submission(self) -> Submission:
        """A graph has none, since each `replay` gives one: this raises `StateError`."""
        raise StateError(f"{self._name} has no submission of its own: each replay() gives one")

    @property
    def _name(self) -> str:
        return "the graph" if self._label is None else f"the graph {self._label!r}"

    def _begin(self, label: str | None, ordering: int, *, profile: bool) -> _native.Handle:  # noqa: ARG002, it runs nothing
        return _native_graph.create_recorder(self._device._handle, label, ordering)

    @property
    def _over(self) -> str:
        if self._graph is None:
            return f"{self._name} was discarded; device.record() begins another"
        return f"{self._name} is recorded already: replay() it, or device.record() another"

    def _info(self) -> _native.Struct:
        return super()._info() if self._graph is None else _native_graph.info(self._graph)

    def _replay_in_line(self, graph: _native.Handle, given: _native_graph.Replacements) -> Submission:
        """A replay that has to wait for one of Metal's command buffers."""
        with CommandEncoder(self._device, self._label, self.ordering) as encoder:
            self._encode(graph, encoder, given)
            return encoder.commit()

    @staticmethod
    def _encode(graph: _native.Handle, encoder: CommandEncoder, given: _native_graph.Replacements) -> None:
        encoder._call(lambda handle: lib.ingot_graph_encode(graph, handle, *given))

    def _recorded(self) -> _native.Handle:
        if self._graph is not None:
            return self._graph
        raise StateError(f"{self._name} is being recorded until its `with` block ends" if self._is_open else self._over)

    def _of(self, handle: _native.Handle) -> Graph:
        """A graph as this one, but with what was made of it."""
        graph = Graph.__new__(Graph)
        graph._graph, graph._binders, graph._submission = handle, {}, None
        graph._awaiting = 0
        graph._device, graph._queue, graph._label, graph._is_open = self._device, None, self._label, False
        graph._place = graph._handle = _native.NULL
        return graph

    def _given(
        self, replacements: Mapping[Replaced, Value] | None, named: Mapping[str, Value]
    ) -> _native_graph.Replacements:
        made = [*self._mapped(replacements or {}), *(self._replacement(name, EVERY, named[name]) for name in named)]
        return _native_graph.replacements(made)

    def _mapped(self, replacements: Mapping[Replaced, Value]) -> Iterator[Replacement]:
        if not isinstance(replacements, Mapping):
            raise ArgumentError(f"{shown(replacements)} is no mapping of what is replaced, as {{x: y, (2, 'a'): 3}} is")
        for replaced, value in replacements.items():
            if isinstance(replaced, Buffer) and isinstance(value, Buffer):
                yield Replacement(recorded=replaced._open(), buffer=value._open())
            elif isinstance(replaced, Buffer):
                raise ArgumentError(f"{shown(value)} for {replaced!r}: a buffer is replaced by an ingot.Buffer")
            else:
                yield self._replacement(*_place(replaced), value)

    def _replacement(self, name: str, dispatch: int, value: object) -> Replacement:
        encoded = _native.encoded(name, "the name of an argument")
        if isinstance(value, Buffer):
            return Replacement(encoded, dispatch, buffer=value._open())
        if value is None:
            raise ArgumentError(
                f"None for {name!r}: give a buffer or a value; what a replay leaves out stays as it was"
            )
        binder = self._binders.get((name, dispatch)) or self._binder(name, encoded, dispatch)
        if binder.arguments[0].kind == "threadgroup":
            return Replacement(encoded, dispatch)  # which is refused, with the reason
        _, packed = binder.bind((value,), {})
        return Replacement(encoded, dispatch, value=packed[HEAD.size :], dtype=HEAD.unpack_from(packed)[1])

    def _binder(self, name: str, encoded: bytes, dispatch: int) -> Binder:
        native = _native_graph.argument(self._graph, encoded, dispatch)
        binder = self._binders[name, dispatch] = _Binder("", (argument(native),), (native.dtype,))
        return binder


class _Binder(Binder):
    """The argument of any kernel of a graph."""

    __slots__ = ()

    def _refusal(self, what: str) -> ArgumentError:
        return ArgumentError(f"the graph's {what}")


def _place(replaced: object) -> tuple[str, int]:
    """The name and the dispatch of an argument."""
    if isinstance(replaced, tuple) and len(replaced) == 2 and isinstance(replaced[1], str):  # noqa: PLR2004
        try:
            number = index(replaced[0])
        except TypeError:
            number = -1
        if 0 <= number < EVERY:
            return replaced[1], number
    raise ArgumentError(
        f"{shown(replaced)} cannot be replaced: a buffer can, or (n, name), the argument of dispatch n, counted from 0;"
        " for a name in all dispatches write name=value"
    )
