"""The fast way from arguments to a C call: a function written for calls of one shape, as `namedtuple` writes its own.

A call that succeeded is likely to be followed by many like it. What is written here does no checks that a call of the
same shape needs not; for any other it raises one of `UNFIT`, and the general way of `binding` is taken.
"""

from __future__ import annotations

import keyword
import struct
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn

import numpy as np

from ingot import _native, dtypes
from ingot.binding import HEAD, Binder, Bound, Threadgroup
from ingot.buffer import Buffer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

UNFIT: Final = (AttributeError, TypeError, OverflowError, struct.error)

# What struct packs into a dtype as it is meant: anything else, like a float64 for a float32, takes the general way.
_FITTING: Final = {
    code: frozenset(
        [np.dtype(dtypes.name(code)).type, *{"?": (bool,), "e": (float, int), "f": (float, int)}.get(form, (int,))]
    )
    for code, form in dtypes.FORMATS.items()
}


class _Value(NamedTuple):
    """A value in the bytes of a call: a constant, and how Python and struct spell what follows it."""

    head: bytes
    expression: str
    format: str
    fitting: frozenset[type]


def unfit(*_: object, **__: object) -> NoReturn:
    """Takes no call at all: where a kernel starts."""
    raise TypeError


def specialised(binder: Binder, args: Sequence[object], named: Mapping[str, object]) -> Callable[..., Bound]:
    """A function for calls as this one, which succeeded; `unfit` where it would not be faster."""
    given = binder.match(args, named)
    shape = tuple(type(value) for value in given)
    if shape not in binder.shapes:
        binder.shapes[shape] = _write(binder, given)
    return binder.shapes[shape]


def _write(binder: Binder, given: Sequence[object]) -> Callable[..., Bound]:
    names = [_parameter(argument.name, position) for position, argument in enumerate(binder.arguments)]
    handles = [_handle(name, value) for name, value in zip(names, given, strict=True)]
    values = []
    for position, (name, value) in enumerate(zip(names, given, strict=True)):
        if value is not None and not isinstance(value, Buffer):
            spelled = _value(binder, position, name, value)
            if spelled is None:
                return unfit
            values.append(spelled)
    scope: dict[str, Any] = {"__null": _native.NULL, "__unfit": unfit}
    packed = []
    for number, spelled in enumerate(values):
        scope |= {f"__head{number}": spelled.head, f"__fitting{number}": spelled.fitting}
        packed += [f"__head{number}", spelled.expression.format(fitting=f"__fitting{number}")]
    scope["__pack"] = struct.Struct("=" + "".join(spelled.format for spelled in values)).pack
    parameters = ", ".join(f"{name}=None" for name in names)
    source = f"lambda {parameters}: ([{', '.join(handles)}], __pack({', '.join(packed)}))"
    written: Callable[..., Bound] = eval(source, scope)  # noqa: S307, the text is ours and the names are identifiers
    return written


def _parameter(name: str, position: int) -> str:
    """The argument's name where Python can have it as a parameter; others are passed by position only."""
    usable = name.isascii() and name.isidentifier() and not keyword.iskeyword(name) and not name.startswith("__")
    return name if usable else f"__{position}"


def _handle(name: str, value: object) -> str:
    if isinstance(value, Buffer):
        return f"{name}._buffer"
    return f"__null if {name} is None else {name}._buffer" if value is None else "__null"


def _value(binder: Binder, position: int, name: str, value: object) -> _Value | None:
    argument, code = binder.arguments[position], binder.codes[position]
    if argument.kind == "threadgroup":
        head = HEAD.pack(position, 0, 0)[:4]
        if isinstance(value, Threadgroup):
            return _Value(head, f"{name}._length", "4sI", frozenset())
        return _Value(head, f"{name} if type({name}) in {{fitting}} and {name} else __unfit()", "4sI", frozenset([int]))
    if argument.width != 1 or type(value) not in _FITTING.get(code, ()):
        return None
    form = dtypes.FORMATS[code]
    head = HEAD.pack(position, code, struct.calcsize(form))
    expression = f"{name} if type({name}) in {{fitting}} else __unfit()"
    return _Value(head, expression, f"8s{form}", _FITTING[code])
