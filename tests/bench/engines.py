"""Ingot and the engines it is measured against, opened once each."""

from __future__ import annotations

import functools
import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from measure import MissingPeerError

if TYPE_CHECKING:
    import ingot

VENDORS = "/etc/OpenCL/vendors"


class OpenCL(NamedTuple):
    """PyOpenCL on PoCL, untyped as it comes."""

    cl: Any
    context: Any
    queue: Any
    version: str


@functools.cache
def device() -> ingot.Device:
    """Ingot's default device."""
    try:
        import ingot  # noqa: PLC0415  (a peer that may be missing, like the others)
    except ImportError as error:
        raise MissingPeerError(f"ingot is not built: {error}") from error
    return ingot.Device()


@functools.cache
def opencl() -> OpenCL:
    """PoCL through PyOpenCL, without PyOpenCL's own cache of built programs."""
    os.environ["PYOPENCL_NO_CACHE"] = "1"
    if Path(VENDORS).is_dir():  # the ICD loader of the PyPI wheel looks elsewhere
        os.environ.setdefault("OCL_ICD_VENDORS", VENDORS)
    try:
        import pyopencl as cl  # noqa: PLC0415  (a peer that may be missing)
    except ImportError as error:
        raise MissingPeerError("pyopencl is not installed (pip install pyopencl)") from error
    warnings.simplefilter("ignore", cl.CompilerWarning)
    try:
        platform = next(p for p in cl.get_platforms() if "Portable" in p.name)
    except (StopIteration, cl.LogicError) as error:
        raise MissingPeerError("PoCL is not installed (Debian, Ubuntu: apt-get install pocl-opencl-icd)") from error
    context = cl.Context(platform.get_devices()[:1])
    return OpenCL(cl, context, cl.CommandQueue(context), platform.version.strip())
