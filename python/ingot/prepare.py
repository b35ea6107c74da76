"""Making kernels ahead of their first use, several at a time."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from typing import TYPE_CHECKING, TypeAlias

from ingot.errors import ArgumentError, shown
from ingot.kernel import Kernel, Library

if TYPE_CHECKING:
    from ingot.constants import Constants
    from ingot.device import Device

Request: TypeAlias = "tuple[str | Library, str] | tuple[str | Library, str, Constants]"
"""A source or library, the name of a kernel in it, and values for its function constants."""

Progress: TypeAlias = Callable[[int, int], object]
"""Called with how many are done, and of how many."""


def prepare(device: Device, requests: Iterable[Request], progress: Progress | None) -> list[Kernel]:
    """Makes the kernels; one that cannot be made keeps none of the others from it."""
    try:
        given = list(requests)
    except TypeError:
        raise ArgumentError(f"{shown(requests)} is no list of requests: give [(source, name), ...]") from None
    asked = [_checked(request) for request in given]
    if progress is not None and not callable(progress):
        raise ArgumentError(f"progress is {shown(progress)}; it is a function of two numbers")
    if not asked:
        return []
    executor = ThreadPoolExecutor(min(len(asked), os.cpu_count() or 1), "ingot-prepare")
    try:
        futures: list[Future[Kernel]] = [executor.submit(_make, device, *request) for request in asked]
        for done, _ in enumerate(as_completed(futures), 1):
            if progress is not None:
                progress(done, len(futures))
        return [future.result() for future in futures]
    finally:
        executor.shutdown(cancel_futures=True)


def _checked(request: object) -> tuple[str | Library, str, Constants | None]:
    match request:
        case (str() | Library() as source, str() as name):
            return source, name, None
        case (str() | Library() as source, str() as name, None | Mapping() as constants):
            return source, name, constants
    raise ArgumentError(f"{shown(request)} is no request: give (source or library, name) or (..., name, constants)")


def _make(device: Device, source: str | Library, name: str, constants: Constants | None) -> Kernel:
    library = device.compile(source) if isinstance(source, str) else source
    return library.kernel(name, constants=constants)
