"""Libraries of kernels, kernels, and what kernels take."""

from __future__ import annotations

import re
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, get_args

from ingot import _native, _native_bound, _native_constants, dtypes, shapes, specialise
from ingot import constants as function_constants
from ingot._native import lib
from ingot.binding import Binder
from ingot.bound import BoundKernel, used
from ingot.errors import ArgumentError, Unpicklable, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np
    import numpy.typing as npt

    from ingot.bound import Use
    from ingot.constants import Constants, FunctionConstant
    from ingot.device import Device
    from ingot.encoder import Value
    from ingot.grids import Extent
    from ingot.submission import Submission

MathMode: TypeAlias = Literal["default", "safe", "relaxed", "fast"]
"""What the compiler may do to floating-point arithmetic (`MTLMathMode`)."""

_MATH_MODES: Final[dict[str, int]] = {name: getattr(lib, f"INGOT_MATH_{name.upper()}") for name in get_args(MathMode)}
_KINDS: Final[dict[int, Literal["buffer", "threadgroup"]]] = {
    lib.INGOT_ARGUMENT_BUFFER: "buffer",
    lib.INGOT_ARGUMENT_THREADGROUP: "threadgroup",
}


class Library(Unpicklable):
    """The kernels of one MSL source (`MTLLibrary`), which `Device.compile` makes. It may be used from any thread.

    Example:
        library = device.compile(source)
        print(library.kernel_names)
        saxpy = library.kernel("saxpy")
    """

    __slots__ = ("_device", "_handle", "_kernel_names", "_kernels")

    def __init__(
        self,
        device: Device,
        source: str,
        math_mode: MathMode,
        language_version: str | tuple[int, int] | None,
        macros: Mapping[str, object],
    ) -> None:
        if not isinstance(macros, Mapping):
            raise ArgumentError(f"macros is {shown(macros)}; it is a dict of names and values")
        if not isinstance(math_mode, str) or math_mode not in _MATH_MODES:
            raise ArgumentError(f"math_mode is {shown(math_mode)}; it can be {', '.join(map(repr, _MATH_MODES))}")
        self._handle = _native.compile_library(
            device._handle,
            _native.encoded(source, "the source"),
            _MATH_MODES[math_mode],
            _version(language_version),
            {_native.encoded(name, "a macro"): _macro_value(value) for name, value in macros.items()},
        )
        self._device = device
        self._kernel_names = _native.kernel_names(self._handle)
        # Kernels hold their library, so it must not hold them. One with constants goes by its name and their values.
        self._kernels: weakref.WeakValueDictionary[str | tuple[object, ...], Kernel] = weakref.WeakValueDictionary()

    @property
    def device(self) -> Device:
        """The device it was compiled for."""
        return self._device

    @property
    def kernel_names(self) -> tuple[str, ...]:
        """The names of its kernels, sorted."""
        return self._kernel_names

    @property
    def label(self) -> str | None:
        """What Metal's tools call it (`MTLLibrary.label`); all who compile the same text share it."""
        return _native.text(lib.ingot_library_get_label, self._handle) or None

    @label.setter
    def label(self, label: str | None) -> None:
        _native.check(lib.ingot_library_set_label(self._handle, _native.optional(label, "the label")))

    def kernel(self, name: str, *, constants: Constants | None = None) -> Kernel:
        """The kernel with that name, always the same object; its pipeline is made when it is first asked for.

        `constants` has values for its function constants, by name or index (`makeFunction(name:constantValues:)`); each
        set of values is a kernel of its own. Numbers take the type of the constant, if it holds them; NumPy scalars
        must be of it; vectors are sequences or one-dimensional arrays.

        Raises:
            ArgumentError: There is no such kernel; the text lists those there are. Or a constant is missing, unknown,
                given twice or as another type; the text lists the constants.
            PipelineError: Metal cannot make a pipeline of it (`makeComputePipelineState`).

        Example:
            step = library.kernel("step", constants={"n": 4, "scale": 0.5, 3: np.uint8(1), "shape": (2, 3)})
        """
        if constants is not None and (values := function_constants.native(constants)):
            made = Kernel(self, name, _native_constants.get_kernel(self._handle, name, values))
            key: str | tuple[object, ...] = made._key
        else:
            kernel = self._kernels.get(name) if isinstance(name, str) else None
            if kernel is not None:
                return kernel
            made, key = Kernel(self, name, _native.get_kernel(self._handle, name)), name
        with _native.lock:  # another thread may have been here meanwhile
            return self._kernels.setdefault(key, made)

    def function_constants(self, name: str) -> tuple[FunctionConstant, ...]:
        """The function constants of a kernel, by index, before there is a pipeline (`functionConstantsDictionary`).

        Raises:
            ArgumentError: There is no such kernel; the text lists those there are.
        """
        return function_constants.of_kernel(self._handle, name)

    def __repr__(self) -> str:
        return f"<ingot.Library of {', '.join(self._kernel_names) or 'no kernels'}>"


