"""Runs all linters, each even if the one before it fails."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import conformance

ROOT = Path(__file__).resolve().parent.parent
LONGEST = 400
THE_HEADER = "Sources/CIngot/include/ingot.h"  # one by design, whatever its length


def tool(*command: str, folder: str = ".") -> list[str]:
    """Runs one linter, whose findings go to the terminal."""
    print(f"$ {' '.join(command)}", flush=True)
    status = subprocess.run(command, cwd=ROOT / folder, check=False).returncode
    return [] if status == 0 else [f"{command[0]} failed"]


def module(name: str, *arguments: str, folder: str = ".") -> list[str]:
    """Runs a linter of the virtual environment."""
    return tool(str(Path(sys.executable).parent / name), *arguments, folder=folder)


def swift_format() -> list[str]:
    """Swift's own formatter, with every rule on."""
    if not shutil.which("swift"):
        return ["swift is not on PATH"]
    return tool("swift", "format", "lint", "--strict", "-r", "Sources", "tests", "examples", "Package.swift")


def no_foundation() -> list[str]:
    """On Linux Foundation is 56 MB for nothing; on a Mac, Platform/ reads NSError with it."""
    pattern = re.compile(r"^[^/\n]*\bimport (\w+ )?Foundation", re.MULTILINE)
    sources = (path for path in sorted((ROOT / "Sources").rglob("*.swift")) if path.parent.name != "Platform")
    return [
        f"{path.relative_to(ROOT)}: imports Foundation" for path in sources if pattern.search(path.read_text("utf-8"))
    ]


def short_files() -> list[str]:
    """A longer file has two subjects."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout
    code = [name for name in listed.splitlines() if name.endswith((".swift", ".py", ".c", ".h", ".metal"))]
    lengths = {name: len((ROOT / name).read_bytes().splitlines()) for name in code if (ROOT / name).exists()}
    return [
        f"{name}: {length} lines, at most {LONGEST}"
        for name, length in lengths.items()
        if length > LONGEST and name != THE_HEADER
    ]


def main() -> int:
    """Runs everything and returns the exit status."""
    problems = [
        *swift_format(),
        *module("ruff", "check", "."),
        *module("ruff", "format", "--check", "."),
        *module("mypy"),
        *no_foundation(),
        *short_files(),
        *conformance.findings(),
    ]
    print("\n".join(problems) or "lint: nothing found")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
