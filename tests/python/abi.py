"""One good call of each function of ingot.h, from which tests make bad ones."""

from __future__ import annotations

import mmap
import tempfile
from typing import TYPE_CHECKING, Any, Self

from abi_graphs import GraphArguments
from abi_queues import QueueArguments
from abi_submissions import TEXT_CAPACITY, SubmissionArguments
from kernels import SAXPY

from ingot._native import ffi, lib

if TYPE_CHECKING:
    from types import TracebackType

KINDS = (
    "device",
    "buffer",
    "library",
    "kernel",
    "encoder",
    "submission",
    "pool",
    "file",
    "residency_set",
    "view",
    "mapping",
    "event",
    "queue",
    "session",
    "notifier",
    "bound_kernel",
    "profile",
    "graph",
)
HANDLE_TYPES = {ffi.typeof(f"ingot_{kind}"): kind for kind in KINDS}
FUNCTIONS = {
    name: ffi.typeof(getattr(lib, name))
    for name in sorted(dir(lib))
    if name.startswith("ingot_") and ffi.typeof(getattr(lib, name)).result.cname == "int32_t"
}
"""All functions that return a status, with their types."""

STATUSES = {name: getattr(lib, name) for name in dir(lib) if name == "INGOT_OK" or name.startswith("INGOT_ERROR_")}
SPECIAL = "constant int n [[function_constant(0)]]; kernel void special(device int *x) { x[0] = n; }"
"""A kernel with a function constant."""
MOST_VALUES = 1 << 19
"""Bytes of memory for the values of a dispatch: what is behind the good ones is zero, which is no value."""


def struct(name: str) -> Any:
    """A struct that knows its size."""
    made = ffi.new(f"ingot_{name} *")
    made.size = ffi.sizeof(made[0])
    return made


def text() -> str:
    """The thread's error text."""
    target = ffi.new("char[]", TEXT_CAPACITY)
    assert lib.ingot_last_error(target, TEXT_CAPACITY, ffi.NULL) == lib.INGOT_OK
    return str(ffi.string(target).decode())


def release(kind: str, handle: Any) -> int:
    """Releases a handle; returns the status."""
    return int(getattr(lib, f"ingot_{kind}_release")(handle))


