"""What asyncio's event loops wait for, without a thread for each wait."""

from __future__ import annotations

import asyncio
import weakref
from typing import TYPE_CHECKING, Final

from ingot import _native
from ingot import _native_notify as border
from ingot.errors import StateError

if TYPE_CHECKING:
    from ingot._native import Handle


async def done(submission: Handle) -> None:
    """Waits until a submission is done."""
    completions = _of_running_loop()
    token = border.number(submission)
    if token not in completions.waiting:
        border.notify(submission, completions.notifier, token)
        completions.waiting[token] = set()
    await _told(completions.waiting[token])


async def begun(encoder: Handle) -> None:
    """Waits until an encoder has its command buffer."""
    completions = _of_running_loop()
    token = border.number(encoder)
    while not border.begin(encoder, completions.notifier, token):
        waiting = completions.waiting.setdefault(token, set())
        try:
            await _told(waiting)
        finally:
            if not waiting:  # who is cancelled leaves nothing; what is told later finds nobody
                completions.waiting.pop(token, None)


async def _told(waiting: set[asyncio.Future[None]]) -> None:
    future = asyncio.get_running_loop().create_future()
    waiting.add(future)
    try:
        await future
    finally:
        waiting.discard(future)


class _Completions:
    """The notifier of an event loop, which its selector holds: it goes when the loop is closed."""

    __slots__ = ("__weakref__", "notifier", "waiting")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.notifier, descriptor = border.create_notifier()
        self.waiting: dict[int, set[asyncio.Future[None]]] = {}
        """Whom to tell, by token."""
        try:
            loop.add_reader(descriptor, self._tell)
        except NotImplementedError:
            message = (
                f"a {type(loop).__name__} cannot watch file descriptors (add_reader), so nothing can be awaited in it: "
                "use another event loop, or await asyncio.to_thread(submission.wait)"
            )
            raise StateError(message) from None

    def _tell(self) -> None:
        for token in border.take(self.notifier):
            for future in self.waiting.pop(token, ()):
                if not future.done():
                    future.set_result(None)


_of_loops: Final[weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, weakref.ref[_Completions]]] = (
    weakref.WeakKeyDictionary()
)


def _of_running_loop() -> _Completions:
    loop = asyncio.get_running_loop()
    with _native.lock:
        reference = _of_loops.get(loop)
    completions = None if reference is None else reference()
    if completions is None:  # nobody else makes it meanwhile: a loop runs in one thread
        completions = _Completions(loop)
        with _native.lock:
            _of_loops[loop] = weakref.ref(completions)
    return completions