@dataclass(frozen=True, slots=True)
class KernelArgument:
    """One argument of a kernel, as Metal's reflection describes it."""

    name: str
    kind: Literal["buffer", "threadgroup"]
    """`device` or `constant` memory, or `threadgroup` memory."""
    index: int
    """Its slot: the n of `[[buffer(n)]]` or `[[threadgroup(n)]]`."""
    dtype: np.dtype[Any] | None
    """Of the scalars an element is made of; None for structs and void (and bfloat16 without ml_dtypes)."""
    width: int
    """Scalars in one element: 4 for float4, 0 for structs and void."""
    nbytes: int
    """Bytes of one element; a float3 has 16."""
    alignment: int
    """Bytes that the offset of its memory must be a multiple of."""
    access: Literal["r", "w", "rw"]
    """What the kernel does to it; unknown counts as both."""
    is_used: bool
    """Whether the kernel uses it; if not it may be left out."""
    takes_inline: bool
    """Whether a value may stand in place of a buffer: `constant` and `const device` arguments."""


class Kernel(Unpicklable):
    """A kernel that is ready to run (`MTLComputePipelineState`), which `Library.kernel` gives, for any thread.

    Example:
        for argument in kernel.arguments:
            print(argument.index, argument.name, argument.dtype, argument.access)
    """

    __slots__ = (
        "__weakref__",
        "_arguments",
        "_binder",
        "_constants",
        "_encode_along",
        "_encode_over",
        "_handle",
        "_label",
        "_library",
        "_max_threads_per_group",
        "_name",
        "_shapes",
        "_static_threadgroup_memory",
        "_thread_execution_width",
    )

    def __init__(self, library: Library, name: str, handle: _native.Handle) -> None:
        self._handle = handle
        self._library = library
        self._name = name
        info = _native.kernel_info(self._handle)
        self._label = _native_constants.kernel_label(handle)
        self._constants = function_constants.given(handle, info.constant_count)
        self._max_threads_per_group = int(info.max_threads_per_threadgroup)
        self._thread_execution_width = int(info.thread_execution_width)
        self._static_threadgroup_memory = int(info.static_threadgroup_memory)
        codes, self._arguments = _arguments(self._handle, info.argument_count)
        self._binder = Binder(name, self._arguments, codes)
        self._encode_along, self._encode_over = specialise.NOTHING
        self._shapes: dict[specialise.Shape, specialise.Encode] = {}

    @property
    def name(self) -> str:
        """Its name in MSL."""
        return self._name

    @property
    def label(self) -> str:
        """Its pipeline's label: the name, then each constant that was given a value, as in `softmax|0:b1|1:i128`."""
        return self._label

    @property
    def constants(self) -> Mapping[str | int, np.generic | npt.NDArray[Any]]:
        """The values that its function constants were given, by name: NumPy scalars, and arrays for vectors."""
        return MappingProxyType(self._constants)

    @property
    def _key(self) -> tuple[object, ...]:
        """The same for the same kernel with the same values."""
        return (self._name, *((key, value.dtype.str, value.tobytes()) for key, value in self._constants.items()))

    @property
    def library(self) -> Library:
        """The library it is from."""
        return self._library

    @property
    def device(self) -> Device:
        """The device it was compiled for."""
        return self._library.device

    @property
    def arguments(self) -> tuple[KernelArgument, ...]:
        """What it takes: buffers by their index, then threadgroup memory by its index."""
        return self._arguments

    @property
    def max_threads_per_group(self) -> int:
        """Threads that one threadgroup of this kernel may have (`maxTotalThreadsPerThreadgroup`)."""
        return self._max_threads_per_group

    @property
    def thread_execution_width(self) -> int:
        """Threads that run in step, a SIMD-group; a good threadgroup is a multiple of it."""
        return self._thread_execution_width

    @property
    def static_threadgroup_memory(self) -> int:
        """Bytes of threadgroup memory that the kernel itself declares."""
        return self._static_threadgroup_memory

    def suggest_group(self, grid: shapes.Shape) -> tuple[int, ...]:
        """A good threadgroup for a grid of threads, with as many extents: what a dispatch without `group` takes.

        It knows nothing of how a kernel with threadgroup memory divides its work.

        Raises:
            ArgumentError: No dispatch can have such a grid.

        Example:
            encoder.dispatch(blur, image, grid=(640, 480), group=blur.suggest_group((640, 480)))
        """
        extents = shapes.integers(grid)
        if not 1 <= len(extents) <= 3 or not all(1 <= extent < 1 << 32 for extent in extents):  # noqa: PLR2004
            raise ArgumentError(f"grid is {shown(grid)}; it is up to three numbers along x, y and z, each at least 1")
        x, y, z = *extents, *(1,) * (3 - len(extents))
        return _native_constants.suggest_group(self._handle, x, y, z)[: len(extents)]

    def bind(self, /, *args: Value, uses: Iterable[Use] | None = None, **named: Value) -> BoundKernel:
        """The kernel with its arguments: checked once, to be dispatched often.

        Arguments are given as to `CommandEncoder.dispatch`, all of them; lazy buffers get their memory. `uses` are the
        buffers that the kernel reaches through pointers in others. Closing a buffer does not take it from the bound
        kernel; a reset of its pool does.

        Raises:
            ArgumentError: An argument is missing, unknown, or does not fit.
            ClosedError: A buffer was closed, or taken back by a reset of its pool.
            OutOfMemoryError: There is no memory for a lazy buffer, or for a long value.

        Example:
            forth, back = step.bind(x, y), step.bind(y, x)
            for _ in range(100):
                encoder.dispatch(forth, grid=x.size)
                encoder.dispatch(back, grid=x.size)
        """
        handles, values = self._binder.bind(args, named)
        return BoundKernel(self, _native_bound.bind_kernel(self._handle, handles, values, used(uses)))

    def __call__(
        self,
        /,
        *args: Value,
        grid: Extent | None = None,
        groups: Extent | None = None,
        group: Extent | None = None,
        uses: Iterable[Use] | None = None,
        **named: Value,
    ) -> Submission:
        """Encodes, commits and waits in one, under the kernel's name; returns what it waited for.

        Arguments and errors are those of `CommandEncoder.dispatch` and `Submission.wait`. For more than one dispatch an
        encoder is the quicker.

        Example:
            print(saxpy(x, y, a=2.0, grid=x.size).gpu_time)
        """
        with self.device.encoder(self._name) as encoder:
            encoder.dispatch(self, *args, grid=grid, groups=groups, group=group, uses=uses, **named)
            return encoder.commit_and_wait()

    def _specialise(self, args: Sequence[object], named: Mapping[str, object]) -> None:
        """Prepares for more calls as this one, which succeeded."""
        shape = specialise.shape(args, named)
        if shape not in self._shapes:
            self._shapes[shape] = specialise.write(self._binder, self._handle, args, named)
        # Another thread may see one of the two changed: each of them checks its call.
        self._encode_along, self._encode_over = self._shapes[shape]

    def __repr__(self) -> str:
        return f"<ingot.Kernel {self._label}({', '.join(argument.name for argument in self._arguments)})>"


