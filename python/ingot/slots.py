"""How encoders come to one of Metal's command buffers, of which only so many can be unfinished."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Self

from ingot import _native_notify
from ingot._native import lib
from ingot.errors import ClosedError, IngotError, StateError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from ingot import _native

_set_blocking: Final = lib.ingot_encoder_set_blocking


class TakesSlot:
    """What of a `CommandEncoder` waits for a command buffer, so that other threads, tasks and signals are served."""

    __slots__ = ("_awaiting",)

    if TYPE_CHECKING:  # by CommandEncoder
        _handle: _native.Handle

        @property
        def _over(self) -> str: ...

        def discard(self) -> None:
            """Drops the work."""

        def _failure(self, status: int, args: Sequence[object] = ()) -> IngotError: ...

    def __await__(self) -> Generator[Any, None, Self]:
        """Takes one of Metal's command buffers, which otherwise the first dispatch does; gives the encoder.

        Metal blocks when too many are unfinished. In asyncio other tasks run until one is free, and whoever comes first
        is served first, threads that wait in a dispatch among them. If it raises, the encoder is discarded; a task that
        is cancelled leaves it to others that await it.

        Raises:
            StateError: None is free and none is committed, so that nobody would ever give one back.
            WaitTimeoutError: None came free within `Device.slot_timeout`.

        Example:
            with await device.encoder(label="step") as encoder:
                encoder.dispatch(step, x, grid=x.size)
                await encoder.commit()
        """
        from ingot import loops  # noqa: PLC0415, asyncio is there by now and need not be before

        self._awaiting += 1
        try:
            yield from loops.begun(self._handle).__await__()
        except ClosedError:
            raise StateError(self._over) from None
        except BaseException as error:
            if isinstance(error, IngotError) or self._awaiting == 1:
                self.discard()
            raise
        finally:
            self._awaiting -= 1
        return self

    def _wait_here(self) -> None:
        """Has Python wait, which sees signals meanwhile, and not the calls into C."""
        self._awaiting = 0  # tasks
        _set_blocking(self._handle, 0)

    def _call(self, function: Callable[..., int], *arguments: object, of: Sequence[object] = ()) -> None:
        """Calls what may need one of Metal's command buffers."""
        status = function(self._handle, *arguments)
        if status == lib.INGOT_ERROR_TIMEOUT:
            self._wait_to_begin()
            status = function(self._handle, *arguments)
        if status:
            raise self._failure(status, of)

    def _wait_to_begin(self) -> None:
        """Waits, after a call that was refused for it, for a command buffer; then the call is to be repeated."""
        status = _native_notify.wait_to_begin(self._handle)
        if status:
            raise self._failure(status)
