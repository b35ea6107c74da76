"""Runs the Swift tests in which threads meet with ThreadSanitizer, which ends them with an error where two race."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SCRATCH = ROOT / ".build" / "tsan"
SWIFT = ["--sanitize=thread", "--scratch-path", str(SCRATCH)]
# All of Ingot's; of the software Metal what schedules.
TESTS = r"IngotTests\.|IngotABITests\.|MetalTests\.(CommandBuffer|Event|Order|RandomProgram|ResidencySet)Tests"
# ThreadSanitizer holds signals back until a thread calls the system, so what stops endless kernels never comes.
SKIPPED = "aKernelThatNeverEndsIsAnErrorAtTheWait"


def preload() -> dict[str, str]:
    """What shows the slow paths of Swift's Mutex on Linux; macOS has locks that ThreadSanitizer knows."""
    if sys.platform == "darwin":
        return {}
    beside = Path(shutil.which("swift") or "swift").resolve().with_name("clang")
    library = SCRATCH / "tsan_mutex.so"
    command = [str(beside), "-shared", "-fPIC", "-O1", "-o", str(library), str(ROOT / "tools" / "tsan_mutex.c")]
    subprocess.run(command, check=True)
    return {"LD_PRELOAD": str(library)}


def main() -> int:
    """Builds, and runs."""
    built = subprocess.run(["swift", "build", "--build-tests", *SWIFT], cwd=ROOT, check=False).returncode
    if built != 0:
        return built
    environment = os.environ | preload()
    command = ["swift", "test", "--skip-build", "--disable-xctest", *SWIFT, "--filter", TESTS, "--skip", SKIPPED]
    sys.stdout.write(f"left out, since ThreadSanitizer holds back signals: {SKIPPED}\n")
    sys.stdout.flush()
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
