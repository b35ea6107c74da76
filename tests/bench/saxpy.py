"""Row `saxpy`: y = a x + y over 16 M float32, bound by memory; 12 bytes an element."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from dispatch import MSL, OPENCL_C
from engines import device, opencl
from measure import MissingPeerError, Row, Target, median_seconds

if TYPE_CHECKING:
    from collections.abc import Callable

    from measure import Sample
    from numpy.typing import NDArray

COUNT = 1 << 24
RUNS = 5
SOURCE = Path(__file__).with_name("saxpy.c")


def _host_arrays() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    return np.ones(COUNT, np.float32), np.zeros(COUNT, np.float32)


def _sample(run: Callable[[], object], result: Callable[[], NDArray[np.float32]]) -> Sample:
    """Checks a first run, and returns what measures some."""
    run()
    if not np.array_equal(result(), np.full(COUNT, 2, np.float32)):
        raise AssertionError("saxpy gives a wrong result")
    return lambda: 12 * COUNT / median_seconds(run, RUNS) / 1e9


def on_ingot() -> Sample:
    """One dispatch in an encoder, committed and waited for."""
    gpu = device()
    kernel = gpu.compile(MSL).kernel("saxpy")
    x, y = gpu.full(COUNT, 1, np.float32), gpu.zeros(COUNT, np.float32)

    def run() -> None:
        with gpu.encoder() as encoder:
            encoder.dispatch(kernel, x, y, 2.0, grid=COUNT)
            encoder.commit_and_wait()

    return _sample(run, y.numpy)


def c_loop() -> Sample:
    """A loop in C, a thread a core, compiled for this very processor."""
    compiler = _clang()
    x, y = _host_arrays()
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "saxpy.so"
        flags = ["-O3", "-march=native", "-shared", "-fPIC", "-pthread"]
        build = subprocess.run([compiler, *flags, str(SOURCE), "-o", str(library)], check=False)
        if build.returncode != 0:
            raise MissingPeerError(f"{compiler} cannot compile saxpy.c")
        function = ctypes.CDLL(str(library)).saxpy
    function.argtypes = [ctypes.c_float, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()

    def run() -> None:
        if function(2.0, x.ctypes.data, y.ctypes.data, COUNT, threads) != 0:
            raise RuntimeError("no more threads")

    return _sample(run, lambda: y)


def on_opencl() -> Sample:
    """PoCL in place on NumPy's memory."""
    cl, context, queue, _ = opencl()
    kernel = cl.Kernel(cl.Program(context, OPENCL_C).build(), "saxpy")
    x, y = _host_arrays()
    flags = cl.mem_flags.READ_WRITE | cl.mem_flags.USE_HOST_PTR
    buffers = [cl.Buffer(context, flags, hostbuf=array) for array in (x, y)]
    kernel.set_args(*buffers, np.float32(2))

    def run(_keep: object = buffers) -> None:  # a kernel does not keep its buffers alive
        cl.enqueue_nd_range_kernel(queue, kernel, (COUNT,), (256,))
        queue.finish()

    def result() -> NDArray[np.float32]:
        mapped, _ = cl.enqueue_map_buffer(queue, buffers[1], cl.map_flags.READ, 0, (COUNT,), np.float32)
        copy: NDArray[np.float32] = mapped.copy()
        mapped.base.release(queue)
        return copy

    return _sample(run, result)


def on_numpy() -> Sample:
    """Two ufuncs into memory that is there already."""
    x, y = _host_arrays()
    product = np.empty_like(x)

    def run() -> None:
        np.multiply(x, np.float32(2), out=product)
        np.add(product, y, out=y)

    return _sample(run, lambda: y)


def _clang() -> str:
    """The clang that Ingot would take: INGOT_CLANG, beside swift, on PATH; else any C compiler."""
    swift = shutil.which("swift")
    beside = Path(swift).resolve().with_name("clang") if swift else None
    candidates = (os.environ.get("INGOT_CLANG"), beside, shutil.which("clang"), shutil.which("cc"))
    for candidate in candidates:
        if candidate and Path(candidate).exists():
            return str(candidate)
    raise MissingPeerError("no C compiler")


ROWS = [
    Row(
        "saxpy",
        "GB/s",
        f"y = a x + y, {COUNT >> 20} M float32",
        {"ingot": on_ingot, "c_loop": c_loop, "pyopencl": on_opencl, "numpy": on_numpy},
        (Target("c_loop", 0.9, 0.98),),
        higher_is_better=True,
    )
]
