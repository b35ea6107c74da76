"""The thread that runs the callbacks of submissions."""

from __future__ import annotations

import itertools
import os
import select
import sys
import threading
from typing import TYPE_CHECKING, Any

from ingot import _native
from ingot import _native_notify as border

if TYPE_CHECKING:
    from collections.abc import Callable

    from ingot.submission import Submission

    Callback = Callable[[Submission], object]


def call_when_done(callback: Callback, submission: Submission) -> None:
    """Has a callback called with a submission once it is done, soon if it is."""
    _started().add(callback, submission)


class _Caller:
    """One daemon thread per process, which sleeps until a submission is done."""

    def __init__(self) -> None:
        self._notifier, self._descriptor = border.create_notifier()
        self._calls: dict[int, tuple[Callback, Submission]] = {}
        self._tokens = itertools.count()

    def start(self) -> None:
        threading.Thread(target=self._run, name="ingot-callbacks", daemon=True).start()

    def add(self, callback: Callback, submission: Submission) -> None:
        token = next(self._tokens)
        self._calls[token] = callback, submission
        try:
            border.notify(submission._handle, self._notifier, token)
        except BaseException:
            self._calls.pop(token, None)  # after Ctrl-C it may be called for all that
            raise

    def _run(self) -> None:
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        while True:
            poll.poll()
            for token in border.take(self._notifier):
                self._call(token)

    def _call(self, token: int) -> None:
        try:
            callback, submission = self._calls.pop(token)
        except KeyError:  # Ctrl-C took it back
            return
        try:
            callback(submission)
        except BaseException:  # noqa: BLE001, whatever it is, the next callback is called
            _report(sys.exc_info())


def _report(error: tuple[Any, ...]) -> None:
    """As for an error that ends a thread, but that the thread goes on."""
    try:
        threading.excepthook(threading.ExceptHookArgs((*error, threading.current_thread())))
    except BaseException:  # noqa: BLE001, whatever the hook of the user's raises
        sys.excepthook(*sys.exc_info())


_caller: _Caller | None = None


def _started() -> _Caller:
    global _caller  # noqa: PLW0603, once per process
    if _caller is not None:
        return _caller
    made = _Caller()
    with _native.lock:
        if _caller is not None:  # another thread has been here meanwhile
            return _caller
        _caller = made
    try:
        made.start()
    except BaseException:
        _caller = None
        raise
    return made


def _forget() -> None:
    """In a forked child, where the thread does not exist."""
    global _caller  # noqa: PLW0603
    _caller = None


os.register_at_fork(after_in_child=_forget)