def _arguments(handle: _native.Handle, count: int) -> tuple[list[int], tuple[KernelArgument, ...]]:
    natives = [_native.kernel_argument(handle, position) for position in range(count)]
    return [native.dtype for native in natives], tuple(argument(native) for native in natives)


def argument(native: _native.Struct) -> KernelArgument:
    """What an `ingot_argument_info` says."""
    access: dict[int, Literal["r", "w"]] = {lib.INGOT_ACCESS_READ: "r", lib.INGOT_ACCESS_WRITE: "w"}
    return KernelArgument(
        name=_native.string(native.name),
        kind=_KINDS[native.kind],
        index=native.index,
        dtype=dtypes.from_code(native.dtype),
        width=native.width,
        nbytes=native.nbytes,
        alignment=native.alignment,
        access=access.get(native.access, "rw"),
        is_used=bool(native.is_used),
        takes_inline=bool(native.takes_inline),
    )


def _version(version: str | tuple[int, int] | None) -> int:
    """An `MTLLanguageVersion`: major and minor in 16 bits each; 0 for the newest."""
    if version is None:
        return 0
    text = ".".join(map(str, version)) if isinstance(version, tuple | list) else version
    found = re.fullmatch(r"([0-9]{1,4})\.([0-9]{1,4})", text) if isinstance(text, str) else None
    if found is None:
        raise ArgumentError(f"language_version is {shown(version)}; it is written '3.2' or (3, 2)")
    return int(found[1]) << 16 | int(found[2])


def _macro_value(value: object) -> bytes:
    """The text that a macro stands for, as C writes it."""
    if isinstance(value, bool):
        value = int(value)
    try:
        text = str(value)
    except ValueError as error:  # an int of thousands of digits
        raise ArgumentError(f"the value of a macro has no text: {error}") from error
    return _native.encoded(text, "the value of a macro")
