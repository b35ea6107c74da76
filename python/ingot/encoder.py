"""Encoders: work before it is committed."""

from __future__ import annotations

import warnings
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, Self, TypeAlias

from ingot import _native, _native_bound, dtypes
from ingot._native import dispatch_bound_along, drop_encoder, encoder_dispatch, lib
from ingot.bound import BoundKernel, opened, used
from ingot.buffer import Buffer
from ingot.errors import (
    ArgumentError,
    ClosedError,
    IngotError,
    StateError,
    UncommittedError,
    Unpicklable,
    shown,
)
from ingot.event import EncodesEvents
from ingot.grids import extents
from ingot.kernel import Kernel
from ingot.slots import TakesSlot
from ingot.specialise import UNFIT
from ingot.submission import Submission

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from types import TracebackType

    import numpy as np
    import numpy.typing as npt

    from ingot.binding import Threadgroup
    from ingot.bound import Use
    from ingot.device import Device
    from ingot.grids import Extent
    from ingot.queue import Queue

Ordering: TypeAlias = Literal["automatic", "serial", "manual"]
"""In which order dispatches of one encoder run."""

Number: TypeAlias = "float | np.generic"
Value: TypeAlias = (
    "Buffer | Threadgroup | Number | npt.NDArray[Any] | bytes | bytearray | memoryview"
    " | tuple[Number, ...] | list[Number] | None"
)
"""What can be given for an argument of a kernel."""

_ORDERINGS: Final[Mapping[Ordering, int]] = {
    "automatic": lib.INGOT_ORDERING_AUTOMATIC,
    "serial": lib.INGOT_ORDERING_SERIAL,
    "manual": lib.INGOT_ORDERING_MANUAL,
}
_OK: Final = lib.INGOT_OK
_TIMEOUT: Final = lib.INGOT_ERROR_TIMEOUT
_NOTHING: Final = MappingProxyType[str, object]({})