def region() -> Any:
    """A MiB that can be wrapped; it stays, because Metal may use it until a later submission."""
    REGIONS.append(mmap.mmap(-1, (1 << 20) + 16384))
    start = int(ffi.cast("uintptr_t", ffi.from_buffer(REGIONS[-1])))
    return ffi.cast("void *", (start + 16383) // 16384 * 16384)


REGIONS: list[mmap.mmap] = []


class Live(GraphArguments, QueueArguments, SubmissionArguments):
    """A live handle of each kind, on an isolated device, and arguments that are good."""

    def __init__(self) -> None:
        self.handles: dict[str, Any] = {}
        self._keep: list[Any] = []
        self._exact: list[Any] = []
        self._kernels: list[Any] = []
        self._recorders: list[Any] = []
        self._file = tempfile.NamedTemporaryFile(prefix="ingot-abi-")  # noqa: SIM115, closed with the handles
        self._file.write(bytes(100_000))
        self._file.flush()

    def __enter__(self) -> Self:
        for kind in KINDS:
            self.handles[kind] = self.make(kind)
        assert lib.ingot_submission_wait(self.handles["submission"], (1 << 64) - 1) == lib.INGOT_OK
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for name, handle in self.handles.items():
            release(name, handle)
        for handle in self._exact:
            release("buffer", handle)
        for handle in self._kernels:
            release("kernel", handle)
        for handle in self._recorders:
            release("encoder", handle)
        self._file.close()

    def make(self, kind: str) -> Any:
        """Another handle of a kind, which the caller releases."""
        if kind in {"submission", "graph"}:
            encoder = self._recorder() if kind == "graph" else self.make("encoder")
            made = self._call("recorder_finish" if kind == "graph" else "encoder_commit", kind, encoder)
            release("encoder", encoder)
            return made
        if kind == "bound_kernel":
            return self._call("kernel_bind", kind, *self._kernel_bind("")[:-1])
        device, shape = self.handles.get("device"), ffi.new("uint64_t[]", [4])
        calls: dict[str, tuple[Any, ...]] = {
            "device": ("device_open", 0, lib.INGOT_DEVICE_ISOLATED | lib.INGOT_DEVICE_MANUAL_TIME),
            "library": ("library_compile", device, (SAXPY + SPECIAL).encode(), ffi.NULL),
            "kernel": ("library_get_kernel", self.handles.get("library"), b"saxpy"),
            "buffer": ("buffer_create", device, lib.INGOT_FLOAT32, shape, 1, ffi.new("float *", 1), 4, ffi.NULL, 0),
            "encoder": ("encoder_create", device, b"label", 0),
            "pool": ("device_get_pool", device),
            "file": ("file_map", device, self._file.name.encode(), 0),
            "residency_set": ("residency_set_create", device, ffi.NULL),
            "view": ("buffer_open_view", self.handles.get("buffer")),
            "profile": ("device_create_profile", device, 100),
            "mapping": ("buffer_map", self.handles.get("buffer"), lib.INGOT_ACCESS_READ, 0),
            "event": ("event_create", device, ffi.NULL),
            "queue": ("queue_create", device, ffi.NULL),
            "session": ("session_create", self.handles.get("queue"), ffi.NULL),
            "notifier": ("notifier_create",),
        }
        function, *arguments = calls[kind]
        return self._call(function, kind, *arguments)

    def _recorder(self) -> Any:
        """A recording of one dispatch, which the caller releases."""
        recorder = self._call("recorder_create", "encoder", self.handles["device"], ffi.NULL, 0)
        dispatch = self.arguments("ingot_encoder_dispatch")
        dispatch[2] = ffi.new("ingot_buffer[2]", [self._buffer(), self._buffer()])  # none that is mapped
        assert lib.ingot_encoder_dispatch(recorder, *dispatch[1:]) == lib.INGOT_OK, text()
        return recorder

    def _buffer(self) -> Any:
        """Another buffer like the live one, which goes with the others."""
        made, create = ffi.new("ingot_buffer *"), self.arguments("ingot_buffer_create")
        create[2:7] = [ffi.new("uint64_t[]", [4]), 1, ffi.NULL, 0, ffi.NULL]
        create[8] = made
        assert lib.ingot_buffer_create(*create) == lib.INGOT_OK, text()
        self._exact.append(made[0])
        return made[0]

    def _call(self, function: str, kind: str, *arguments: Any) -> Any:
        result = ffi.new(f"ingot_{kind} *")
        more = [ffi.NULL] if kind in {"buffer", "view", "mapping"} else []  # the contents
        more = [ffi.new("int32_t *")] if kind == "notifier" else more
        status = getattr(lib, f"ingot_{function}")(*arguments, result, *more)
        assert status == lib.INGOT_OK, text()
        return result[0]

    def arguments(self, function: str) -> list[Any]:
        """What makes a call of this function succeed; what it points to lives as long as this object."""
        made = getattr(self, f"_{function.removeprefix('ingot_')}", self._handle_and_results)(function)
        self._keep.append(made)
        return list(made)

    def _handle_and_results(self, function: str) -> list[Any]:
        """For functions whose other arguments are results."""
        arguments: list[Any] = []
        for parameter in FUNCTIONS[function].args:
            if parameter in HANDLE_TYPES:
                arguments.append(self.handles[HANDLE_TYPES[parameter]])
            else:
                result = ffi.new(parameter)
                if parameter.item.kind == "struct":
                    result.size = ffi.sizeof(parameter.item)
                arguments.append(result)
        return arguments

    def _last_error(self, _: str) -> list[Any]:
        return [ffi.new("char[]", TEXT_CAPACITY), TEXT_CAPACITY, ffi.new("uint64_t *")]

    def _device_open(self, _: str) -> list[Any]:
        return [0, 0, ffi.new("ingot_device *")]

    def _device_advance_time(self, _: str) -> list[Any]:
        return [self.handles["device"], 1_000_000_000]

    def _device_supports(self, _: str) -> list[Any]:
        return [self.handles["device"], 5001, ffi.new("uint8_t *")]

    def _residency_set_create(self, _: str) -> list[Any]:
        return [self.handles["device"], ffi.new("char[]", b"label"), ffi.new("ingot_residency_set *")]

    def _residency_set_add(self, _: str) -> list[Any]:
        buffers = ffi.new("ingot_buffer[]", lib.INGOT_RESIDENCY_SET_CAPACITY)
        buffers[0] = buffers[1] = self.handles["buffer"]
        return [self.handles["residency_set"], buffers, 2]

    _residency_set_remove = _residency_set_add

    def _buffer_create(self, _: str) -> list[Any]:
        shape = ffi.new("uint64_t[]", [3, *[1] * (lib.INGOT_MAX_DIMENSIONS - 1)])
        results = [ffi.new("ingot_buffer *"), ffi.new("void **")]
        initial, label = ffi.new("float[3]"), ffi.new("char[]", b"label")
        return [self.handles["device"], lib.INGOT_FLOAT32, shape, 1, initial, 12, label, 0, *results]

    def _pool_create_buffer(self, _: str) -> list[Any]:
        return [self.handles["pool"], *self._buffer_create("")[1:]]

    def _buffer_create_empty(self, _: str) -> list[Any]:
        return [self.handles["device"], lib.INGOT_FLOAT32, 16, ffi.new("ingot_buffer *")]

    def _pool_create_empty(self, _: str) -> list[Any]:
        return [self.handles["pool"], lib.INGOT_FLOAT32, 16, ffi.new("ingot_buffer *")]

    def _pool_create_batch(self, _: str) -> list[Any]:
        shape = ffi.new("uint64_t[]", [2] * lib.INGOT_MAX_DIMENSIONS)
        layouts = ffi.new("ingot_layout[256]", [{"dtype": lib.INGOT_UINT8, "dimensions": 1, "shape": shape}] * 256)
        self._keep.append(shape)
        return [self.handles["pool"], layouts, 3, ffi.new("char[]", b"label"), ffi.new("ingot_buffer[256]")]

    def _pool_release_buffer(self, _: str) -> list[Any]:
        made = ffi.new("ingot_buffer *")
        assert lib.ingot_pool_create_buffer(*self._pool_create_buffer("")[:-2], made, ffi.NULL) == lib.INGOT_OK, text()
        self._keep.append(ffi.gc(made[0], lib.ingot_buffer_release))
        return [self.handles["pool"], made[0], ffi.new("uint8_t *")]

    def _pool_trim(self, _: str) -> list[Any]:
        return [self.handles["pool"], 0, ffi.new("uint64_t *")]

    def _pool_relieve(self, _: str) -> list[Any]:
        return [self.handles["pool"], lib.INGOT_PRESSURE_WARNING, ffi.new("uint64_t *")]

    def _pool_set_limit(self, _: str) -> list[Any]:
        return [self.handles["pool"], lib.INGOT_POOL_LIMIT_TOTAL, 1 << 30]

    def _pool_set_limit_fraction(self, _: str) -> list[Any]:
        return [self.handles["pool"], lib.INGOT_POOL_LIMIT_CACHED, 0.5]

    def _pool_set_decay(self, _: str) -> list[Any]:
        return [self.handles["pool"], 1_000_000_000]

    def _buffer_window(self, _: str) -> list[Any]:
        shape = ffi.new("uint64_t[]", [3, *[1] * (lib.INGOT_MAX_DIMENSIONS - 1)])
        return [self.handles["buffer"], 4, 0, shape, 1, ffi.new("ingot_buffer *")]

    def _buffer_wrap(self, _: str) -> list[Any]:
        shape, label = ffi.new("uint64_t[]", [3, *[1] * (lib.INGOT_MAX_DIMENSIONS - 1)]), ffi.new("char[]", b"label")
        place = [region(), 1 << 20, 16, lib.INGOT_FLOAT32, shape, 1]
        return [self.handles["device"], *place, 0, 0, label, ffi.new("ingot_buffer *")]

    def _take_released(self, _: str) -> list[Any]:
        return [ffi.new("uint64_t[16]"), 16, ffi.new("uint64_t *")]

    def _buffer_from_raw(self, _: str) -> list[Any]:
        """Of a buffer with an allocation of its own: those of a pool are refused."""
        made, pointer, offset = ffi.new("ingot_buffer *"), ffi.new("void **"), ffi.new("uint64_t *")
        create = self.arguments("ingot_buffer_create")
        create[7:9] = [lib.INGOT_BUFFER_EXACT, made]
        assert lib.ingot_buffer_create(*create) == lib.INGOT_OK, text()
        self._exact.append(made[0])
        assert lib.ingot_buffer_get_raw(made[0], pointer, offset) == lib.INGOT_OK, text()
        shape, label = ffi.new("uint64_t[]", [3, *[1] * (lib.INGOT_MAX_DIMENSIONS - 1)]), ffi.new("char[]", b"label")
        place = [pointer[0], 0, lib.INGOT_FLOAT32, shape, 1]
        return [self.handles["device"], *place, 0, label, ffi.new("ingot_buffer *")]

    def _file_map(self, _: str) -> list[Any]:
        return [self.handles["device"], ffi.new("char[]", self._file.name.encode()), 0, ffi.new("ingot_file *")]

    def _file_window(self, _: str) -> list[Any]:
        shape = ffi.new("uint64_t[]", [3, *[1] * (lib.INGOT_MAX_DIMENSIONS - 1)])
        return [self.handles["file"], 4, lib.INGOT_FLOAT32, shape, 1, ffi.new("ingot_buffer *")]

    def _buffer_get_contents(self, _: str) -> list[Any]:
        return [self.handles["buffer"], lib.INGOT_ACCESS_READ, ffi.new("void **")]

    def _buffer_map(self, _: str) -> list[Any]:
        results = [ffi.new("ingot_mapping *"), ffi.new("void **")]
        return [self.handles["buffer"], lib.INGOT_ACCESS_READ, 0, *results]

    def _buffer_synchronize(self, _: str) -> list[Any]:
        return [self.handles["buffer"], (1 << 64) - 1]

    def _device_synchronize(self, _: str) -> list[Any]:
        return [self.handles["device"], (1 << 64) - 1]

    def _buffer_fill(self, _: str) -> list[Any]:
        return [self.handles["buffer"], ffi.new("float[1]"), 4]

    def _buffer_wait(self, _: str) -> list[Any]:
        return [self.handles["buffer"], lib.INGOT_ACCESS_READ, (1 << 64) - 1]

    def _library_compile(self, _: str) -> list[Any]:
        options = struct("compile_options")
        return [self.handles["device"], ffi.new("char[]", SAXPY.encode()), options, ffi.new("ingot_library *")]

    def _library_get_kernel_names(self, _: str) -> list[Any]:
        return [self.handles["library"], ffi.new("char[]", TEXT_CAPACITY), TEXT_CAPACITY, ffi.new("uint64_t *")]

    def _library_set_label(self, _: str) -> list[Any]:
        return [self.handles["library"], ffi.new("char[]", b"label")]

    _library_get_label = _library_get_kernel_names

    def _library_get_kernel(self, _: str) -> list[Any]:
        return [self.handles["library"], ffi.new("char[]", b"saxpy"), ffi.new("ingot_kernel *")]

    def _library_count_constants(self, _: str) -> list[Any]:
        return [self.handles["library"], ffi.new("char[]", b"special"), ffi.new("uint64_t *")]

    def _library_get_constant(self, _: str) -> list[Any]:
        return [self.handles["library"], ffi.new("char[]", b"special"), 0, struct("constant_info")]

    def _library_get_specialised_kernel(self, _: str) -> list[Any]:
        values = ffi.new("ingot_constant[]", lib.INGOT_MAX_CONSTANTS)
        values[0].kind, values[0].width, values[0].value[0] = lib.INGOT_CONSTANT_INTEGER, 1, 4
        name = ffi.new("char[]", b"special")
        return [self.handles["library"], name, values, 1, ffi.new("ingot_kernel *")]

    def _kernel_get_constant(self, _: str) -> list[Any]:
        """Of a kernel that has one."""
        make = self.arguments("ingot_library_get_specialised_kernel")
        assert lib.ingot_library_get_specialised_kernel(*make) == lib.INGOT_OK, text()
        self._kernels.append(make[-1][0])
        return [self._kernels[-1], 0, struct("constant_info")]

    def _kernel_suggest_group(self, _: str) -> list[Any]:
        return [self.handles["kernel"], 640, 480, 1, ffi.new("uint64_t[3]")]

    def _kernel_get_label(self, _: str) -> list[Any]:
        return [self.handles["kernel"], ffi.new("char[]", TEXT_CAPACITY), TEXT_CAPACITY, ffi.new("uint64_t *")]

    def _kernel_get_argument(self, _: str) -> list[Any]:
        return [self.handles["kernel"], 2, struct("argument_info")]

    def _encoder_create(self, _: str) -> list[Any]:
        return [self.handles["device"], ffi.new("char[]", b"label"), 0, ffi.new("ingot_encoder *")]

    _recorder_create = _encoder_create

    def _values(self) -> list[Any]:
        """Buffers and values of saxpy."""
        buffers = ffi.new("ingot_buffer[64]", [self.handles["buffer"]] * 2)
        values = ffi.new("char[]", MOST_VALUES)
        head = ffi.cast("ingot_value *", values)
        head.position, head.dtype, head.nbytes = 2, lib.INGOT_FLOAT32, 4
        return [buffers, 2, values, 12]

    def _values_and_uses(self) -> list[Any]:
        uses = ffi.new("ingot_buffer[]", lib.INGOT_MAX_USES)
        uses[0] = self.handles["buffer"]
        made = [*self._values(), uses, ffi.new("uint32_t[]", [lib.INGOT_ACCESS_READ] * lib.INGOT_MAX_USES), 1]
        self._keep.append(made)
        return made

    def _encoder_dispatch(self, _: str) -> list[Any]:
        handles = [self.handles["encoder"], self.handles["kernel"]]
        return [*handles, *self._values(), lib.INGOT_GRID_THREADS, 4, 1, 1, 0, 0, 0]

    def _encoder_dispatch_using(self, _: str) -> list[Any]:
        handles = [self.handles["encoder"], self.handles["kernel"]]
        return [*handles, *self._values_and_uses(), lib.INGOT_GRID_THREADS, 4, 1, 1, 0, 0, 0]

    def _kernel_bind(self, _: str) -> list[Any]:
        return [self.handles["kernel"], *self._values_and_uses(), ffi.new("ingot_bound_kernel *")]

    def _encoder_dispatch_bound(self, _: str) -> list[Any]:
        handles = [self.handles["encoder"], self.handles["bound_kernel"]]
        return [*handles, lib.INGOT_GRID_THREADS, 4, 1, 1, 0, 0, 0]

    def _encoder_barrier(self, _: str) -> list[Any]:
        buffers = ffi.new("ingot_buffer[]", lib.INGOT_MAX_BARRIER_BUFFERS)
        buffers[0] = buffers[1] = self.handles["buffer"]
        return [self.handles["encoder"], buffers, 2]

    def _encoder_copy(self, _: str) -> list[Any]:
        """To a buffer of its own: from itself is refused."""
        return [self.handles["encoder"], self.handles["buffer"], self._buffer()]

    def _encoder_fill(self, _: str) -> list[Any]:
        return [self.handles["encoder"], self.handles["buffer"], ffi.new("float *", 1), 4]
