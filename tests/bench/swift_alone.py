"""Rows `encode_swift` and `encode_bound_swift`: what one dispatch costs from Swift alone."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from measure import MissingPeerError, Row

if TYPE_CHECKING:
    from measure import Sample

ROOT = Path(__file__).resolve().parent.parent.parent
BUILD = ["swift", "build", "--package-path", str(ROOT), "-c", "release", "--product", "encode_swift"]
if sys.platform != "darwin":
    BUILD += ["-Xswiftc", "-static-stdlib"]  # as python/setup.py builds it, so that nothing is compiled twice


@functools.cache
def program() -> Path:
    """The benchmark, which Package.swift has only when it is asked for."""
    if shutil.which("swift") is None:
        raise MissingPeerError("swift is not on PATH")
    environment = os.environ | {"INGOT_BENCH": "1"}
    built = subprocess.run(BUILD, env=environment, capture_output=True, text=True, check=False)
    if built.returncode != 0:
        raise MissingPeerError(f"the Swift build failed: {built.stdout.strip().splitlines()[-1:]}")
    folder = subprocess.check_output([*BUILD, "--show-bin-path"], env=environment, text=True)
    return Path(folder.strip()) / "encode_swift"


def nanoseconds(which: int) -> Sample:
    """Arguments given at each dispatch, or bound ahead."""
    path = program()
    return lambda: float(subprocess.check_output([str(path)], text=True).split()[which])


ROWS = [
    Row(
        "encode_swift", "ns", "one dispatch of 3 arguments from Swift", {"ingot": lambda: nanoseconds(0)}, (), most=300
    ),
    Row("encode_bound_swift", "ns", "the same, bound ahead", {"ingot": lambda: nanoseconds(1)}, ()),
]
