"""Good calls of the functions of ingot.h that are about queues, events and sessions: a part of `abi`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ingot._native import ffi, lib


class QueueArguments:
    """What `Live` has for them."""

    if TYPE_CHECKING:  # by Live
        handles: dict[str, Any]
        _keep: list[Any]

        def make(self, kind: str) -> Any: ...

    def _queue_create(self, _: str) -> list[Any]:
        return [self.handles["device"], ffi.new("char[]", b"label"), ffi.new("ingot_queue *")]

    def _queue_create_encoder(self, _: str) -> list[Any]:
        return [self.handles["queue"], ffi.new("char[]", b"label"), 0, ffi.new("ingot_encoder *")]

    def _queue_synchronize(self, _: str) -> list[Any]:
        return [self.handles["queue"], (1 << 64) - 1]

    def _queue_set_slot_timeout(self, _: str) -> list[Any]:
        return [self.handles["queue"], 1_000_000_000]

    def _event_create(self, _: str) -> list[Any]:
        return [self.handles["device"], ffi.new("char[]", b"label"), ffi.new("ingot_event *")]

    def _event_signal(self, _: str) -> list[Any]:
        return [self.handles["event"], 1]

    def _event_wait(self, _: str) -> list[Any]:
        """Not long, whatever value a test waits for."""
        return [self.handles["event"], 0, 100_000]

    def _encoder_wait_event(self, _: str) -> list[Any]:
        return [self.handles["encoder"], self.handles["event"], 1]

    _encoder_signal_event = _encoder_wait_event

    def _encoder_discard(self, _: str) -> list[Any]:
        """One of its own, so that others may use theirs."""
        encoder = self.make("encoder")
        self._keep.append(ffi.gc(encoder, lib.ingot_encoder_release))
        return [encoder]

    def _session_create(self, _: str) -> list[Any]:
        return [self.handles["queue"], ffi.new("char[]", b"label"), ffi.new("ingot_session *")]

    def _session_begin_stage(self, _: str) -> list[Any]:
        return [self._session(), ffi.new("char[]", b"label"), ffi.new("ingot_encoder *")]

    def _session_reset(self, _: str) -> list[Any]:
        """Of one with a committed stage."""
        session = self._session()
        assert lib.ingot_session_commit_stage(session, ffi.NULL) == lib.INGOT_OK
        return [session]

    def _session_commit_stage(self, _: str) -> list[Any]:
        return [self._session(), ffi.new("ingot_submission *")]

    _session_fence_stage = _session_commit_stage

    def _session(self) -> Any:
        """A session without a stage."""
        session = self.make("session")
        self._keep.append(ffi.gc(session, lib.ingot_session_release))
        return session
