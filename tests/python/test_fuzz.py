"""Whatever is passed to the C ABI, the process lives and each call gives a status of the header."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from abi import STATUSES
from test_exports import declared

import ingot

PROGRAM = Path(__file__).with_name("fuzz_abi.py")
SECONDS = float(os.environ.get("INGOT_FUZZ_SECONDS", "30" if os.environ.get("CI") else "8"))
ON_GPU = not ingot.Device(0).is_software
# What only the software device can be told to do; and a GPU's compiler may refuse what another's pipeline does.
ELSEWHERE = {"INGOT_ERROR_OUT_OF_MEMORY", "INGOT_ERROR_COMMAND_BUFFER", "INGOT_ERROR_PIPELINE"} if ON_GPU else set()
SEED = int(os.environ.get("INGOT_FUZZ_SEED", os.environ["INGOT_SOFT_SEED"]))


def test_fuzz(environment: dict[str, str], tmp_path: Path) -> None:
    trace = tmp_path / "calls"
    # The first allocation fails; a submission fails; what never ends is given up after a second.
    variables = {
        "INGOT_FUZZ_SEED": str(SEED),
        "INGOT_SOFT_FAIL_ALLOCATION": "1",
        "INGOT_SOFT_FAIL_SUBMISSION": "5",
        "INGOT_SOFT_TIMEOUT": "1000",
        "INGOT_FUZZ_ON_GPU": str(int(ON_GPU)),
    }
    command = [sys.executable, str(PROGRAM), str(SECONDS), str(SEED), str(trace)]
    run = subprocess.run(
        command, capture_output=True, text=True, check=False, env=environment | variables, timeout=SECONDS + 120
    )
    assert run.returncode == 0, f"INGOT_FUZZ_SEED={SEED}\n{run.stderr[-4000:]}\nlast calls:\n{trace.read_text()}"
    report = json.loads(run.stdout)
    share = report["with_live_handles"] / report["calls"]
    print(f"\nfuzz, seed {SEED}: {report['calls']} calls in {SECONDS:g} s, {share:.0%} with live handles")  # noqa: T201
    print(f"  {report['statuses']}\n  {report['functions']}")  # noqa: T201
    assert set(report["functions"]) == declared()
    assert set(report["statuses"]) | ELSEWHERE == set(STATUSES)
    assert share >= 0.5
    # The process's shared device stays, and its libraries with it.
    gone = {kind: report["left"][kind] for kind in ("handles", "storages", "encoders", "submissions")}
    assert not any(gone.values()), gone
    assert report["left"]["devices"] <= 1
