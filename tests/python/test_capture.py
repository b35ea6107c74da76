"""GPU captures: `with ingot.capture(...)`."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from kernels import SAXPY

import ingot

if TYPE_CHECKING:
    from pathlib import Path

ON_MAC = sys.platform == "darwin"

CAPTURED = f"""
import sys
import numpy as np
import ingot
device = ingot.Device()
saxpy = device.compile({SAXPY!r}).kernel("saxpy")
x = device.full((64,), 1, np.float32)
def work():
    with device.encoder(label="captured") as encoder:
        encoder.dispatch(saxpy, x, x, a=2.0, grid=64)
        encoder.commit_and_wait()
with ingot.capture(sys.argv[1]):
    work()
    try:
        with ingot.capture(sys.argv[1] + ".gputrace"):
            raise AssertionError
    except ingot.StateError as error:
        assert "under way" in str(error)
work()
assert x.numpy()[0] == 9
"""


@pytest.mark.skipif(not ON_MAC, reason="C60: only a Mac writes captures")
def test_c60_a_capture_leaves_a_document_that_is_not_empty(environment: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "work.gputrace"
    environment |= {"METAL_CAPTURE_ENABLED": "1", "MTL_CAPTURE_ENABLED": "1"}
    command = [sys.executable, "-c", CAPTURED, str(path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert path.exists()
    assert sum(file.stat().st_size for file in path.rglob("*") if file.is_file()) > 0


@pytest.mark.software(reason="on a Mac it depends on the environment")
def test_c58_not_supported_is_an_error_that_says_what_to_do(device: ingot.Device, tmp_path: Path) -> None:
    path = tmp_path / "x.gputrace"
    for _ in range(2):  # nothing is left behind that would refuse the second for another reason
        with (
            pytest.raises(ingot.StateError, match=r"not supported.*MTL_CAPTURE_ENABLED=1.*METAL_CAPTURE_ENABLED=1"),
            ingot.capture(path, device),
        ):
            pytest.fail("the block must not run")
    assert not path.exists()


def test_paths_are_new_and_end_in_gputrace(device: ingot.Device, tmp_path: Path) -> None:
    existing = tmp_path / "there.gputrace"
    existing.mkdir()
    wrong: list[tuple[Any, str]] = [(existing, "exists"), (tmp_path / "x.json", "end in"), ("", "end in"), (7, "path")]
    wrong.append(("a\0.gputrace", "NUL"))
    for path, message in wrong:
        with pytest.raises(ingot.ArgumentError, match=message), ingot.capture(path, device):
            pytest.fail("the block must not run")
    with pytest.raises(ingot.ArgumentError, match="device"), ingot.capture(tmp_path / "x.gputrace", "gpu"):  # type: ignore[arg-type]
        pytest.fail("the block must not run")


@pytest.mark.software(reason="on a Mac it depends on the environment")
def test_c59_after_a_refusal_everything_runs_as_before(device: ingot.Device, tmp_path: Path) -> None:
    with pytest.raises(ingot.StateError), ingot.capture(tmp_path / "x.gputrace", device):
        pass
    x = device.full((8,), 1, np.float32)
    with device.encoder() as encoder:
        encoder.dispatch(device.compile(SAXPY).kernel("saxpy"), x, x, a=2.0, grid=8)
        encoder.commit_and_wait()
    assert x.numpy().tolist() == [3] * 8
