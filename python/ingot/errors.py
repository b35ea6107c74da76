"""What Ingot raises. Everything is an `IngotError`; where Python has a fitting exception it is that one too."""

from typing import Any, Final

_LONGEST: Final = 200


def shown(value: object) -> str:
    """`repr` for a message: cut where it is long, and there even for an int of more digits than Python prints."""
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001, whatever a class of the user's raises
        text = f"<{type(value).__name__}>"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


class Unpicklable:
    """What belongs to this process: its copy would stand for the same handle."""

    __slots__ = ()

    def __reduce__(self) -> str | tuple[Any, ...]:
        raise TypeError(f"a {type(self).__name__} belongs to this process: it cannot be pickled or copied")


class IngotError(Exception):
    """The base of all of Ingot's exceptions. The text says what was asked, what the limit is and what to do."""


class DeviceNotFoundError(IngotError):
    """There is no Metal device, not that many, or no GPU where one is required."""


class CompileError(IngotError):
    """MSL that does not compile; the text shows the offending line with a caret.

    `line` and `column` count from 1 and are 0 where the compiler names no place.
    """

    def __init__(self, message: str, *, file: str = "", line: int = 0, column: int = 0, source_line: str = "") -> None:
        super().__init__(message)
        self.file = file
        self.line = line
        self.column = column
        self.source_line = source_line


class PipelineError(IngotError):
    """A kernel that compiles, but that Metal cannot make a pipeline of."""


class ArgumentError(IngotError, ValueError):
    """A value, shape, dtype, name or kernel argument that cannot be meant."""


class OutOfBoundsError(ArgumentError, IndexError):
    """An index beyond the end of a buffer."""


class OutOfMemoryError(IngotError, MemoryError):
    """Metal could not allocate the memory."""


class InFlightError(IngotError):
    """Host access to memory that an unfinished submission uses."""


class ExportError(IngotError, BufferError):
    """The memory cannot be had in the form that another library asks for."""


class StateError(IngotError):
    """Not now: dispatch after commit, a second commit, a result before there is one."""


class UncommittedError(IngotError):
    """A `with` block of an encoder ended without a commit, so its work would have been lost."""


class ClosedError(IngotError):
    """The object was closed."""


class CommandBufferError(IngotError):
    """The GPU failed while it ran the submission; the device stays usable.

    The text has Metal's own, and what to do. `code` is Metal's (`MTLCommandBufferError`), `label` the submission's, and
    `kernels` those that were in it, one of which is at fault; as many as go into 4096 bytes.
    """

    def __init__(self, message: str, *, code: int = 0, label: str = "", kernels: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.label = label
        self.kernels = kernels


class WaitTimeoutError(IngotError, TimeoutError):
    """The wait ended before the submission did, which goes on."""
