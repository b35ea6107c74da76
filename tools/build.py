"""Builds libIngotABI and the cffi module through pip, and installs the package in place."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def compiler() -> dict[str, str]:
    """CC for the cffi module: Swift's own clang where Python's compiler is not installed."""
    usual = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")[0]
    swift = shutil.which("swift")
    if shutil.which(usual) or not swift:
        return {}
    clang = Path(swift).resolve().with_name("clang")
    return {"CC": str(clang)} if clang.exists() else {}


def main() -> int:
    """Runs pip; it prints the build's output if that fails."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    command = [*pip, "--no-build-isolation", "--no-deps", "--editable", str(ROOT / "python")]
    command += ["--config-settings", "editable_mode=compat"]  # a path that type checkers find, too
    return subprocess.run(command, env=os.environ | compiler(), check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
