"""Wrapped memory, adopted Metal buffers and mapped files through ingot.h, each scenario in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from import_abi import SCENARIOS

PROGRAM = Path(__file__).with_name("import_abi.py")


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_scenario(scenario: str) -> None:
    run = subprocess.run(
        [sys.executable, str(PROGRAM), scenario], capture_output=True, text=True, timeout=120, check=False
    )
    assert run.returncode == 0, run.stderr
