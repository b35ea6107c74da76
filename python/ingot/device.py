"""Devices: where buffers, libraries and encoders come from."""

from __future__ import annotations

import operator
import re
import sys
import weakref
from typing import TYPE_CHECKING, Final, NamedTuple, Self, SupportsIndex, cast

from ingot import _native
from ingot.encoder import CommandEncoder
from ingot.errors import ArgumentError, DeviceNotFoundError, Unpicklable, shown
from ingot.graph import Graph
from ingot.imports import Imports
from ingot.kernel import Library
from ingot.maker import BufferMaker
from ingot.memory import MemoryStats, memory_stats
from ingot.pool import Pool, current_pool, get_current
from ingot.prepare import prepare
from ingot.queue import HasQueues, Queue
from ingot.residency import KeepsResident
from ingot.weak import cached

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ingot.encoder import Ordering
    from ingot.kernel import Kernel, MathMode
    from ingot.maker import Source
    from ingot.prepare import Progress, Request

# MTLGPUFamily: the name of a family is one of these and a number.
_FAMILIES: Final = {"apple": 1000, "mac": 2000, "common": 3000, "metal": 4998}


class DeviceStatistics(NamedTuple):
    """What a device has done since it was opened."""

    current_allocated: int
    """Bytes, Metal's own figure (`MTLDevice.currentAllocatedSize`)."""
    resident_count: int
    """Allocations in the device's own residency sets, with what is staged."""
    residency_commits: int
    """Calls of `MTLResidencySet.commit`."""
    submissions: int
    """Command buffers committed, on all queues."""
    unfinished: int
    """Those of them that are not done."""
    residency_sets: int
    """Residency sets on each queue, yours among them."""
    resident_bytes: int
    """Bytes of the allocations that `resident_count` counts."""
    unwired_bytes: int
    """Bytes of those that are beyond `Device.residency_budget`, or found no set."""
    residency_requests: int
    """Calls of `MTLResidencySet.requestResidency` while the device was idle: see `Device.keep_alive`."""
    residency_wake_ups: int
    """How often the timers behind residency ran."""


