"""Says in one line each what must be installed before Ingot can be built."""

from __future__ import annotations

import importlib.util
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

DARWIN = sys.platform == "darwin"
SWIFT = (6, 3)
XCODE = (26, 4)


def main() -> int:
    """Prints what is missing and returns the exit status."""
    if missing := next(_machine(), None):
        problems = [missing]
    else:
        problems = [*_python(), *(_xcode() if DARWIN else ()), *_swift()]
    for problem in problems:
        print(f"ingot: {problem}", file=sys.stderr)
    return 1 if problems else 0


def _machine() -> Iterator[str]:
    if DARWIN and platform.machine() != "arm64":
        yield "needs a Mac with Apple silicon and an arm64 Python (this one is x86_64: an Intel Mac, or Rosetta)"
    if DARWIN and _version(platform.mac_ver()[0]) < (15, 0):
        yield f"needs macOS 15 or newer (found {platform.mac_ver()[0]})"
    if sys.platform not in ("darwin", "linux"):
        yield f"runs on macOS and Linux, not on {sys.platform}"


def _python() -> Iterator[str]:
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    if sys.version_info < (3, 11):  # noqa: UP036  (PYTHON=... may name an old one)
        yield f"needs Python 3.11 or newer (found {platform.python_version()})"
    if not importlib.util.find_spec("venv") or not importlib.util.find_spec("ensurepip"):
        yield f"{sys.executable} has no venv module: install it (Debian, Ubuntu: apt-get install {name}-venv)"
    if not (Path(sysconfig.get_path("include")) / "Python.h").exists():
        yield f"{sys.executable} has no headers: install them (Debian, Ubuntu: apt-get install {name}-dev)"


def _xcode() -> Iterator[str]:
    """The Command Line Tools alone lack what `swift test` needs."""
    text = _output("xcodebuild", "-version")
    found = re.search(r"Xcode ([\d.]+)", text)
    if not found:
        yield "needs Xcode 26.4 or newer: install it, open it once, then `sudo xcode-select -s /Applications/Xcode.app`"
    elif _version(found[1]) < XCODE:
        yield f"needs Xcode 26.4 or newer (found {found[1]}): update it, or choose it with xcode-select"


def _swift() -> Iterator[str]:
    where = "it comes with Xcode 26.4" if DARWIN else "see swift.org/install"
    if not shutil.which("swift"):
        yield f"needs Swift 6.3 or newer on PATH: {where}"
        return
    found = re.search(r"Swift version ([\d.]+)", _output("swift", "--version"))
    if not found:
        yield f"`swift --version` does not work: install Swift 6.3 or newer, {where}"
    elif _version(found[1]) < SWIFT:
        yield f"needs Swift 6.3 or newer (found {found[1]}): {where}"


def _output(*command: str) -> str:
    """What a command prints, both streams; empty if it cannot be run."""
    try:
        run = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return run.stdout + run.stderr


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text))


if __name__ == "__main__":
    sys.exit(main())
