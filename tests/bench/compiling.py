"""Rows `compile_cold` and `compile_disk`: from source to first result, in a fresh process each time.

Caches lie in folders of their own, and each sample has a source of its own: what an engine keeps besides kernels
(Ingot's precompiled header) is there, the kernel is not, or only from the process before.
"""

from __future__ import annotations

import functools
import itertools
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from engines import device, opencl
from measure import MissingPeerError, Row, Target

CHILD = Path(__file__).with_name("compile_child.py")


class Processes:
    """First and second processes of one engine, with a cache of their own."""

    def __init__(self, engine: str) -> None:
        self.engine = engine
        self.folder = tempfile.TemporaryDirectory(prefix="ingot-bench-")
        self.numbers = itertools.count()
        self.disk()  # fills what is not a kernel into the cache

    def cold(self) -> float:
        """Milliseconds with a source never seen."""
        return self._child(next(self.numbers))

    def warm(self) -> float:
        """The same in a process that has compiled another kernel before."""
        return self._child(next(self.numbers), "warm")

    def disk(self) -> float:
        """Milliseconds in a second process with the same source."""
        number = next(self.numbers)
        self._child(number)
        return self._child(number)

    def _child(self, number: int, *arguments: str) -> float:
        caches = {"INGOT_CACHE_DIR": self.folder.name, "POCL_CACHE_DIR": self.folder.name, "PYOPENCL_NO_CACHE": "1"}
        command = [sys.executable, str(CHILD), self.engine, str(number), *arguments]
        child = subprocess.run(command, env=os.environ | caches, capture_output=True, text=True, check=False)
        if child.returncode != 0:
            raise MissingPeerError(f"the child process failed: {child.stderr.strip().splitlines()[-1:]}")
        return float(child.stdout) * 1e3


@functools.cache
def processes(engine: str) -> Processes:
    """The engine's processes, if it is there."""
    device() if engine == "ingot" else opencl()
    return Processes(engine)


ROWS = [
    Row(
        "compile_cold",
        "ms",
        "from source to first result, source never seen; pyopencl_warm: not the first in its process",
        {
            "ingot": lambda: processes("ingot").cold,
            "pyopencl": lambda: processes("pyopencl").cold,
            "pyopencl_warm": lambda: processes("pyopencl").warm,
        },
        (Target("pyopencl", 1.4, 0.8), Target("pyopencl_warm", 1.4, 0.8)),
    ),
    Row(
        "compile_disk",
        "ms",
        "from source to first result, the same source in a second process",
        {"ingot": lambda: processes("ingot").disk, "pyopencl": lambda: processes("pyopencl").disk},
        (Target("pyopencl", 0.4, 0.15),),
    ),
]
