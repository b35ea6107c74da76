"""Sessions: work in stages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from ingot import _native_queues as border
from ingot._native import check, lib
from ingot.encoder import CommandEncoder
from ingot.errors import Unpicklable, WaitTimeoutError
from ingot.event import Event

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from ingot import _native
    from ingot.queue import Queue
    from ingot.submission import Submission


class EncoderSession(Unpicklable):
    """Work in stages: one encoder after the other on one queue, each of which may wait for the one before by an event.

    `Device.session` and `Queue.session` start it. A stage is an ordinary `CommandEncoder`, and what it is committed as
    an ordinary `Submission`. `commit_stage`, `commit_and_wait` or `fence_stage` commits it; then the session is drained
    until `reset` or `begin_stage`. Anything out of this order raises `StateError`. Leaving a `with` block with a stage
    that is not committed raises `UncommittedError`, as an encoder's does. One thread at a time uses it.

    Example:
        with device.session("layer") as session:
            session.begin_stage("attention").dispatch(attention, x, y, grid=y.size)
            session.fence_stage()  # commits, and signals the next value
            session.begin_stage("ffn").dispatch(ffn, y, z, grid=z.size)  # waits for it
            session.commit_and_wait()
    """

    __slots__ = ("_handle", "_label", "_queue", "_stage", "_submission")

    def __init__(self, queue: Queue, label: str | None) -> None:
        self._handle = border.create_session(queue._handle, label)
        self._queue = queue
        self._label = label
        self._stage: CommandEncoder | None = None
        self._submission: Submission | None = None

    @property
    def queue(self) -> Queue:
        """The queue that stages are committed to."""
        return self._queue

    @property
    def label(self) -> str | None:
        """What stages without a label are called."""
        return self._label

    def begin_stage(self, label: str | None = None) -> CommandEncoder:
        """Begins a stage, after a reset if the session is drained, and returns its encoder.

        Raises `StateError` if the stage before is not committed.
        """
        return self._begin(border.begin_stage(self._handle, label), label)

    @property
    def encoder(self) -> CommandEncoder:
        """The encoder of the stage, which is begun if none is. Raises `StateError` if the session is drained."""
        if self._stage is not None and self._stage._is_open:
            return self._stage
        return self._begin(border.stage_encoder(self._handle), None)

    def commit_stage(self) -> Submission:
        """Commits the stage (`MTLCommandBuffer.commit`). Raises `StateError` if the session is drained."""
        return self._end(lib.ingot_session_commit_stage)

    def commit_and_wait(self, timeout: float | None = None) -> Submission:
        """`commit_stage`, then `Submission.wait`."""
        submission = self.commit_stage()
        submission.wait(timeout)
        return submission

    def fence_stage(self) -> Submission:
        """Lets the stage signal the next value of `event`, and commits it: the next stage waits for that value.

        Another session or queue may wait for it, too. Raises `StateError` if the session is drained.
        """
        return self._end(lib.ingot_session_fence_stage)

    def reset(self) -> None:
        """Ends a drained stage: the next one has an encoder of its own, which waits if this one was fenced.

        Raises `StateError` if there is no committed stage.
        """
        check(lib.ingot_session_reset(self._handle))

    @property
    def is_drained(self) -> bool:
        """Whether the stage that was begun last is committed, or discarded."""
        return bool(self._info().is_drained)

    @property
    def is_fence_pending(self) -> bool:
        """Whether it was fenced, and no reset has come after it."""
        return bool(self._info().is_fence_pending)

    @property
    def fence_value(self) -> int:
        """What the last fence signals; 0 before there was one."""
        return int(self._info().fence_value)

    @property
    def wait_value(self) -> int:
        """What the last stage that waits waits for; 0 before there was one."""
        return int(self._info().wait_value)

    @property
    def wait_count(self) -> int:
        """Resets after a fence: stages that begin with a wait."""
        return int(self._info().wait_count)

    @property
    def event(self) -> Event | None:
        """What fences signal, for the host and other queues to wait for; None before the first fence."""
        handle = border.session_event(self._handle)
        return None if handle is None else Event._of(handle, self._queue.device, self._label)

    @property
    def submission(self) -> Submission | None:
        """What the session committed last."""
        return self._submission

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._stage is not None:
            self._stage.__exit__(kind, error, traceback)

    def __repr__(self) -> str:
        label = "" if self._label is None else f" {self._label!r}"
        info = self._info()
        state = "fenced" if info.is_fence_pending else "drained" if info.is_drained else "open"
        return f"<ingot.EncoderSession{label}, {state}, {info.fence_value} fences>"

    def _begin(self, place: _native.Handle, label: str | None) -> CommandEncoder:
        self._stage = CommandEncoder._of_stage(place, self._queue, self._label if label is None else label)
        return self._stage

    def _end(self, function: Callable[[_native.Handle, _native.Handle], int]) -> Submission:
        stage = self.encoder
        try:
            place = border.end_stage(function, self._handle)
        except WaitTimeoutError:
            stage._wait_to_begin()
            place = border.end_stage(function, self._handle)
        self._submission = stage._is_committed_as(place)
        return self._submission

    def _info(self) -> _native.Struct:
        return border.session_info(self._handle)
