"""Runs `swift test` and pytest, both even if the first one fails."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Python's tests run in this many processes at a time; tests of one group stay in one of them.
WORKERS = min(os.cpu_count() or 1, 4)
RUNS = {
    "swift test": ["swift", "test", "--disable-xctest"],
    "pytest": [sys.executable, "-m", "pytest", "-rs", "-n", str(WORKERS), "--dist", "loadgroup", "tests/python"],
}


def seed() -> str:
    """The software device's seed: the caller's, or one that changes with each commit and not between runs."""
    if given := os.environ.get("INGOT_SOFT_SEED"):
        return given
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    return str(int(commit.stdout[:8] or "1", 16))


def main() -> int:
    """Prints the seed, runs both runners, and sums up."""
    environment = os.environ | {"INGOT_SOFT_SEED": seed()}
    print(f"INGOT_SOFT_SEED={environment['INGOT_SOFT_SEED']}", flush=True)
    results = []
    for name, command in RUNS.items():
        start = time.monotonic()
        status = subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
        result = "passed" if status == 0 else f"FAILED (exit status {status})"
        results.append(f"{name} {result} in {time.monotonic() - start:.0f} s")
    print(f"{'; '.join(results)}; INGOT_SOFT_SEED={environment['INGOT_SOFT_SEED']}")
    return 1 if any("FAILED" in result for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
