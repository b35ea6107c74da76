"""The library needs nothing of Python's: ctypes, in an interpreter without site-packages, runs saxpy."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from test_exports import LIBRARY

PROGRAM = Path(__file__).with_name("ctypes_saxpy.py")


def test_saxpy_with_ctypes_alone(environment: dict[str, str]) -> None:
    command = [sys.executable, "-I", "-S", str(PROGRAM), str(LIBRARY)]
    run = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert (run.returncode, run.stdout) == (0, "saxpy of 1000 with ctypes alone\n"), run.stderr
