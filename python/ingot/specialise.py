"""The fast way from arguments to the C call: a function written for calls of one shape, as `namedtuple` writes its own.

A call that succeeded is likely to be followed by many like it. What is written here leaves out the checks that such
calls need not; any other makes it return None or raise one of `UNFIT`, and the general way of `binding` is taken.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

import numpy as np

from ingot import _native, dtypes
from ingot.binding import HEAD, Binder, Threadgroup
from ingot.buffer import Buffer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Shape: TypeAlias = "tuple[tuple[type, ...], tuple[str, ...], tuple[type, ...]]"
"""What a function is written for: the types of a call's arguments, and the names of those that have one."""

UNFIT: Final = (AttributeError, KeyError, OverflowError, TypeError, ValueError, struct.error)

# What struct packs into a dtype as it is meant: anything else, like a float64 for a float32, takes the general way.
_FITTING: Final = {
    code: frozenset(
        [np.dtype(dtypes.name(code)).type, *{"?": (bool,), "e": (float, int), "f": (float, int)}.get(form, (int,))]
    )
    for code, form in dtypes.FORMATS.items()
}

# A list of handles costs more than handles that are arguments, of which the border takes so many.
_FEW: Final = 4
_ALONG: Final = "dispatch_along(encoder, kernel, {handles}, {count}, {values}, {nbytes}, grid)"
_ALONG_MANY: Final = "dispatch(encoder, kernel, [{handles}], {count}, {values}, {nbytes}, 0, grid, 1, 1, 0, 0, 0)"

_SOURCE: Final = """
def encode(encoder, grid, args, named):
    {prologue}
    return {along}

def encode_over(encoder, extents, args, named):
    {prologue}
    return dispatch(encoder, kernel, [{handles}], {count}, {values}, {nbytes}, *extents)
"""


class Encode(NamedTuple):
    """Two functions that encode a dispatch; they return the status, or None for a call that is not for them."""

    along: Callable[[_native.Handle, int, Sequence[object], Mapping[str, object]], int | None]
    """Over so many threads along x."""
    over: Callable[[_native.Handle, tuple[int, ...], Sequence[object], Mapping[str, object]], int | None]
    """Over the extents that end the C call."""


class _Value(NamedTuple):
    """A value in the bytes of a call: a constant, and how Python and struct spell what follows it."""

    head: bytes
    format: str
    expression: str
    fitting: frozenset[type] | None


def unfit(*_: object) -> None:
    """Takes no call at all."""


NOTHING: Final = Encode(unfit, unfit)
"""Where a kernel starts, and what it keeps for calls that cannot be made faster."""


def shape(args: Sequence[object], named: Mapping[str, object]) -> Shape:
    """The shape of a call."""
    return tuple(map(type, args)), tuple(named), tuple(map(type, named.values()))


def write(binder: Binder, kernel: _native.Handle, args: Sequence[object], named: Mapping[str, object]) -> Encode:
    """Functions for calls as this one, which succeeded; `NOTHING` if they would not be faster."""
    given = binder.match(args, named)
    values = [_value(binder, position, value) for position, value in enumerate(given)]
    if any(
        value is not None and not isinstance(value, Buffer) and spelled is None
        for value, spelled in zip(given, values, strict=True)
    ):
        return NOTHING
    scope: dict[str, Any] = {"kernel": kernel, "null": _native.NULL}
    scope |= {"dispatch": _native.encoder_dispatch, "dispatch_along": _native.dispatch_along}
    checks, packed, formats = [], [], []
    for position, spelled in enumerate(values):
        if spelled is None:
            continue
        scope[f"head{position}"] = spelled.head
        packed += [f"head{position}", spelled.expression]
        formats += [f"{len(spelled.head)}s", spelled.format]
        if spelled.fitting is not None:
            scope[f"fitting{position}"] = spelled.fitting
            checks.append(f"type(p{position}) not in fitting{position}")
    # C takes the handle of a closed buffer, which is NULL, for what is left out, and that may be so here.
    checks += [
        f"not p{position}._buffer"
        for position, value in enumerate(given)
        if isinstance(value, Buffer) and not binder.arguments[position].is_used
    ]
    packing = struct.Struct("=" + "".join(formats))
    handles = [f"p{n}._buffer" if isinstance(value, Buffer) else "null" for n, value in enumerate(given)]
    while handles and handles[-1] == "null":  # what is not there need not be said
        handles.pop()
    scope["pack"] = packing.pack
    parts = {
        "count": len(handles),
        "values": f"pack({', '.join(packed)})" if packed else "b''",
        "nbytes": packing.size,
    }
    few = [*handles, *["null"] * (_FEW - len(handles))]
    source = _SOURCE.format(
        prologue="\n    ".join(_prologue(binder, args, named, checks)),
        along=(_ALONG if len(few) == _FEW else _ALONG_MANY).format(handles=", ".join(few), **parts),
        handles=", ".join(handles),
        **parts,
    )
    exec(source, scope)  # noqa: S102, the text is ours, and names of arguments are in it as literals only
    return Encode(scope["encode"], scope["encode_over"])


def _prologue(binder: Binder, args: Sequence[object], named: Mapping[str, object], checks: Sequence[str]) -> list[str]:
    """Lines that take the arguments apart, and return None if they are of another shape."""
    unpack = f"{', '.join(f'p{n}' for n in range(len(args)))}, = args" if args else "if args: return None"
    positions = {name: binder.positions[name] for name in named}
    lines = [unpack, *(f"p{position} = named[{name!r}]" for name, position in positions.items())]
    absent = [n for n, value in enumerate(args) if value is None] + [positions[n] for n in named if named[n] is None]
    conditions = [f"len(named) != {len(named)}" if named else "named", *checks]
    conditions += [f"p{position} is not None" for position in absent]
    return [*lines, f"if {' or '.join(conditions)}: return None"]


def _value(binder: Binder, position: int, value: object) -> _Value | None:
    argument, code = binder.arguments[position], binder.codes[position]
    if argument.kind == "threadgroup" and isinstance(value, Threadgroup):
        return _Value(HEAD.pack(position, 0, 0)[:4], "I", f"p{position}._length", None)
    if argument.kind == "threadgroup" or argument.width != 1 or type(value) not in _FITTING.get(code, ()):
        return None
    form = dtypes.FORMATS[code]
    return _Value(HEAD.pack(position, code, struct.calcsize(form)), form, f"p{position}", _FITTING[code])