class Device(BufferMaker, HasQueues, Imports, KeepsResident, Unpicklable):
    """A GPU with its command queue (`MTLDevice`); on Linux the software device, and its `name` says so.

    `Device()` is the system's default, `Device(i)` the one at that index of `devices()`, `Device(name)` the one with
    that name; each is one object per process. `require_gpu=True`, or `INGOT_REQUIRE_GPU=1` in the environment, refuses
    the software device. `residency=False` does without residency sets (`MTLResidencySet`), as `INGOT_NO_RESIDENCY=1`
    does, if nobody has opened the device with them before. Devices may be used from any thread.

    Raises:
        DeviceNotFoundError: There is no such device.
        StateError: It is to be without residency sets, and was opened with them.

    Example:
        device = ingot.Device()
        x = device.array(np.arange(4, dtype=np.float32))
    """

    __slots__ = ("__weakref__", "_handle", "_info", "_name", "_pool", "_queue")

    _handle: _native.Handle
    _info: _native.Struct
    _name: str
    _pool: weakref.ref[Pool] | None
    _queue: weakref.ref[Queue] | None

    def __new__(
        cls, index: SupportsIndex | str | None = None, *, require_gpu: bool | None = None, residency: bool = True
    ) -> Self:
        """Opens the device, or gives the object that it has in this process."""
        opened = cls._open(index, require_gpu, residency=residency)
        with _native.lock:
            device = _opened.setdefault((cls, opened.registry_id), opened)
        if index is None:
            _announce(device)
        return cast("Self", device)

    @classmethod
    def new(
        cls,
        index: SupportsIndex | str | None = None,
        *,
        require_gpu: bool | None = None,
        residency: bool = True,
        manual_time: bool = False,
    ) -> Self:
        """An isolated device object: its own queue, caches, pool, residency sets and counters.

        `residency=False` leaves residency sets out (`MTLResidencySet`). With `manual_time=True` what it does by itself
        after a while, such as to give back cached memory, it does only when `advance_time` is called: for tests.
        """
        device = cls._open(index, require_gpu, isolated=True, residency=residency, manual_time=manual_time)
        if index is None:
            _announce(device)
        return device

    @classmethod
    def _open(
        cls,
        index: SupportsIndex | str | None,
        require_gpu: object,
        *,
        isolated: bool = False,
        residency: bool = True,
        manual_time: bool = False,
    ) -> Self:
        device = super().__new__(cls)
        flags = {"isolated": isolated, "require_gpu": bool(require_gpu), "residency": bool(residency)}
        device._handle = _native.open_device(_index(index), **flags, manual_time=bool(manual_time))
        device._info = _native.device_info(device._handle)
        device._name = _native.string(device._info.name)
        device._pool = device._queue = None
        return device

    @property
    def name(self) -> str:
        """Metal's name for it."""
        return self._name

    @property
    def registry_id(self) -> int:
        """The same for the same GPU in all processes until the next start of the system."""
        return int(self._info.registry_id)

    @property
    def is_software(self) -> bool:
        """Whether it is the software device and no GPU."""
        return bool(self._info.is_software)

    @property
    def unified_memory(self) -> bool:
        """Whether CPU and GPU share their memory (`hasUnifiedMemory`)."""
        return bool(self._info.has_unified_memory)

    @property
    def has_residency_sets(self) -> bool:
        """Whether this device object keeps its buffers in residency sets."""
        return bool(self._info.has_residency_sets)

    @property
    def max_buffer_length(self) -> int:
        """Bytes that one buffer may have."""
        return int(self._info.max_buffer_length)

    @property
    def recommended_working_set(self) -> int:
        """Bytes that can be in use at a time without paging."""
        return int(self._info.recommended_working_set)

    @property
    def max_threadgroup_memory(self) -> int:
        """Bytes of threadgroup memory that a dispatch may use."""
        return int(self._info.max_threadgroup_memory)

    @property
    def max_threads_per_group(self) -> tuple[int, int, int]:
        """Threads of a threadgroup along x, y and z; a kernel's own limit is `Kernel.max_threads_per_group`."""
        x, y, z = self._info.max_threads_per_threadgroup
        return x, y, z

    @property
    def current_allocated(self) -> int:
        """Bytes that Metal has allocated on it now."""
        return self.statistics().current_allocated

    def statistics(self) -> DeviceStatistics:
        """Counters of memory, residency and submissions."""
        native = _native.device_statistics(self._handle)
        return DeviceStatistics(*(int(getattr(native, field)) for field in DeviceStatistics._fields))

    def advance_time(self, seconds: float) -> None:
        """Lets time pass for a device of `Device.new(manual_time=True)`; waits go by the system's clock. For tests."""
        _native.advance_time(self._handle, seconds)

    @property
    def pool(self) -> Pool:
        """Its own pool, which its buffers get their memory from, unless another is current: see `Pool`."""
        return cached(self, "_pool", lambda: Pool._of_device(self))

    def _source(self, *, exact: bool = False) -> Source:
        pool = None if exact or get_current() is None else current_pool(self)
        if pool is not None:
            return pool._source()
        return self, _native.create_in_device, _native.empty_in_device, self._handle

    def memory_stats(self) -> MemoryStats:
        """The memory that it has: allocations by kind, what is used and what is cached, and the most there was.

        Example:
            device.reset_peak()
            step()
            print(device.memory_stats().peak_used_bytes, "bytes were in use at a time")
        """
        return memory_stats(self._handle)

    def reset_peak(self) -> None:
        """Begins anew to look for the most memory at a time."""
        _native.check(_native.lib.ingot_device_reset_peak(self._handle))

    def synchronize(self, timeout: float | None = None) -> None:
        """Blocks until everything that was committed on it, on all queues, is done, or for `timeout` seconds.

        Other threads run meanwhile; Ctrl-C interrupts it.

        Raises:
            WaitTimeoutError: The time is over; the work goes on.
            CommandBufferError: A submission failed that nobody has been told of yet, by this or by `Submission.wait`.
        """
        _native.check(_native.wait(self._handle, timeout, _native.lib.ingot_device_synchronize))

    @property
    def slot_timeout(self) -> float:
        """Seconds that an encoder waits for one of Metal's command buffers, 60 at first; `math.inf` is for ever.

        Metal hands out 64 that are unfinished, and then blocks. So the first dispatch of an encoder waits until an
        earlier submission is done, and raises `WaitTimeoutError` after that time. Ctrl-C interrupts it. It is that of
        `default_queue`; other queues have their own.
        """
        return self.default_queue.slot_timeout

    @slot_timeout.setter
    def slot_timeout(self, seconds: float) -> None:
        self.default_queue.slot_timeout = seconds

    def supports(self, family: str) -> bool:
        """Whether it is of a GPU family (`supportsFamily`), for example `"apple7"` or `"metal3"`."""
        found = re.fullmatch(r"(apple|mac|common|metal)([0-9]{1,2})", family) if isinstance(family, str) else None
        if found is None:
            message = f"{shown(family)} is no GPU family; they are named as 'apple7', 'mac2', 'common3' and 'metal3'"
            raise ArgumentError(message)
        return _native.device_supports(self._handle, _FAMILIES[found[1]] + int(found[2]))

    def compile(
        self,
        source: str,
        *,
        math_mode: MathMode = "default",
        language_version: str | tuple[int, int] | None = None,
        macros: Mapping[str, object] | None = None,
    ) -> Library:
        """Compiles MSL (`makeLibrary(source:options:)`), once per text and options and device.

        `math_mode` is what the compiler may do to floating point (`MTLMathMode`; Metal's default is fast),
        `language_version` is for example `"3.2"`, and `macros` are defined above the source.

        Raises:
            CompileError: The source does not compile; it says where.
            ArgumentError: There are no such options.

        Example:
            library = device.compile(source, macros={"TILE": 16})
        """
        return Library(self, source, math_mode, language_version, macros or {})

    def prepare(self, requests: Iterable[Request], *, progress: Progress | None = None) -> list[Kernel]:
        """Makes several kernels at a time, so that later calls of `compile` and `kernel` find them.

        A request is `(source, name)` or `(source, name, constants)`, where a `Library` may stand for the source.
        `progress(done, count)` is called on this thread after each.

        Raises:
            IngotError: The first request that cannot be met, after the others are made.

        Example:
            kernels = device.prepare([(SOURCE, "step", {"n": n}) for n in (4, 8, 16)])
        """
        return prepare(self, requests, progress)

    def encoder(
        self, label: str | None = None, ordering: Ordering = "automatic", *, profile: bool = False
    ) -> CommandEncoder:
        """Starts an encoder, which becomes one command buffer (`MTLCommandBuffer`).

        By default dispatches behave as if they ran one after another, while independent ones may overlap;
        `ordering="serial"` runs them one after another, and `"manual"` leaves their order to `CommandEncoder.barrier`;
        `INGOT_ORDERING` in the environment overrides all. The label is in every error that its work leads to.
        With `profile=True` each dispatch is timed on the GPU (`Submission.dispatch_times`); it has a compute pass of
        its own for that, which makes all of them take longer.
        """
        return CommandEncoder(self, label, ordering, profile=profile)

    def record(self, label: str | None = None, ordering: Ordering = "automatic") -> Graph:
        """Begins a recording, which its `with` block ends; after that it is a graph to be replayed.

        `ordering` and `label` are as for `encoder`, and of each replay.

        Example:
            with device.record(label="step") as step:
                step.dispatch(gather, x, y, grid=x.size)
                step.dispatch(scale, y, a=2.0, grid=x.size)
            for _ in range(1000):
                step.replay()
        """
        return Graph(self, label, ordering)

    def __repr__(self) -> str:
        return f"<ingot.Device {self._name!r}>"


