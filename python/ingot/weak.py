"""Objects that who made them does not keep."""

import weakref
from collections.abc import Callable
from typing import TypeVar

from ingot import _native

_Object = TypeVar("_Object")


def cached(owner: object, name: str, make: Callable[[], _Object]) -> _Object:
    """What an attribute refers to weakly; made if it is not there, for all threads the same."""
    made: _Object | None = None
    while True:
        with _native.lock:
            reference: weakref.ref[_Object] | None = getattr(owner, name)
            found = None if reference is None else reference()
            if found is None and made is not None:
                setattr(owner, name, weakref.ref(made))
                found = made
        if found is not None:
            return found
        made = make()
