"""100,000 objects of each class come and go, 20,000 from 4 threads, and leave nothing behind: see volume.py."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import volume

MIB = 1 << 20


@pytest.mark.parametrize(("cycles", "threads"), [(100_000, 1), (20_000, 4)])
@pytest.mark.parametrize("name", [each.__name__ for each in volume.CLASSES])
def test_nothing_is_left(name: str, cycles: int, threads: int, environment: dict[str, str]) -> None:
    program = str(Path(volume.__file__))
    cycles //= volume.SLOWER.get(name, 1)
    command = [sys.executable, program, name, str(cycles), str(threads)]
    # An arena of malloc's for each thread would be memory of its own. Permuting would take much longer, since the
    # software device dawdles then.
    environment |= {"MALLOC_ARENA_MAX": "1", "INGOT_SOFT_SEED": ""}
    run = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=600)
    assert run.returncode == 0, run.stderr
    left = json.loads(run.stdout)
    assert left["live"] == {}
    assert left["bytes"] <= MIB
