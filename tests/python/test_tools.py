"""What the Makefile calls: the checks for missing tools, and the conformance list."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
TESTED = "C15"
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="fakes what is on a Linux PATH")


def run(script: str, path: Path, *interpreter: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PATH": str(path)}
    command = [*(interpreter or [sys.executable]), str(ROOT / "tools" / script)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def program(folder: Path, name: str, text: str) -> None:
    file = folder / name
    file.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    file.chmod(0o755)


@LINUX
@pytest.mark.parametrize(
    ("swift", "says"),
    [
        (None, "needs Swift 6.3 or newer on PATH"),
        ("echo 'Swift version 6.2.3 (swift-6.2.3-RELEASE)'", "needs Swift 6.3 or newer (found 6.2.3)"),
        ("exit 1", "`swift --version` does not work"),
    ],
)
def test_swift_that_will_not_do_is_one_line(swift: str | None, says: str, tmp_path: Path) -> None:
    if swift:
        program(tmp_path, "swift", swift)
    result = run("check.py", tmp_path)
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert says in result.stderr


@LINUX
def test_swift_that_will_do_is_silent(tmp_path: Path) -> None:
    program(tmp_path, "swift", "echo 'Swift version 6.10 (swift-6.10-RELEASE)'")
    result = run("check.py", tmp_path)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


@LINUX
def test_newest_python_that_works_is_found(tmp_path: Path) -> None:
    shell = shutil.which("sh")
    assert shell
    program(tmp_path, "python3.14", "exit 127")  # as the shim of a version manager may
    program(tmp_path, "python3.12", "exit 0")
    program(tmp_path, "python3", "exit 1")  # too old
    assert run("find_python.sh", tmp_path, shell).stdout == f"{tmp_path}/python3.12\n"
    (tmp_path / "python3.12").unlink()
    assert run("find_python.sh", tmp_path, shell).stdout == ""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A tree with the conformance list, its lint, and one test file."""
    for name in ("tools", "tests/python"):
        (tmp_path / name).mkdir(parents=True)
    shutil.copy2(ROOT / "tools" / "conformance.py", tmp_path / "tools")
    later = "".join(f'{number} = {{ demands = "x", later = "y" }}\n' for number in numbers() if number != TESTED)
    conformance = f'[all]\n{later}{TESTED} = {{ demands = "x", tests = ["tests/python/test_a.py::test_name"] }}\n'
    (tmp_path / "tests/conformance.toml").write_text(conformance, encoding="utf-8")
    mistakes = '[all]\nsame = ["tests/python/test_a.py::test_name"]\n'
    (tmp_path / "tests/mistakes.toml").write_text(mistakes, encoding="utf-8")
    (tmp_path / "tests/python/test_a.py").write_text(f'def test_name():\n    """{TESTED}"""\n', encoding="utf-8")
    return tmp_path


def numbers() -> list[str]:
    program = "import conformance; print(*sorted(conformance.NUMBERS))"
    return subprocess.check_output([sys.executable, "-c", program], cwd=ROOT / "tools", text=True).split()


def findings(project: Path) -> list[str]:
    program = "import conformance; print(*conformance.findings(), sep='\\n')"
    return subprocess.check_output([sys.executable, "-c", program], cwd=project / "tools", text=True).split("\n")[:-1]


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_conformance_lint_is_content_with_a_true_list(project: Path) -> None:
    assert findings(project) == [""]


def test_conformance_lint_finds_what_is_wrong(project: Path) -> None:
    conformance, tests = project / "tests/conformance.toml", project / "tests/python/test_a.py"
    edit(conformance, "D07 =", "D77 =")
    edit(conformance, "D08 = {", 'D08 = { tests = ["tests/python/test_a.py::test_gone"],')
    edit(conformance, 'C16 = { demands = "x", later = "y" }', 'C16 = { demands = "x" }')
    edit(
        conformance,
        'D09 = { demands = "x", later = "y"',
        'D09 = { demands = "x", tests = ["tests/python/test_a.py::test_c17"]',
    )
    edit(project / "tests/mistakes.toml", "same = [", "new = []\nsame = [")
    edit(tests, "test_name", "test_c17")
    assert findings(project) == [
        "D07: missing in tests/conformance.toml",
        "D77: no such number",
        "C16: needs one of tests, later and never",
        "D08: needs one of tests, later and never",
        "C15: no test tests/python/test_a.py::test_name",
        "C17: tests/python/test_a.py carries it and is not listed for it",
        "D08: tests/python/test_a.py is listed for it and does not carry it",
        "D09: tests/python/test_a.py is listed for it and does not carry it",
        "same: no test tests/python/test_a.py::test_name",
        "new: no tests",
    ]
