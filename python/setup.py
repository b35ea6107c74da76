"""Builds libIngotABI with `swift build`, puts it into the package, and links the cffi module against it."""

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE / "swift" if (HERE / "swift").exists() else HERE.parent  # the first only in an sdist
DARWIN = sys.platform == "darwin"
LIBRARY = "libIngotABI.dylib" if DARWIN else "libIngotABI.so"

if DARWIN:
    if platform.machine() != "arm64":
        sys.exit(
            "ingot: needs Apple silicon and an arm64 Python (this one is x86_64, on an Intel Mac or under Rosetta)"
        )
    # A universal2 Python would build for x86_64 too and tag the wheel so; setuptools reads these when imported.
    os.environ["MACOSX_DEPLOYMENT_TARGET"] = "15.0"
    os.environ["ARCHFLAGS"] = "-arch arm64"
    os.environ["_PYTHON_HOST_PLATFORM"] = "macosx-15.0-arm64"

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.sdist import sdist


def swift_build_command() -> list[str]:
    """`swift build` of the dynamic library. The export flags would break test bundles, so only this build has them."""
    command = ["swift", "build", "--package-path", str(ROOT), "-c", "release", "--product", "IngotABI"]
    if DARWIN:
        return [*command, "-Xlinker", "-exported_symbols_list", "-Xlinker", str(HERE / "exports.txt")]
    return [*command, "-Xswiftc", "-static-stdlib", "-Xlinker", f"--version-script={HERE / 'exports.map'}"]


def build_swift() -> Path:
    """Builds the library and returns where it is."""
    if shutil.which("swift") is None:
        sys.exit("ingot: `swift` is not on PATH; install Swift 6.3 or newer (swift.org/install; on a Mac Xcode 26.4)")
    command = swift_build_command()
    if subprocess.run(command, check=False).returncode != 0:
        sys.exit(f"ingot: the Swift build failed: {' '.join(command)}")
    folder = subprocess.check_output([*command, "--show-bin-path"], text=True).strip()
    return Path(folder) / LIBRARY


def replace_library(source: Path, target: Path) -> None:
    """Copies through a temporary name: a Mac kills processes whose library was overwritten in place."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    shutil.copy2(source, temporary)
    temporary.replace(target)


class BuildExt(build_ext):
    """Builds the Swift library first and places it beside the extension."""

    def build_extension(self, ext: Extension) -> None:
        library = build_swift()
        in_place = self.inplace or self.editable_mode  # get_ext_fullpath is a temporary folder there
        package = HERE / "ingot" if in_place else Path(self.get_ext_fullpath(ext.name)).parent
        replace_library(library, package / LIBRARY)
        ext.library_dirs.append(str(library.parent))
        super().build_extension(ext)


class SDist(sdist):
    """Carries the Swift package along: what the manifest names must be there, or SwiftPM refuses it."""

    def make_release_tree(self, base_dir: str, files: list[str]) -> None:
        super().make_release_tree(base_dir, files)
        vendored = Path(base_dir) / "swift"
        for folder in ("Sources", "tests/swift"):
            shutil.copytree(ROOT / folder, vendored / folder, dirs_exist_ok=True)
        shutil.copy2(ROOT / "Package.swift", vendored)


os.environ["INGOT_HEADER"] = str(ROOT / "Sources/CIngot/include/ingot.h")
setup(cffi_modules=["ingot_cffi.py:ffibuilder"], cmdclass={"build_ext": BuildExt, "sdist": SDist})
