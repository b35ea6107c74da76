"""100,000 objects of each class come and go, alone and from 4 threads, and leave nothing behind: see volume.py."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import volume

CYCLES = 100_000
MIB = 1 << 20


@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize("name", [each.__name__ for each in volume.CLASSES])
def test_nothing_is_left_of_100000(name: str, threads: int, environment: dict[str, str]) -> None:
    program = str(Path(volume.__file__))
    command = [sys.executable, program, name, str(CYCLES), str(threads)]
    # An arena of malloc's for each thread would be memory of its own.
    environment |= {"MALLOC_ARENA_MAX": "1"}
    run = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=600)
    assert run.returncode == 0, run.stderr
    left = json.loads(run.stdout)
    assert left["live"] == {}
    assert left["bytes"] <= MIB