class CommandEncoder(TakesSlot, EncodesEvents, Unpicklable):
    """Collects dispatches for one command buffer (`MTLComputeCommandEncoder`); `Device.encoder` makes it.

    Nothing runs before `commit` or `commit_and_wait`. Leaving a `with` block without either raises `UncommittedError`;
    leaving it by an exception, or `discard()`, drops the work. It is for one thread at a time; a second one gets
    `StateError`.

    Example:
        with device.encoder(label="saxpy") as encoder:
            encoder.dispatch(saxpy, x, y, a=2.0, grid=x.size)
            submission = encoder.commit()
    """

    __slots__ = ("_device", "_handle", "_is_open", "_label", "_place", "_queue", "_submission")

    def __init__(
        self,
        device: Device,
        label: str | None,
        ordering: Ordering,
        queue: Queue | None = None,
        *,
        profile: bool = False,
    ) -> None:
        self._is_open = False  # __del__ looks at these two, even if the next lines raise
        self._submission: Submission | None = None
        if not isinstance(ordering, str) or ordering not in _ORDERINGS:
            raise ArgumentError(f"ordering is {shown(ordering)}; it can be {', '.join(map(repr, _ORDERINGS))}")
        if not isinstance(profile, bool):
            raise ArgumentError(f"profile is {shown(profile)}; it is True or False")
        self._device = device
        self._label = label
        self._queue = queue
        self._place = self._begin(label, _ORDERINGS[ordering], profile=profile)
        self._handle = self._place[0]
        self._wait_here()
        self._is_open = True

    @classmethod
    def _of_stage(cls, place: _native.Handle, queue: Queue, label: str | None) -> CommandEncoder:
        """The encoder of a session's stage, which commits it."""
        stage = cls.__new__(cls)
        stage._place, stage._handle, stage._label = place, place[0], label
        stage._device, stage._queue = queue.device, queue
        stage._submission, stage._is_open = None, True
        stage._wait_here()
        return stage

    @property
    def device(self) -> Device:
        """The device it encodes for."""
        return self._device

    @property
    def queue(self) -> Queue:
        """The queue that it is committed to."""
        return self._device.default_queue if self._queue is None else self._queue

    @property
    def label(self) -> str | None:
        """What errors and Metal's tools call the work."""
        return self._label

    @property
    def submission(self) -> Submission:
        """What `commit` returned. Raises `StateError` before that: there is nothing to wait for."""
        if self._submission is not None:
            return self._submission
        if not self._is_open:
            raise StateError(self._over)
        raise StateError(f"{self._name} is not committed, so there is nothing to wait for: commit() it first")

    def dispatch(
        self,
        kernel: Kernel | BoundKernel,
        /,
        *args: Value,
        grid: Extent | None = None,
        groups: Extent | None = None,
        group: Extent | None = None,
        uses: Iterable[Use] | None = None,
        **named: Value,
    ) -> None:
        """Encodes one run of a kernel (`dispatchThreads`, or `dispatchThreadgroups` for `groups`).

        Everything is checked against the kernel first, and nothing is encoded if it is refused.

        Args:
            kernel: What to run; one that is bound ahead (`Kernel.bind`) takes no arguments any more.
            args: Its arguments in their order, and
            named: by their names in MSL: buffers; for `constant` and `const device` arguments also values, which are
                Python numbers, NumPy scalars of the argument's type, tuples for vectors, NumPy's structured scalars or
                bytes for structs, arrays for several of any; for threadgroup memory `ingot.threadgroup(nbytes)`. Values
                of more than 4096 bytes are copied to memory of the device's pool. What the kernel does not use may be
                left out. Names that `dispatch` itself has, as `grid`, go by position only.
            grid: How many **threads** along x, y and z; threadgroups at the edges are smaller.
            groups: How many **threadgroups** in place of `grid`, all full: for kernels that were written so.
            group: Threads of a threadgroup. Ingot chooses if it is not given, but must be told where the kernel has
                threadgroup memory.
            uses: Buffers that the kernel reaches through pointers in others (`Buffer.gpu_address`), each with what it
                does to it: `[(weights, "r"), (out, "w")]` (`useResource`). Neither Metal nor Ingot sees such pointers:
                what is not named here may be used again, or changed, while the kernel runs.

        Raises:
            ArgumentError: An argument is missing, unknown, or does not fit; a grid or group of 0, or beyond a limit.
            StateError: The encoder was committed or discarded.
            ClosedError: A buffer was closed.
        """
        if uses is not None:
            self._dispatch_using(kernel, extents(grid, groups, group), args, named, uses)
            return
        try:
            if type(grid) is not int or groups is not None or group is not None:
                status = kernel._encode_over(self._handle, extents(grid, groups, group), args, named)
            elif type(kernel) is BoundKernel and not args and not named:
                status = dispatch_bound_along(self._handle, kernel._handle, grid)
            else:
                status = kernel._encode_along(self._handle, grid, args, named)
        except UNFIT:
            status = None
        if status != _OK:
            if status is None:
                status = self._dispatch(extents(grid, groups, group), _unbound(kernel), args, named)
            if status == _TIMEOUT:
                self._wait_to_begin()
                self.dispatch(kernel, *args, grid=grid, groups=groups, group=group, uses=None, **named)
            elif status:
                raise self._failure(status, args, named)

    def _dispatch_using(
        self,
        kernel: Kernel | BoundKernel,
        extents: tuple[int, ...],
        args: Sequence[object],
        named: Mapping[str, object],
        uses: Iterable[Use],
    ) -> None:
        kernel = _unbound(kernel)
        handles, values = kernel._binder.bind(args, named)
        arguments = (kernel._handle, handles, values, used(uses), extents)
        self._call(_native_bound.dispatch_using, *arguments, of=(*args, *named.values()))

    def _dispatch(
        self, extents: tuple[int, ...], kernel: Kernel, args: Sequence[object], named: Mapping[str, object]
    ) -> int:
        """A dispatch of any shape; the next one of the same shape is faster."""
        handles, values = kernel._binder.bind(args, named)
        status: int = encoder_dispatch(
            self._handle, kernel._handle, handles, len(handles), values, len(values), *extents
        )
        if status == _OK:
            kernel._specialise(args, named)
        return status

    def copy(self, source: Buffer, destination: Buffer) -> None:
        """Encodes a copy of the elements of one buffer to another of the same dtype and shape.

        It is a dispatch as any other: in the encoder's order, and counted as one. Windows may begin at any byte; it is
        fastest where both begin at the same one modulo 16.

        Raises:
            ArgumentError: Dtype or shape differ, the destination is read-only, one is another device's, or the two
                share bytes.
            StateError: The encoder was committed or discarded.
            ClosedError: A buffer was closed.

        Example:
            encoder.copy(rows[3], x)
        """
        handles = opened(source), opened(destination)
        self._call(lib.ingot_encoder_copy, *handles, of=(source, destination))

    def fill(self, buffer: Buffer, value: Number) -> None:
        """Encodes that every element becomes `value`, a number that the dtype can hold: a dispatch, as `copy` is.

        Raises as `copy`, and `ArgumentError` if the dtype cannot hold the value.
        """
        handle = opened(buffer)
        element = dtypes.pack(dtypes.plain(value), dtypes.code(buffer.dtype))
        self._call(lib.ingot_encoder_fill, handle, element, len(element), of=(buffer,))

    def barrier(self, *buffers: Buffer) -> None:
        """Makes all later dispatches wait for all earlier ones (`memoryBarrier`).

        This is the order of an encoder with `ordering="manual"`. Given buffers, only what uses their memory is ordered:
        their whole storages, and maybe neighbours. With automatic ordering it orders everything, and counts as a
        barrier that Ingot need not put itself. With serial ordering, and before the first dispatch, there is nothing
        to do, and nothing is counted.

        Example:
            encoder.dispatch(produce, x, grid=x.size)
            encoder.barrier(x)
            encoder.dispatch(consume, x, y, grid=x.size)
        """
        handles = [opened(buffer) for buffer in buffers]
        self._check(lib.ingot_encoder_barrier(self._handle, handles, len(handles)), *buffers)

    @property
    def ordering(self) -> Ordering:
        """How its dispatches follow one another: what was asked for, unless `INGOT_ORDERING` overrides it."""
        number = self._info().ordering
        return next(ordering for ordering, code in _ORDERINGS.items() if code == number)

    @property
    def dispatches(self) -> int:
        """Dispatches so far, copies and fills among them."""
        return int(self._info().dispatches)

    @property
    def barriers(self) -> int:
        """Barriers between them so far, Ingot's and those of `barrier`."""
        return int(self._info().barriers)

    @property
    def barriers_spared(self) -> int:
        """Dispatches that were checked for conflicts with what came before, and needed no barrier."""
        return int(self._info().barriers_spared)

    def commit(self) -> Submission:
        """Hands the work to the GPU (`MTLCommandBuffer.commit`) and returns at once."""
        status, submission = self._try_commit()
        if status == _TIMEOUT:
            self._wait_to_begin()
            status, submission = self._try_commit()
        if status:
            raise self._failure(status)
        return self._is_committed_as(submission)

    def _try_commit(self) -> tuple[int, _native.Handle]:
        """Whether Ctrl-C came before or after the commit nobody knows: then it is over."""
        try:
            return _native.commit(self._handle)
        except BaseException:
            self.discard()
            raise

    def _is_committed_as(self, place: _native.Handle) -> Submission:
        self._submission = Submission(place, self._device, self._label)
        self._is_open = False
        return self._submission

    def commit_and_wait(self, timeout: float | None = None) -> Submission:
        """`commit`, then `Submission.wait`."""
        submission = self.commit()
        submission.wait(timeout)
        return submission

    def discard(self) -> None:
        """Drops the work, unless it was committed; the encoder cannot be used any more."""
        if self._is_open:
            lib.ingot_encoder_discard(self._handle)  # the handle may not be all that has it
            self._is_open = False
            drop_encoder(self._place)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if not self._is_open:
            return
        self.discard()
        if kind is None:
            raise UncommittedError(
                f"the `with` block of {self._name} ended without commit() or commit_and_wait(), so nothing of it ran; "
                "discard() says that this is meant"
            )

    def __del__(self) -> None:
        if not hasattr(self, "_submission"):
            return  # it never began: __init__ was called with the wrong arguments
        if self._is_open:
            warnings.warn(f"{self._name} was dropped {self._unended}", ResourceWarning, source=self, stacklevel=2)
            self.discard()

    def __repr__(self) -> str:
        state = "open" if self._is_open else "discarded" if self._submission is None else "committed"
        label = "" if self._label is None else f" {self._label!r}"
        return f"<ingot.CommandEncoder{label}, {state}>"

    _unended: ClassVar[str] = "without a commit"

    @property
    def _name(self) -> str:
        return "the encoder" if self._label is None else f"the encoder {self._label!r}"

    def _begin(self, label: str | None, ordering: int, *, profile: bool) -> _native.Handle:
        create, source = lib.ingot_encoder_create, self._device._handle
        if self._queue is not None:
            create, source = lib.ingot_queue_create_encoder, self._queue._handle
        return _native.create_encoder(create, source, label, ordering, profile=profile)

    @property
    def _over(self) -> str:
        return f"{self._name} was discarded; device.encoder() gives a new one"

    def _info(self) -> _native.Struct:
        info = _native.new_struct("encoder_info")
        self._check(lib.ingot_encoder_get_info(self._handle, info))
        return info

    def _check(self, status: int, *buffers: Buffer) -> None:
        if status:
            raise self._failure(status, buffers)

    def _failure(self, status: int, args: Sequence[object] = (), named: Mapping[str, object] = _NOTHING) -> IngotError:
        """What a failed call of ingot.h stands for; a closed object is named, where C sees no handle."""
        failure = _native.failure(status)
        for value in (*args, *named.values()):
            if isinstance(value, Buffer) and value.is_closed:
                return value._closed()
        if isinstance(failure, ClosedError) and not self._is_open:
            return StateError(self._over)
        return failure


def _unbound(kernel: object) -> Kernel:
    """What takes arguments; anything else is refused."""
    if isinstance(kernel, Kernel):
        return kernel
    if isinstance(kernel, BoundKernel):
        raise ArgumentError(
            f"{kernel!r} has its arguments and uses already: it is dispatched with grid or groups alone"
        )
    raise ArgumentError(f"the kernel is a {type(kernel).__name__}; library.kernel(name) gives one")