_opened: Final[weakref.WeakValueDictionary[tuple[type[Device], int], Device]] = weakref.WeakValueDictionary()
_announced = False


def devices() -> list[Device]:
    """All devices there are (`MTLCopyAllDevices`)."""
    return [Device(index) for index in range(_native.device_count())]


def _index(index: SupportsIndex | str | None) -> int:
    """What ingot.h takes: -1 is the default device."""
    if index is None:
        return -1
    if isinstance(index, str):
        names = [device.name for device in devices()]
        if index in names:
            return names.index(index)
        message = f"no device named {shown(index)}; there is {', '.join(map(repr, names)) or 'none at all'}"
        raise DeviceNotFoundError(message)
    try:
        number = operator.index(index)
    except TypeError:
        raise ArgumentError(f"{shown(index)} is no device; give its number or its name") from None
    if not 0 <= number < 1 << 63:
        message = f"no device {shown(number)}: there are {_native.device_count()}, counted from 0"
        raise DeviceNotFoundError(message)
    return number


def _announce(device: Device) -> None:
    """Says once that no GPU is at work: software is never a silent fallback."""
    global _announced  # noqa: PLW0603, once per process
    if device.is_software and not _announced:
        _announced = True
        print(f"ingot: no GPU here; kernels run on the CPU, by {device.name!r}", file=sys.stderr)  # noqa: T201, said once
