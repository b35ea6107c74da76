"""Installs the pip packages of one group of python/pyproject.toml into the running environment."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent / "python" / "pyproject.toml"


def requirements(group: str) -> list[str]:
    """The requirements of an extra, or for `build` those of building and importing the package."""
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))
    if group == "build":
        return [*project["build-system"]["requires"], *project["project"]["dependencies"]]
    return list(project["project"]["optional-dependencies"][group])


def main() -> int:
    """Installs the group named on the command line."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    return subprocess.run([*pip, *requirements(sys.argv[1])], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
