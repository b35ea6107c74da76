"""One good call of each function of ingot.h, from which tests make bad ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from kernels import SAXPY

from ingot._native import ffi, lib

if TYPE_CHECKING:
    from types import TracebackType

KINDS = ("device", "buffer", "library", "kernel", "encoder", "submission")
HANDLE_TYPES = {ffi.typeof(f"ingot_{kind}"): kind for kind in KINDS}
FUNCTIONS = {
    name: ffi.typeof(getattr(lib, name))
    for name in sorted(dir(lib))
    if name.startswith("ingot_") and ffi.typeof(getattr(lib, name)).result.cname == "int32_t"
}
"""All functions that return a status, with their types."""

STATUSES = {name: getattr(lib, name) for name in dir(lib) if name == "INGOT_OK" or name.startswith("INGOT_ERROR_")}
TEXT_CAPACITY = 4096
MOST_VALUES = 1 << 19
"""More bytes than the values of a dispatch can have, so that no count below the limit reads beyond them."""


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


class Live:
    """A live handle of each kind, on an isolated device, and arguments that are good."""

    def __init__(self) -> None:
        self.handles: dict[str, Any] = {}
        self._keep: list[Any] = []

    def __enter__(self) -> Self:
        for kind in ("device", "library", "kernel", "buffer", "encoder", "submission"):
            self.handles[kind] = self.make(kind)
        assert lib.ingot_submission_wait(self.handles["submission"], (1 << 64) - 1) == lib.INGOT_OK
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for name, handle in self.handles.items():
            release(name, handle)

    def make(self, kind: str) -> Any:
        """Another handle of a kind, which the caller releases."""
        if kind == "submission":
            encoder = self.make("encoder")
            submission = self._call("encoder_commit", kind, encoder)
            release("encoder", encoder)
            return submission
        device, shape = self.handles.get("device"), ffi.new("uint64_t[]", [4])
        calls: dict[str, tuple[Any, ...]] = {
            "device": ("device_open", 0, lib.INGOT_DEVICE_ISOLATED),
            "library": ("library_compile", device, SAXPY.encode(), ffi.NULL),
            "kernel": ("library_get_kernel", self.handles.get("library"), b"saxpy"),
            "buffer": ("buffer_create", device, lib.INGOT_FLOAT32, shape, 1, ffi.new("float *", 1), 4, ffi.NULL),
            "encoder": ("encoder_create", device, b"label", 0),
        }
        function, *arguments = calls[kind]
        return self._call(function, kind, *arguments)

    def _call(self, function: str, kind: str, *arguments: Any) -> Any:
        result = ffi.new(f"ingot_{kind} *")
        more = [ffi.NULL] if kind == "buffer" else []  # the contents
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

    def _device_supports(self, _: str) -> list[Any]:
        return [self.handles["device"], 5001, ffi.new("uint8_t *")]

    def _buffer_create(self, _: str) -> list[Any]:
        shape = ffi.new("uint64_t[]", [3, *[1] * (lib.INGOT_MAX_DIMENSIONS - 1)])
        results = [ffi.new("ingot_buffer *"), ffi.new("void **")]
        initial, label = ffi.new("float[3]"), ffi.new("char[]", b"label")
        return [self.handles["device"], lib.INGOT_FLOAT32, shape, 1, initial, 12, label, *results]

    def _buffer_window(self, _: str) -> list[Any]:
        shape = ffi.new("uint64_t[]", [3, *[1] * (lib.INGOT_MAX_DIMENSIONS - 1)])
        return [self.handles["buffer"], 4, 0, shape, 1, ffi.new("ingot_buffer *")]

    def _buffer_get_contents(self, _: str) -> list[Any]:
        return [self.handles["buffer"], lib.INGOT_ACCESS_READ, ffi.new("void **")]

    def _buffer_wait(self, _: str) -> list[Any]:
        return [self.handles["buffer"], lib.INGOT_ACCESS_READ, (1 << 64) - 1]

    def _library_compile(self, _: str) -> list[Any]:
        options = struct("compile_options")
        return [self.handles["device"], ffi.new("char[]", SAXPY.encode()), options, ffi.new("ingot_library *")]

    def _library_get_kernel_names(self, _: str) -> list[Any]:
        return [self.handles["library"], ffi.new("char[]", TEXT_CAPACITY), TEXT_CAPACITY, ffi.new("uint64_t *")]

    def _library_get_kernel(self, _: str) -> list[Any]:
        return [self.handles["library"], ffi.new("char[]", b"saxpy"), ffi.new("ingot_kernel *")]

    def _kernel_get_argument(self, _: str) -> list[Any]:
        return [self.handles["kernel"], 2, struct("argument_info")]

    def _encoder_create(self, _: str) -> list[Any]:
        return [self.handles["device"], ffi.new("char[]", b"label"), 0, ffi.new("ingot_encoder *")]

    def _encoder_dispatch(self, _: str) -> list[Any]:
        buffers = ffi.new("ingot_buffer[64]", [self.handles["buffer"]] * 2)
        values = ffi.new("char[]", MOST_VALUES)
        head = ffi.cast("ingot_value *", values)
        head.position, head.dtype, head.nbytes = 2, lib.INGOT_FLOAT32, 4
        self._keep.append(buffers)
        handles = [self.handles["encoder"], self.handles["kernel"]]
        return [*handles, buffers, 2, values, 12, lib.INGOT_GRID_THREADS, 4, 1, 1, 0, 0, 0]

    def _submission_wait(self, _: str) -> list[Any]:
        return [self.handles["submission"], 1_000_000_000]
