"""The examples of README.md run as they stand there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
EXAMPLE = ROOT / "examples" / "saxpy"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


def test_python_examples_run_in_one_session(tmp_path: Path) -> None:
    source = "\n".join(blocks("python"))
    command = [sys.executable, "-W", "error", "-c", source]
    run = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    lines = run.stdout.splitlines()
    assert lines[0] == "[0. 2. 4. 6.]"
    assert re.fullmatch(r"True \d+\.\d+(e-\d+)?", lines[1])
    assert lines[2] == "1 46"
    assert "oops" in "\n".join(lines[3:])
    assert re.search(r"^gpu +timed +1 ", run.stdout, re.MULTILINE)
    assert re.search(r"^ (stage-boundary counters|none: )", run.stdout, re.MULTILINE)


def test_first_python_example_is_short() -> None:
    lines = [line for line in blocks("python")[0].splitlines() if line]
    assert len(lines) <= 16


def test_swift_example_is_the_example_package() -> None:
    assert blocks("swift") == [(EXAMPLE / "Sources" / "saxpy" / "main.swift").read_text(encoding="utf-8")]


def test_swift_example_runs() -> None:
    command = [
        "swift",
        "run",
        "--quiet",
        "--package-path",
        str(EXAMPLE),
        "--scratch-path",
        str(ROOT / ".build/examples"),
    ]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout.splitlines()[-1] == "0.0 2.0 4.0 6.0"


def test_every_environment_variable_is_in_the_table() -> None:
    folders = [ROOT / "Sources", ROOT / "python" / "ingot"]
    files = [path for folder in folders for path in folder.rglob("*") if path.suffix in {".swift", ".py", ".c", ".h"}]
    used = {name for path in files for name in re.findall(r"""["'](INGOT_[A-Z_]+)["']""", path.read_text("utf-8"))}
    settings = {name for name in used if not name.startswith(("INGOT_ERROR", "INGOT_OK"))}
    assert sorted(name for name in settings if f"`{name}" not in README) == []
